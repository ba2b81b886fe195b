"""Reads times in arguments: seconds or milliseconds, relative or since 1970, as deadlines in ms."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.run.call cimport call

cdef enum:
    NO_TIME = -1
    EXPIRE_NX = 1
    EXPIRE_XX = 2
    EXPIRE_GT = 4
    EXPIRE_LT = 8

cdef bint read_deadline(call *c, int at, int64_t unit, bint relative, bint positive, int64_t *ms) noexcept nogil
# argument `at`, in units of `unit` ms; positive: zero and less are refused. False: the error is replied.
cdef bint set_deadline(call *c, entry *e, uint64_t hash, int64_t ms) noexcept nogil   # of argv[1], which has passed: deletes it; False: no memory
cdef bint condition_allows(int flags, int64_t before, int64_t after) noexcept nogil   # EXPIRE_ flags; before: ms or -1
