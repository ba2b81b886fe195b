"""Functions shared by the commands on arrays. See arrays.pyx."""

from libc.stdint cimport uint64_t

from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.types.array cimport array

cdef bint parse_index(view v, uint64_t *index) noexcept nogil                             # below 2^64 - 1
cdef bint arg_index(call *c, int i, uint64_t *index) noexcept nogil                       # the same; False: the error is replied
cdef bint arg_limit(call *c, int i, uint64_t *limit) noexcept nogil                       # above 0; False: the error is replied
cdef bint find_array(call *c, bint reading, uint64_t *hash, array **a) noexcept nogil     # *a NULL: no such key. False: another type, and the error is replied
cdef void reply_index(call *c, uint64_t n) noexcept nogil
cdef void reply_word(call *c, uint64_t word) noexcept nogil                               # of an element; 0: null
cdef void reply_pair(call *c, uint64_t index, uint64_t word) noexcept nogil
