"""Nodes by number: the entries of an object cache, and further data about each.

    node, 32 bytes
    +-----+-------+------+------+------+------+
    | key | value | hash | mark | prev | next |
    +-----+-------+------+------+------+------+
      8     8       4      4      4      4

A node is named by a 32-bit number, not by its address: a link costs 4 bytes instead of 8, and optional
data (a deadline, a weight, tags) is a column indexed by the same number, which costs nothing in caches
that do not use it. Nodes are in segments of 256 that never move; only the first one does, while it
grows from 8 nodes to 256, so that a small cache is small. Number 0 is no node.

Each segment lists its freed nodes, and segments with free nodes are listed. A segment whose last node is freed is returned to
the system, unless it is the only one with free nodes; so are its columns.

A queue is a doubly linked list through `prev` and `next`; a node is in one queue at a time.
"""

from libc.string cimport memset

from kvd.core.mem cimport mem_alloc, mem_free, mem_realloc

cdef enum:
    FIRST = 8                  # nodes the first segment begins with

assert sizeof(node) == 32


cdef void slab_init(slab *s, heap *h) noexcept nogil:
    memset(s, 0, sizeof(slab))
    s.mem = h


cdef void slab_release(slab *s) noexcept nogil:
    cdef uint32_t k
    for k in range(s.count):
        if s.segments[k] != NULL:
            mem_free(s.mem, s.segments[k], (<size_t>SEGMENT if k else s.first) * sizeof(node))
    mem_free(s.mem, s.segments, s.directory * sizeof(void *))
    mem_free(s.mem, s.states, s.directory * sizeof(segment))
    slab_init(s, s.mem)


cdef void slab_list(slab *s, uint32_t k) noexcept nogil:
    cdef segment *g = &s.states[k]
    g.listed = True
    g.prev = 0
    g.next = s.open
    if s.open:
        s.states[s.open - 1].prev = k + 1
    s.open = k + 1


cdef bint widen(slab *s) noexcept nogil:
    """Allocates a larger directory."""
    cdef uint32_t want = s.directory * 2 if s.directory else 1
    cdef void *p
    if want > 1 << 24:
        return False
    p = mem_realloc(s.mem, s.segments, s.directory * sizeof(void *), want * sizeof(void *))
    if p == NULL:
        return False
    s.segments = <node **>p
    p = mem_realloc(s.mem, s.states, s.directory * sizeof(segment), want * sizeof(segment))
    if p == NULL:              # the longer array of the two stays; freeing it needs its size
        p = mem_realloc(s.mem, s.segments, want * sizeof(void *), s.directory * sizeof(void *))
        if p != NULL:
            s.segments = <node **>p
        return False
    s.states = <segment *>p
    s.directory = want
    return True


cdef bint slab_open(slab *s) noexcept nogil:
    cdef uint32_t k = s.vacant - 1 if s.vacant else s.count
    cdef uint32_t nodes = SEGMENT
    cdef void *p
    if s.count and s.first < <uint32_t>SEGMENT:
        p = mem_realloc(s.mem, s.segments[0], s.first * sizeof(node), s.first * 2 * sizeof(node))
        if p == NULL:
            return False
        s.segments[0] = <node *>p
        s.first *= 2
        slab_list(s, 0)
        return True
    if k == s.directory and not widen(s):
        return False
    if k == 0:
        nodes = FIRST
    p = mem_alloc(s.mem, nodes * sizeof(node))
    if p == NULL:
        return False
    s.segments[k] = <node *>p
    if s.vacant:
        s.vacant = s.states[k].next
    else:
        s.count += 1
    memset(&s.states[k], 0, sizeof(segment))
    if k == 0:
        s.first = FIRST
        s.states[0].fresh = 1      # number 0 is no node
    slab_list(s, k)
    return True


cdef bint slab_close(slab *s, uint32_t k) noexcept nogil:
    cdef segment *g = &s.states[k]
    if k == 0 or (g.prev == 0 and g.next == 0):
        return False
    if g.prev:
        s.states[g.prev - 1].next = g.next
    else:
        s.open = g.next
    if g.next:
        s.states[g.next - 1].prev = g.prev
    mem_free(s.mem, s.segments[k], SEGMENT * sizeof(node))
    s.segments[k] = NULL
    g.listed = False
    g.next = s.vacant
    s.vacant = k + 1
    return True


# ---- columns ----------------------------------------------------------------------------------------

cdef void column_init(column *c, heap *h, uint32_t width) noexcept nogil:
    memset(c, 0, sizeof(column))
    c.mem = h
    c.width = width


cdef void column_release(column *c) noexcept nogil:
    cdef uint32_t k
    for k in range(c.directory):
        if c.segments[k] != NULL:
            mem_free(c.mem, c.segments[k], SEGMENT * c.width)
    mem_free(c.mem, c.segments, c.directory * sizeof(void *))
    column_init(c, c.mem, c.width)


cdef void column_close(column *c, uint32_t k) noexcept nogil:
    if k < c.directory and c.segments[k] != NULL:
        mem_free(c.mem, c.segments[k], SEGMENT * c.width)
        c.segments[k] = NULL


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
