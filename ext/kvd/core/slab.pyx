"""Nodes by number: the entries of an object cache, and whatever else is known of each.

    node, 32 bytes
    +-----+-------+------+------+------+------+
    | key | value | hash | mark | prev | next |
    +-----+-------+------+------+------+------+
      8     8       4      4      4      4

A node is named by a 32-bit number, not by its address: a link costs 4 bytes instead of 8, and anything
optional (a deadline, a weight, tags) is a column indexed by the same number, which caches that never
use it do not pay for. Nodes live in segments of 256 that never move; only the first one does, while it
grows from 8 nodes to 256, so that a small cache is small. Number 0 is nobody.

A freed number goes on a list and is handed out again before a new one. Memory goes back when the last
node is freed.

A queue is a doubly linked list through `prev` and `next`; a node stands in one queue at a time.
"""

from libc.string cimport memset

from kvd.core.mem cimport heap, mem_alloc, mem_free, mem_realloc

cdef enum:
    FIRST = 8                  # nodes the first segment begins with

assert sizeof(node) == 32


cdef void slab_init(slab *s, heap *h) noexcept nogil:
    memset(s, 0, sizeof(slab))
    s.mem = h
    s.top = 1


cdef void slab_release(slab *s) noexcept nogil:
    cdef uint32_t k
    cdef size_t each = s.room if s.room < <uint32_t>SEGMENT else SEGMENT
    for k in range((s.room + SEGMENT - 1) >> SEGMENT_BITS):
        mem_free(s.mem, s.segments[k], each * sizeof(node))
    mem_free(s.mem, s.segments, s.directory * sizeof(void *))
    slab_init(s, s.mem)


cdef bint grow(slab *s) noexcept nogil:
    cdef uint32_t want
    cdef void *p
    if s.room and s.room < SEGMENT:
        p = mem_realloc(s.mem, s.segments[0], s.room * sizeof(node), s.room * 2 * sizeof(node))
        if p == NULL:
            return False
        s.segments[0] = <node *>p
        s.room *= 2
        return True
    if s.room >> SEGMENT_BITS == s.directory:
        want = s.directory * 2 if s.directory else 1
        p = mem_realloc(s.mem, s.segments, s.directory * sizeof(void *), want * sizeof(void *))
        if p == NULL:
            return False
        s.segments = <node **>p
        s.directory = want
    want = <uint32_t>SEGMENT if s.room else <uint32_t>FIRST
    p = mem_alloc(s.mem, want * sizeof(node))
    if p == NULL:
        return False
    s.segments[s.room >> SEGMENT_BITS] = <node *>p
    s.room += want
    return True


cdef uint32_t slab_fresh(slab *s) noexcept nogil:
    """A number that was never handed out; its node has no next."""
    cdef uint32_t i = s.top
    if i >= s.room and (i == <uint32_t>0xFFFFFFFFULL or not grow(s)):
        return 0
    s.top += 1
    memset(node_at(s, i), 0, sizeof(node))
    return i


# ---- columns ----------------------------------------------------------------------------------------

cdef void column_init(column *c, heap *h, uint32_t width) noexcept nogil:
    memset(c, 0, sizeof(column))
    c.mem = h
    c.width = width


cdef void column_release(column *c) noexcept nogil:
    cdef uint32_t k
    for k in range(c.directory):
        mem_free(c.mem, c.segments[k], SEGMENT * c.width)
    mem_free(c.mem, c.segments, c.directory * sizeof(void *))
    column_init(c, c.mem, c.width)


cdef bint column_reserve(column *c, uint32_t i) noexcept nogil:
    cdef uint32_t k = i >> SEGMENT_BITS
    cdef uint32_t want = c.directory if c.directory else 1
    cdef void *p
    while want <= k:
        want *= 2
    if want > c.directory:
        p = mem_realloc(c.mem, c.segments, c.directory * sizeof(void *), want * sizeof(void *))
        if p == NULL:
            return False
        c.segments = <char **>p
        memset(c.segments + c.directory, 0, (want - c.directory) * sizeof(void *))
        c.directory = want
    if c.segments[k] == NULL:
        p = mem_alloc(c.mem, SEGMENT * c.width)
        if p == NULL:
            return False
        memset(p, 0, SEGMENT * c.width)
        c.segments[k] = <char *>p
    return True
