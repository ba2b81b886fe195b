"""Types as rows of functions: name, size, freeing, copying, checking, digest, rewriting and serialization.

Only this module switches on a value's type; each type's own file knows its encodings. A type added here works in TYPE, SCAN
TYPE, COPY, DEL, MEMORY USAGE, eviction, DEBUG DIGEST and rewriting. Serialization belongs to the layer
above (persist/rdb), which sets the last two functions of each row when it is imported.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from kvd.core.entry cimport (
    BOXED, entry_bytes, entry_deadline, entry_free, entry_inline, entry_key, entry_new, entry_payload,
)
from kvd.core.mem cimport mem_cost
from kvd.core.view cimport view_is, view_str
from kvd.types.array cimport array_bytes, array_check, array_copy, array_encoding_name, array_free_some, array_parts
from kvd.types.digest cimport (
    array_digest, digest_mix_number, digest_xor, hash_digest, list_digest, set_digest, stream_digest, string_digest, zset_digest,
)
from kvd.types.hash cimport hash_bytes, hash_check, hash_copy, hash_encoding_name, hash_free_some, hash_len, hash_parts
from kvd.types.kind cimport HASH, LIST, TYPES, type_of
from kvd.types.list cimport list_bytes, list_check, list_copy, list_encoding_name, list_end, list_free_some, list_len, list_parts
from kvd.types.rewrite cimport (
    array_rewrite, deadline_rewrite, hash_rewrite, list_rewrite, set_rewrite, stream_rewrite, string_rewrite, zset_rewrite,
)
from kvd.types.set cimport set_bytes, set_check, set_copy, set_encoding_name, set_free_some, set_len, set_parts
from kvd.types.stream cimport (
    stream_bytes, stream_check, stream_copy, stream_encoding_name, stream_free_some, stream_parts,
)
from kvd.types.string cimport (
    string_bytes, string_check, string_copy, string_encoding_name, string_free_some, string_len, string_parts,
)
from kvd.types.zset cimport zset_bytes, zset_check, zset_copy, zset_encoding_name, zset_free_some, zset_len, zset_parts

cdef type_row ROWS[TYPES]      # in the order of value_type
ROWS[0] = type_row(
    b"string", 0, string_free_some, string_parts, string_bytes, string_copy, string_len, string_encoding_name, string_check, string_digest, string_rewrite, NULL, NULL)
ROWS[1] = type_row(
    b"list", 1, list_free_some, list_parts, list_bytes, list_copy, list_len, list_encoding_name, list_check, list_digest, list_rewrite, NULL, NULL)
ROWS[2] = type_row(
    b"set", 2, set_free_some, set_parts, set_bytes, set_copy, set_len, set_encoding_name, set_check, set_digest, set_rewrite, NULL, NULL)
ROWS[3] = type_row(
    b"zset", 3, zset_free_some, zset_parts, zset_bytes, zset_copy, zset_len, zset_encoding_name, zset_check, zset_digest, zset_rewrite, NULL, NULL)
ROWS[4] = type_row(
    b"hash", 4, hash_free_some, hash_parts, hash_bytes, hash_copy, hash_len, hash_encoding_name, hash_check, hash_digest, hash_rewrite, NULL, NULL)
ROWS[5] = type_row(
    b"stream", 6, stream_free_some, stream_parts, stream_bytes, stream_copy, NULL, stream_encoding_name, stream_check, stream_digest, stream_rewrite, NULL, NULL)
ROWS[6] = type_row(
    b"array", 7, array_free_some, array_parts, array_bytes, array_copy, NULL, array_encoding_name, array_check, array_digest, array_rewrite, NULL, NULL)

cdef enum:
    TYPE_BITS = 15             # of an entry's kind


cdef inline type_row *row_of(entry *e) noexcept nogil:
    return &ROWS[e.kind & TYPE_BITS]


cdef inline bint owns(entry *e) noexcept nogil:
    """Has it more than its own block? A hash that is a row holds its template."""
    return e.flags & BOXED or type_of(e) == HASH


cdef type_row *type_row_of(int type) noexcept nogil:
    return &ROWS[type]


cdef void value_files(int type, bint (*save)(void *) noexcept nogil, entry *(*load)(void *, int, view) noexcept nogil) noexcept:
    ROWS[type].save = save
    ROWS[type].load = load


cdef const char *type_name(int type) noexcept nogil:
    return ROWS[type].name


cdef int type_named(view name) noexcept nogil:
    cdef int i
    for i in range(TYPES):
        if view_is(name, ROWS[i].name):
            return i
    return -1


cdef const char *encoding_name(entry *e) noexcept nogil:
    return row_of(e).encoding(e)


cdef void value_free(heap *h, entry *e) noexcept nogil:
    cdef int budget
    while True:
        budget = 1 << 20
        if value_free_some(h, e, &budget):
            return


cdef bint value_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    if owns(e) and not row_of(e).free_some(h, e, budget):
        return False
    budget[0] -= 1
    entry_free(h, e)
    return True


cdef size_t value_parts(entry *e) noexcept nogil:
    return row_of(e).parts(e) if e.flags & BOXED else 0


cdef size_t value_bytes(entry *e, size_t samples) noexcept nogil:
    return mem_cost(entry_bytes(e)) + (row_of(e).bytes(e, samples) if e.flags & BOXED else 0)


cdef entry *clone(heap *h, entry *e, view key, uint8_t flags) noexcept nogil:
    """Copies header, inline bytes and the payload word itself."""
    cdef view v
    cdef entry *c
    v.ptr = NULL
    v.len = 0
    if not e.flags & BOXED:
        v = entry_inline(e)
    c = entry_new(h, key, v.len, flags)
    if c == NULL:
        return NULL
    c.access = e.access
    c.kind = e.kind
    if e.flags & BOXED:
        entry_payload(c)[0] = entry_payload(e)[0]
    else:
        memcpy(<char *>entry_inline(c).ptr, v.ptr, v.len)
    return c


cdef entry *value_copy(heap *h, entry *e, view key) noexcept nogil:
    cdef entry *c = clone(h, e, key, e.flags & BOXED)
    if c != NULL and owns(e) and not row_of(e).copy(h, e, c):
        entry_free(h, c)
        return NULL
    return c


cdef entry *value_reshape(heap *h, entry *e, view key, uint8_t timed) noexcept nogil:
    return clone(h, e, key, (e.flags & BOXED) | timed)


cdef const char *value_check(entry *e) noexcept nogil:
    if e.kind & TYPE_BITS >= TYPES:
        return b"a value of no known type"
    return row_of(e).check(e)


cdef bint value_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    digest_mix_number(d, row_of(e).number)
    if not row_of(e).digest(e, now, d):
        return False
    if entry_deadline(e) >= 0:
        digest_xor(d, view_str(b"!!expire!!"))
    return True


cdef void value_rewrite_start(rewrite_walk *w, entry *e) noexcept nogil:
    memset(w, 0, sizeof(rewrite_walk))
    w.e = e


cdef bint value_rewrite_some(rewrite_walk *w, command_sink *to) noexcept nogil:
    w.to = to
    to.full = False
    if not row_of(w.e).rewrite(w):
        return False
    if not w.failed and entry_deadline(w.e) >= 0:
        w.failed = not deadline_rewrite(entry_key(w.e), entry_deadline(w.e), to)
    return True


cdef void value_rewrite_drop(rewrite_walk *w) noexcept nogil:
    if w.stage and type_of(w.e) == LIST:
        list_end(&w.at.elements)


cdef bint value_rewrite(entry *e, command_sink *to) noexcept nogil:
    cdef rewrite_walk w
    value_rewrite_start(&w, e)
    while not value_rewrite_some(&w, to):
        pass
    return not w.failed
