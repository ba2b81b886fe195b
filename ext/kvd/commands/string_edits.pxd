"""Functions shared with bits and HyperLogLogs. See string_edits.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call

cdef char *open_for_write(call *c, view key, size_t n, size_t *had) noexcept nogil
# the value of key, created if it is missing, at least n bytes long and writable; *had: its length before.
# NULL: the error is replied. The event is the caller's.
cdef bint set_length(call *c, view key, size_t n) noexcept nogil     # of a string that exists; False: the error is replied
