"""What bits and HyperLogLogs share with APPEND and SETRANGE. See string_edits.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call

cdef char *open_for_write(call *c, view key, size_t n, size_t *had) noexcept nogil
# the value of key, made if it is missing, n bytes long at least and writable; *had: its length before.
# NULL: the error is replied. The event is the caller's.
cdef bint set_length(call *c, view key, size_t n) noexcept nogil     # of a string that is there; False: the error is replied
