"""Eviction policies over numbered nodes: choose which entry to evict. See policy.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.sketch cimport sketch
from kvd.core.slab cimport MARK_BITS, column, queue, queue_push, queue_renew, queue_take, slab

cdef enum policy_kind:
    LRU, LFU, FIFO, TINYLFU, S3FIFO, SIEVE, RANDOM

cdef enum:
    MARK = (1 << MARK_BITS) - 1

cdef struct rank:              # lfu: the nodes used equally often
    uint64_t uses
    queue nodes
    uint32_t lower
    uint32_t higher

cdef struct policy:
    policy_kind kind
    slab *nodes
    column *weights            # NULL: each node weighs 1
    heap *mem
    int64_t limit              # limit of the total weight
    queue queues[3]
    uint32_t hand              # sieve
    rng chance
    # lfu
    rank *ranks                # by number, 0 is the ring's anchor
    uint32_t rank_room
    uint32_t rank_free
    # random
    uint32_t *places           # the nodes, unordered; a node's `prev` is its position
    uint32_t place_room
    # s3fifo
    uint64_t *ghosts           # hash and time of eviction
    uint32_t ghost_room
    # s3fifo and tinylfu
    uint32_t departures
    # tinylfu
    sketch seen
    int64_t window             # limit of the window's weight
    uint32_t candidate         # came from the window into probation and was not judged yet
    uint32_t hits              # since the last sample
    uint32_t misses
    double rate                # the hit rate that others are compared with
    double step                # by which the window changes with a trial
    bint trial
    int calm                   # samples until the next trial
    int patience
    int turning                # samples for which victims take turns

cdef const char *policy_name(int kind) noexcept nogil                       # NULL: no such kind
cdef bint policy_init(policy *p, policy_kind kind, slab *nodes, heap *h, uint64_t seed) noexcept nogil   # False: no memory
cdef void policy_limit(policy *p, int64_t limit, column *weights) noexcept nogil   # before the first node, and when it changes
cdef bint policy_join(policy *p, uint32_t i) noexcept nogil                 # see policy_add
cdef void policy_use(policy *p, uint32_t i) noexcept nogil                  # read or written; see policy_hit
cdef void policy_miss(policy *p, uint32_t hash) noexcept nogil              # a key that was looked up is not there
cdef void policy_quit(policy *p, uint32_t i) noexcept nogil                 # see policy_remove
cdef void policy_weigh(policy *p, uint32_t i, int64_t weight) noexcept nogil   # changes its weight
cdef uint32_t policy_choose(policy *p, uint32_t newest) noexcept nogil                      # see policy_victim
cdef uint32_t policy_first(policy *p) noexcept nogil                        # walk: the next one to evict; 0 at the end
cdef uint32_t policy_next(policy *p, uint32_t i) noexcept nogil
cdef void policy_rest(policy *p) noexcept nogil                             # no node is left: frees what only nodes need
cdef const char *policy_check(policy *p) noexcept nogil


cdef inline void policy_hit(policy *p, uint32_t i) noexcept nogil:
    if p.kind == LRU:
        queue_renew(p.nodes, &p.queues[0], i)
    elif p.kind != FIFO and p.kind != RANDOM:
        policy_use(p, i)


cdef inline bint is_queue(policy *p) noexcept nogil:
    return (p.kind == LRU or p.kind == FIFO) and p.weights == NULL


cdef inline bint policy_add(policy *p, uint32_t i) noexcept nogil:
    """False: no memory; the node is in no queue."""
    if not is_queue(p):
        return policy_join(p, i)
    queue_push(p.nodes, &p.queues[0], i)
    p.queues[0].weight += 1
    return True


cdef inline void policy_remove(policy *p, uint32_t i) noexcept nogil:
    """The node is removed, whatever the reason."""
    if not is_queue(p):
        policy_quit(p, i)
        return
    queue_take(p.nodes, &p.queues[0], i)
    p.queues[0].weight -= 1


cdef inline uint32_t policy_victim(policy *p, uint32_t newest) noexcept nogil:
    """The node to evict next, which the caller removes; 0 if there is none. `newest` was just inserted, and is chosen only if it is the only one."""
    return p.queues[0].first if is_queue(p) else policy_choose(p, newest)
