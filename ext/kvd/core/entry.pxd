"""One item of a table: a header, the key's bytes, and the value if it is small. One allocation.

    +---------+---------+---------+---------+-------+---------------+
    | header  | timer   | wide    | payload | key   | value bytes   |
    | 8 bytes | 16 opt. | 8 opt.  | 8 opt.  |       | opt.          |
    +---------+---------+---------+---------+-------+---------------+
    header: access 4, kind 1, flags 1, key length 1, value length 1

TIMED: it has a deadline and is in a wheel. WIDE: a length is above 255, both are in `wide`.
SEEN: the running snapshot has written it, or does not write it (keyspace.pyx). BOXED: the value is the 8-byte payload (a pointer or an integer), and no value bytes follow the key.
A plain entry of a 16-byte key and a 32-byte value is thus 56 bytes, and nothing else points at it
but one 6-byte slot of the table.

The table reads the key; upper layers define what kind, access and payload mean. The first three flags
shape the layout and never change in place: to add a deadline is to make a new entry (entry_reshape).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kvd.core.mem cimport heap, mem_alloc, mem_free
from kvd.core.view cimport view

cdef enum:
    TIMED = 1
    WIDE = 2
    BOXED = 4
    SEEN = 8

cdef struct timer:
    int64_t deadline           # ms since 1970
    uint64_t place             # position in the wheel; 0 when in none

cdef struct entry:
    uint32_t access
    uint8_t kind
    uint8_t flags
    uint8_t klen
    uint8_t vlen


cdef inline size_t entry_prefix(uint8_t flags) noexcept nogil:
    """Bytes before the key."""
    return 8 + ((flags & 1) << 4) + ((flags & 2) << 2) + ((flags & 4) << 1)


cdef inline uint32_t *entry_wide(entry *e) noexcept nogil:
    return <uint32_t *>(<char *>e + 8 + ((e.flags & 1) << 4))


cdef inline void **entry_payload(entry *e) noexcept nogil:
    """The payload word of a BOXED entry."""
    return <void **>(<char *>e + entry_prefix(e.flags) - 8)


cdef inline view entry_key(entry *e) noexcept nogil:
    cdef view v
    v.ptr = <char *>e + entry_prefix(e.flags)
    v.len = entry_wide(e)[0] if e.flags & WIDE else e.klen
    return v


cdef inline view entry_inline(entry *e) noexcept nogil:
    """The value bytes of an entry that is not BOXED."""
    cdef view v
    if e.flags & WIDE:
        v.ptr = <char *>e + entry_prefix(e.flags) + entry_wide(e)[0]
        v.len = entry_wide(e)[1]
    else:
        v.ptr = <char *>e + entry_prefix(e.flags) + e.klen
        v.len = e.vlen
    return v


cdef inline size_t entry_bytes(entry *e) noexcept nogil:
    """Bytes it was allocated with."""
    if e.flags & WIDE:
        return entry_prefix(e.flags) + entry_wide(e)[0] + entry_wide(e)[1]
    return entry_prefix(e.flags) + e.klen + e.vlen


cdef inline timer *entry_timer(entry *e) noexcept nogil:
    return <timer *>(<char *>e + 8) if e.flags & TIMED else NULL


cdef inline entry *timer_entry(timer *t) noexcept nogil:
    return <entry *>(<char *>t - 8)


cdef inline int64_t entry_deadline(entry *e) noexcept nogil:
    """Deadline in ms since 1970, or -1."""
    return (<timer *>(<char *>e + 8)).deadline if e.flags & TIMED else -1


cdef inline entry *entry_new(heap *h, view key, size_t vlen, uint8_t flags) noexcept nogil:
    """A new entry with its key copied in, room for vlen value bytes, no deadline yet; or NULL."""
    cdef entry *e
    if key.len > 255 or vlen > 255:
        flags |= WIDE
    e = <entry *>mem_alloc(h, entry_prefix(flags) + key.len + vlen)
    if e == NULL:
        return NULL
    e.access = 0
    e.kind = 0
    e.flags = flags
    if flags & WIDE:
        e.klen = e.vlen = 0
        entry_wide(e)[0] = <uint32_t>key.len
        entry_wide(e)[1] = <uint32_t>vlen
    else:
        e.klen = <uint8_t>key.len
        e.vlen = <uint8_t>vlen
    if flags & TIMED:
        (<timer *>(<char *>e + 8)).deadline = 0
        (<timer *>(<char *>e + 8)).place = 0
    if flags & BOXED:
        entry_payload(e)[0] = NULL
    memcpy(<char *>e + entry_prefix(flags), key.ptr, key.len)
    return e


cdef inline void entry_free(heap *h, entry *e) noexcept nogil:
    mem_free(h, e, entry_bytes(e))
