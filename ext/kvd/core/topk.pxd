"""The heaviest keys of a stream, in bounded memory. See topk.pyx."""

from libc.stdint cimport int32_t, uint64_t

from kvd.core.view cimport view

cdef struct top_key:
    char *key
    size_t len
    uint64_t hash
    uint64_t weight            # what it has, and at most `over` too much
    uint64_t over
    int32_t at                 # its place in the heap
    int32_t next               # with the same bucket; -1: none

cdef struct topk:
    top_key *keys              # in no order
    int32_t *heap              # numbers of keys, the lightest first
    int32_t *buckets           # by hash; -1: empty
    int room
    int count
    int mask
    size_t bytes               # of all that it holds

cdef bint topk_init(topk *t, int room) noexcept nogil          # room: a power of two; False: no memory
cdef void topk_release(topk *t) noexcept nogil
cdef void topk_add(topk *t, view key, uint64_t weight) noexcept nogil
cdef int topk_heaviest(topk *t, top_key **out, int n) noexcept nogil       # up to n, by what they have for certain; borrowed


cdef inline uint64_t topk_certain(top_key *k) noexcept nogil:
    """What the key has at least."""
    return k.weight - k.over
