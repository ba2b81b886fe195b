"""The snapshot that a master sends. See receive.pyx."""

from kvd.replica.handshake cimport attempt

cdef bint receive_snapshot(attempt *a) noexcept nogil      # and loads it: this store is its master's copy. False: logged, and as before
