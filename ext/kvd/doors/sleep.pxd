"""How a thread of Python sleeps until a session is woken, some time is over or a signal comes. See sleep.pyx."""

from libc.stdint cimport int64_t

from kvd.core.clock cimport wall_ms
from kvd.server.poll cimport sigset_t
from kvd.session.session cimport session

cdef extern from "kvd/doors/sleep.h" nogil:
    void hold_signals "kvd_hold_signals" (sigset_t *usual) noexcept
    void restore_signals "kvd_restore_signals" (const sigset_t *usual) noexcept

cdef class Sleeper:
    cdef int fds[2]
    cdef int attach(self, session *c) except -1    # the session wakes it from now on
    cdef int sleep(self, int ms) except -1         # ms -1: for ever; runs signal handlers, and raises what they raise


cdef inline int ms_until(int64_t deadline) noexcept:
    """deadline: wall ms; 0: for ever."""
    cdef int64_t left
    if deadline == 0:
        return -1
    left = deadline - wall_ms()
    return <int>min(max(left, <int64_t>0), <int64_t>0x7FFFFFFF)
