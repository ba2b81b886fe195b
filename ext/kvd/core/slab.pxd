"""Numbered nodes in segments, the queues they are in, and columns beside them. See slab.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.mem cimport heap

cdef enum:
    SEGMENT_BITS = 8
    SEGMENT = 256              # nodes

cdef struct node:
    void *key                  # NULL: the node is free
    void *value
    uint32_t hash
    uint32_t mark              # the policy's low MARK_BITS, the owner's flags above
    uint32_t prev
    uint32_t next

cdef enum:
    MARK_BITS = 24

cdef struct segment:
    uint32_t free              # freed nodes, linked through `next`; 0: none
    uint32_t fresh             # nodes handed out at least once
    uint32_t used
    uint32_t prev              # among those with free nodes; numbers plus one
    uint32_t next
    bint listed                # has free nodes

cdef struct slab:
    heap *mem
    node **segments            # NULL: freed
    segment *states
    uint32_t directory         # capacity of these two, in segments
    uint32_t count             # segment numbers in use or freed
    uint32_t first             # nodes the first segment has memory for
    uint32_t open              # first segment with free nodes, plus one; 0: none
    uint32_t vacant            # freed segments, linked through `next`
    uint32_t used

cdef struct queue:             # first is the oldest
    uint32_t first
    uint32_t last
    uint32_t count
    int64_t weight             # total weight of its nodes

cdef struct column:            # `width` bytes for each node, in segments made when first written
    heap *mem
    char **segments
    uint32_t directory
    uint32_t width             # bytes a node

cdef void slab_init(slab *s, heap *h) noexcept nogil
cdef void slab_release(slab *s) noexcept nogil
cdef bint slab_open(slab *s) noexcept nogil                              # allocates free nodes; False: no memory. Moves nodes below SEGMENT
cdef void slab_list(slab *s, uint32_t k) noexcept nogil                   # the segment has free nodes
cdef bint slab_close(slab *s, uint32_t k) noexcept nogil                 # frees an empty segment unless it is the last one with free nodes; True: freed

cdef void column_init(column *c, heap *h, uint32_t width) noexcept nogil
cdef void column_release(column *c) noexcept nogil
cdef void column_close(column *c, uint32_t k) noexcept nogil             # the segment was freed
cdef bint column_reserve(column *c, uint32_t i) noexcept nogil           # so that column_at(c, i) may be written; zeroed


cdef inline node *node_at(slab *s, uint32_t i) noexcept nogil:
    return s.segments[i >> SEGMENT_BITS] + (i & (SEGMENT - 1))


cdef inline uint32_t slab_take(slab *s) noexcept nogil:
    """A free number, never 0; 0: no memory. May move nodes of the first segment."""
    cdef segment *g
    cdef uint32_t i, k
    if s.open == 0 and not slab_open(s):
        return 0
    k = s.open - 1
    g = &s.states[k]
    i = g.free
    if i:
        g.free = node_at(s, i).next
    else:
        i = (k << SEGMENT_BITS) + g.fresh
        g.fresh += 1
    node_at(s, i).mark = 0
    g.used += 1
    s.used += 1
    if g.free == 0 and g.fresh == (<uint32_t>SEGMENT if k else s.first):
        g.listed = False
        s.open = g.next
        if s.open:
            s.states[s.open - 1].prev = 0
    return i


cdef inline bint slab_give(slab *s, uint32_t i) noexcept nogil:
    """True: its whole segment was freed, see column_close."""
    cdef uint32_t k = i >> SEGMENT_BITS
    cdef segment *g = &s.states[k]
    cdef node *n = node_at(s, i)
    n.key = n.value = NULL
    n.next = g.free
    g.free = i
    g.used -= 1
    s.used -= 1
    if not g.listed:
        slab_list(s, k)
    return g.used == 0 and slab_close(s, k)


cdef inline void *column_at(column *c, uint32_t i) noexcept nogil:
    """The node's bytes, or NULL if its segment was never written."""
    cdef uint32_t k = i >> SEGMENT_BITS
    if k >= c.directory or c.segments[k] == NULL:
        return NULL
    return c.segments[k] + <size_t>(i & (SEGMENT - 1)) * c.width


cdef inline void queue_push(slab *s, queue *q, uint32_t i) noexcept nogil:
    """Appends it."""
    cdef node *n = node_at(s, i)
    n.prev = q.last
    n.next = 0
    if q.last:
        node_at(s, q.last).next = i
    else:
        q.first = i
    q.last = i
    q.count += 1


cdef inline void queue_take(slab *s, queue *q, uint32_t i) noexcept nogil:
    cdef node *n = node_at(s, i)
    if n.prev:
        node_at(s, n.prev).next = n.next
    else:
        q.first = n.next
    if n.next:
        node_at(s, n.next).prev = n.prev
    else:
        q.last = n.prev
    q.count -= 1


cdef inline void queue_renew(slab *s, queue *q, uint32_t i) noexcept nogil:
    """Moves it to the end of its queue."""
    cdef node *n
    if q.last == i:
        return
    n = node_at(s, i)
    if n.prev:
        node_at(s, n.prev).next = n.next
    else:
        q.first = n.next
    node_at(s, n.next).prev = n.prev
    node_at(s, q.last).next = i
    n.prev = q.last
    n.next = 0
    q.last = i
