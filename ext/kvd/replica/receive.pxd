"""The snapshot that a master sends. See receive.pyx."""

from kvd.replica.handshake cimport attempt

cdef bint wait_for_log(attempt *a) noexcept nogil           # until the log, if there is one, holds what was loaded: effects must not follow what is older. False: the link is to end
cdef bint receive_snapshot(attempt *a) noexcept nogil      # and loads it: this store is its master's copy. False: logged, and as before
