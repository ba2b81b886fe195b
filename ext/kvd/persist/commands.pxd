"""SHUTDOWN, for the layer above. See commands.pyx."""

from kvd.run.call cimport call

ctypedef bint (*waiting)(call *c) noexcept nogil

cdef void shutdown_waits(waiting f) noexcept       # f blocks a SHUTDOWN that has to wait for replicas: True
