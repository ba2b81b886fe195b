"""Functions shared by the commands on slots. See cluster.pyx."""

from kvd.run.call cimport call

cdef bint cluster_enabled(call *c) noexcept nogil                      # False: not, and the error is replied
cdef bint arg_slot(call *c, int at, int *slot) noexcept nogil          # False: the error is replied
