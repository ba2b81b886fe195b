"""Functions that the Python doors call without the gate, and functions shared by commands on strings. See strings.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.run.call cimport call

cdef bint plain_set(call *c, view key, view value) noexcept nogil    # SET without options; False: the error is replied
cdef bint too_long(call *c, unsigned long long n) noexcept nogil     # for a string; True: the error is replied
cdef bint string_put(call *c, view key, view value, uint64_t hash, entry *old, int64_t deadline, bint keep_ttl) noexcept nogil    # False: the error is replied
cdef void string_propagate(call *c, view key, view value, int64_t deadline, bint keep_ttl) noexcept nogil    # SET
