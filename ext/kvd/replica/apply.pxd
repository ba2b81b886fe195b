"""The stream of a master, applied. See apply.pyx."""

from kvd.replica.handshake cimport attempt

cdef void apply_stream(attempt *a) noexcept nogil      # until the connection ends, or is to end
