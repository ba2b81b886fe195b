"""Strings: three representations.

    integer   BOXED, the payload is the number            encoding INT
    inline    bytes after the key, up to INLINE_MAX      EMBSTR up to 44 bytes, else RAW
    blob      BOXED, the payload points to a blob         RAW (EMBSTR after COPY never gets here)

The encoding tag is the result of OBJECT ENCODING and follows the documented rules (44 bytes, RAW after a
change in place); the location of the bytes is invisible there and depends on BOXED and the tag.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from kvd.core.entry cimport BOXED, WIDE, entry_bytes, entry_inline, entry_key, entry_new, entry_payload, entry_wide
from kvd.core.mem cimport mem_alloc, mem_cost, mem_fits, mem_free, mem_realloc, mem_take
from kvd.core.text cimport digits, format_int, parse_int
from kvd.types.kind cimport EMBSTR, INT, RAW, STRING, encoding_of, kind_of

cdef enum:
    INLINE_MAX = 512           # longer values are stored separately, so that entries stay cheap to move
    EMBSTR_MAX = 44
    BLOB_HEADER = 16


cdef const char *NAMES[3]
NAMES[:] = [b"raw", b"int", b"embstr"]


cdef inline blob *blob_of(entry *e) noexcept nogil:
    return <blob *>entry_payload(e)[0]


cdef inline bint is_int(entry *e) noexcept nogil:
    return encoding_of(e) == INT


cdef blob *blob_new(heap *h, size_t n, size_t cap) noexcept nogil:
    cdef blob *b
    if cap > <size_t>-1 - BLOB_HEADER:
        return NULL
    b = <blob *>mem_alloc(h, cap + BLOB_HEADER)
    if b != NULL:
        b.len = n
        b.cap = cap
    return b


cdef blob *blob_with(heap *h, view value) noexcept nogil:
    """A blob that holds the value: the memory that it was received into, if that is on offer, else a copy."""
    cdef blob *b = <blob *>mem_take(h, value, BLOB_HEADER)
    if b != NULL:
        b.len = b.cap = value.len
        return b
    b = blob_new(h, value.len, value.len)
    if b != NULL:
        memcpy(b.bytes, value.ptr, value.len)
    return b


cdef entry *string_new_int(heap *h, view key, int64_t n, uint8_t timed) noexcept nogil:
    cdef entry *e = entry_new(h, key, 0, BOXED | timed)
    if e != NULL:
        e.kind = kind_of(STRING, INT)
        string_int_cell(e)[0] = n
    return e


cdef entry *string_new_text(heap *h, view key, view value, uint8_t timed) noexcept nogil:
    cdef entry *e
    cdef blob *b
    if value.len <= INLINE_MAX:
        e = entry_new(h, key, value.len, timed)
        if e == NULL:
            return NULL
        memcpy(<char *>entry_inline(e).ptr, value.ptr, value.len)
    else:
        b = blob_with(h, value)
        if b == NULL:
            return NULL
        e = entry_new(h, key, 0, BOXED | timed)
        if e == NULL:
            mem_free(h, b, value.len + BLOB_HEADER)
            return NULL
        entry_payload(e)[0] = b
    e.kind = kind_of(STRING, EMBSTR if value.len <= EMBSTR_MAX else RAW)
    return e


cdef entry *string_new(heap *h, view key, view value, uint8_t timed) noexcept nogil:
    cdef int64_t n
    if value.len <= 20 and parse_int(value, &n):
        return string_new_int(h, key, n, timed)
    return string_new_text(h, key, value, timed)


cdef bint string_assign(entry *e, view value) noexcept nogil:
    cdef int64_t n
    cdef size_t before, after
    if value.len <= 20 and parse_int(value, &n):
        if not is_int(e):
            return False
        string_int_cell(e)[0] = n
        return True
    if e.flags & BOXED or value.len > INLINE_MAX:
        return False
    before = entry_bytes(e)
    if e.flags & WIDE:
        after = before - entry_wide(e)[1] + value.len
    else:
        if value.len > 255:
            return False
        after = before - e.vlen + value.len
    if not mem_fits(before, after):
        return False
    if e.flags & WIDE:
        entry_wide(e)[1] = value.len
    else:
        e.vlen = <uint8_t>value.len
    memcpy(<char *>entry_inline(e).ptr, value.ptr, value.len)
    e.kind = kind_of(STRING, EMBSTR if value.len <= EMBSTR_MAX else RAW)
    return True


cdef view string_view(entry *e, char *scratch) noexcept nogil:
    cdef view v
    if not e.flags & BOXED:
        return entry_inline(e)
    if is_int(e):
        v.ptr = scratch
        v.len = format_int(scratch, string_int_cell(e)[0])
    else:
        v.ptr = blob_of(e).bytes
        v.len = blob_of(e).len
    return v


cdef bint string_int(entry *e, int64_t *n) noexcept nogil:
    if is_int(e):
        n[0] = string_int_cell(e)[0]
        return True
    return parse_int(string_view(e, NULL), n)


cdef size_t string_len(entry *e) noexcept nogil:
    cdef int64_t n
    if not e.flags & BOXED:
        return entry_inline(e).len
    if is_int(e):
        n = string_int_cell(e)[0]
        return digits(n) if n >= 0 else digits(-n) + 1
    return blob_of(e).len


cdef char *string_open(heap *h, entry **place, size_t n) noexcept nogil:
    cdef entry *e = place[0]
    cdef entry *moved
    cdef char scratch[24]
    cdef view old
    cdef blob *b
    cdef blob *grown
    cdef size_t cap
    cdef size_t had = string_len(e)
    if e.flags & BOXED and not is_int(e):
        b = blob_of(e)
        if n > b.cap:
            cap = n + min(n, 1048576)
            grown = <blob *>mem_realloc(h, b, b.cap + BLOB_HEADER, cap + BLOB_HEADER)
            if grown == NULL:
                return NULL
            b = grown
            b.cap = cap
            entry_payload(e)[0] = b
    else:
        if not e.flags & BOXED and n == had:
            e.kind = kind_of(STRING, RAW)
            return <char *>entry_inline(e).ptr
        old = string_view(e, scratch)
        if n <= INLINE_MAX // 2:
            moved = entry_new(h, entry_key(e), n, e.flags & 1)
            if moved == NULL:
                return NULL
            moved.access = e.access
            moved.kind = kind_of(STRING, RAW)
            memcpy(<char *>entry_inline(moved).ptr, old.ptr, min(had, n))
            if n > had:
                memset(<char *>entry_inline(moved).ptr + had, 0, n - had)
            keep_timer(e, moved)
            place[0] = moved
            return <char *>entry_inline(moved).ptr
        b = blob_new(h, had, n + (min(n, 1048576) if had else 0))
        if b == NULL:
            return NULL
        memcpy(b.bytes, old.ptr, min(had, n))
        moved = entry_new(h, entry_key(e), 0, BOXED | (e.flags & 1))
        if moved == NULL:
            mem_free(h, b, b.cap + BLOB_HEADER)
            return NULL
        moved.access = e.access
        entry_payload(moved)[0] = b
        keep_timer(e, moved)
        place[0] = moved
        e = moved
    if n > had:
        memset(b.bytes + had, 0, n - had)
    b.len = n
    e.kind = kind_of(STRING, RAW)
    return b.bytes


cdef inline void keep_timer(entry *old, entry *new) noexcept nogil:
    """Keeps the deadline and the position in the wheel (the keyspace reports the timer's move to the wheel)."""
    if old.flags & 1:
        memcpy(<char *>new + 8, <char *>old + 8, 16)


cdef bint string_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    if not is_int(e):
        mem_free(h, blob_of(e), blob_of(e).cap + BLOB_HEADER)
    return True


cdef size_t string_parts(entry *e) noexcept nogil:
    return 1


cdef size_t string_bytes(entry *e, size_t samples) noexcept nogil:
    return 0 if is_int(e) else mem_cost(blob_of(e).cap + BLOB_HEADER)


cdef const char *string_encoding_name(entry *e) noexcept nogil:
    return NAMES[encoding_of(e)]


cdef const char *string_check(entry *e) noexcept nogil:
    if encoding_of(e) > EMBSTR:
        return b"a string of unknown encoding"
    if is_int(e):
        if not e.flags & BOXED:
            return b"an integer that is not in its cell"
    elif not e.flags & BOXED:
        if encoding_of(e) == EMBSTR and entry_inline(e).len > EMBSTR_MAX:
            return b"a string too long for its encoding"
    elif blob_of(e).len > blob_of(e).cap:
        return b"a string exceeds its allocation"
    return NULL


cdef bint string_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef blob *b
    if is_int(source):
        return True
    b = blob_new(h, blob_of(source).len, blob_of(source).len)
    if b == NULL:
        return False
    memcpy(b.bytes, blob_of(source).bytes, b.len)
    entry_payload(copy)[0] = b
    return True
