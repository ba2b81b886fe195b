"""What every type has to answer: its name, its size, how it is freed, copied and given a deadline.

The one place that asks which type a value is; each type's own file knows its encodings. A type added
here is known to TYPE, SCAN TYPE, COPY, DEL, MEMORY USAGE and eviction at once.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from kvd.core.entry cimport BOXED, entry, entry_bytes, entry_free, entry_inline, entry_new, entry_payload
from kvd.core.mem cimport heap, mem_cost
from kvd.core.view cimport view, view_is
from kvd.types.string cimport string_copy_boxed, string_boxed_bytes, string_free_boxed
from kvd.types.value cimport TYPES, encoding_of

cdef const char *TYPE_NAMES[6]
TYPE_NAMES[:] = [b"string", b"list", b"set", b"zset", b"hash", b"stream"]
cdef const char *STRING_ENCODINGS[3]
STRING_ENCODINGS[:] = [b"raw", b"int", b"embstr"]


cdef const char *type_name(int type) noexcept nogil:
    return TYPE_NAMES[type]


cdef int type_named(view name) noexcept nogil:
    cdef int i
    for i in range(TYPES):
        if view_is(name, TYPE_NAMES[i]):
            return i
    return -1


cdef const char *encoding_name(entry *e) noexcept nogil:
    return STRING_ENCODINGS[encoding_of(e)]


cdef void value_free(heap *h, entry *e) noexcept nogil:
    if e.flags & BOXED:
        string_free_boxed(h, e)
    entry_free(h, e)


cdef size_t value_bytes(entry *e) noexcept nogil:
    cdef size_t n = mem_cost(entry_bytes(e))
    if e.flags & BOXED:
        n += string_boxed_bytes(e)
    return n


cdef entry *clone(heap *h, entry *e, view key, uint8_t flags) noexcept nogil:
    """Header, inline bytes and the payload word itself."""
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
    if c != NULL and e.flags & BOXED and not string_copy_boxed(h, e, c):
        entry_free(h, c)
        return NULL
    return c


cdef entry *value_reshape(heap *h, entry *e, view key, uint8_t timed) noexcept nogil:
    return clone(h, e, key, (e.flags & BOXED) | timed)
