"""Functions shared by GEO and the other modules of sorted sets. See zsets.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.run.call cimport call

cdef void zset_finish_store(call *c, entry *result, const char *event) noexcept nogil   # result becomes argv[1], which is deleted if that is empty; replies its size
cdef void zset_add_pairs(call *c, int at, int flags) noexcept nogil                     # ZADD with score and member from argument `at` on; replies
cdef bint zset_open_read(call *c, entry **e) noexcept nogil    # key argv[1], which may be missing; False: the error is replied
cdef void zset_removed(call *c, view key, entry *e, uint64_t hash, int64_t n, const char *event) noexcept nogil    # after n members were removed: the event, and an empty set is deleted
cdef void zset_propagate(call *c, view member, double score) noexcept nogil    # ZADD key score member
cdef void zset_write_pair(call *c, view member, double score, bint with_scores) noexcept nogil
cdef void zset_reply_pairs(call *c, int64_t n, bint with_scores) noexcept nogil    # begins a reply of n members

cdef enum zset_add_flag:       # options of ZADD
    ADD_NX = 1
    ADD_XX = 2
    ADD_GT = 4
    ADD_LT = 8
    ADD_CH = 16
    ADD_INCR = 32
