"""Commands on sorted sets, and what GEO shares with them. See zsets.pyx."""

from libc.stdint cimport int64_t

from kvd.core.entry cimport entry
from kvd.run.call cimport call

cdef void zset_finish_store(call *c, entry *result, const char *event) noexcept nogil   # argv[1] becomes result, or goes if that is empty; replies its size
cdef void zset_add_pairs(call *c, int at, int flags) noexcept nogil                     # ZADD with score and member from argument `at` on; replies

cdef enum zset_add_flag:       # options of ZADD
    ADD_NX = 1
    ADD_XX = 2
    ADD_GT = 4
    ADD_LT = 8
    ADD_CH = 16
    ADD_INCR = 32
