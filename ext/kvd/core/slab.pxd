"""Numbered nodes in segments, the queues they stand in, and columns beside them. See slab.pyx."""

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

cdef struct slab:
    heap *mem
    node **segments
    uint32_t directory         # how many segment pointers there is room for
    uint32_t room              # nodes there is memory for
    uint32_t top               # the lowest number never handed out
    uint32_t free              # freed nodes, linked through `next`; 0: none
    uint32_t used

cdef struct queue:             # first is the oldest
    uint32_t first
    uint32_t last
    uint32_t count
    int64_t weight             # of what stands in it

cdef struct column:            # so many bytes for each node, in segments made when first written
    heap *mem
    char **segments
    uint32_t directory
    uint32_t width             # bytes a node

cdef void slab_init(slab *s, heap *h) noexcept nogil
cdef void slab_release(slab *s) noexcept nogil
cdef uint32_t slab_fresh(slab *s) noexcept nogil                         # see slab_take

cdef void column_init(column *c, heap *h, uint32_t width) noexcept nogil
cdef void column_release(column *c) noexcept nogil
cdef bint column_reserve(column *c, uint32_t i) noexcept nogil           # so that column_at(c, i) may be written; zeroed


cdef inline node *node_at(slab *s, uint32_t i) noexcept nogil:
    return s.segments[i >> SEGMENT_BITS] + (i & (SEGMENT - 1))


cdef inline uint32_t slab_take(slab *s) noexcept nogil:
    """A free number, never 0; 0: no memory. May move nodes of the first segment."""
    cdef uint32_t i = s.free
    cdef node *n
    if i == 0:
        i = slab_fresh(s)
        if i == 0:
            return 0
    n = node_at(s, i)
    s.free = n.next
    n.mark = 0
    s.used += 1
    return i


cdef inline void slab_give(slab *s, uint32_t i) noexcept nogil:
    cdef node *n = node_at(s, i)
    n.key = n.value = NULL
    n.next = s.free
    s.free = i
    s.used -= 1


cdef inline void *column_at(column *c, uint32_t i) noexcept nogil:
    """The node's bytes, or NULL if nothing near it was ever written."""
    cdef uint32_t k = i >> SEGMENT_BITS
    if k >= c.directory or c.segments[k] == NULL:
        return NULL
    return c.segments[k] + <size_t>(i & (SEGMENT - 1)) * c.width


cdef inline void queue_push(slab *s, queue *q, uint32_t i) noexcept nogil:
    """Becomes the last."""
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
    """Becomes the last of the queue it stands in."""
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
