"""Sleeping of Python threads until a session is woken, a timeout or a signal. See sleep.pyx."""

from libc.stdint cimport int64_t

from kvd.core.clock cimport wall_ms
from kvd.server.poll cimport sigset_t
from kvd.session.session cimport session

cdef extern from "kvd/doors/sleep.h" nogil:
    void hold_signals "kvd_hold_signals" (sigset_t *usual) noexcept
    void restore_signals "kvd_restore_signals" (const sigset_t *usual) noexcept

cdef struct bell:              # a descriptor that is readable while it is signalled
    int fds[2]
    bint rings

cdef class Sleeper:
    cdef bell bell
    cdef void attach(self, session *c) noexcept    # these three under the store's lock: the session signals it from now on
    cdef void ring(self) noexcept
    cdef void silence(self) noexcept
    cdef bint waits(self, int ms) except -1        # a part of sleep
    cdef int sleep(self, int ms) except -1         # until it is signalled. ms -1: no limit; runs signal handlers, and raises their exceptions


cdef inline int ms_until(int64_t deadline) noexcept:
    """deadline: wall ms; 0: no limit."""
    cdef int64_t left
    if deadline == 0:
        return -1
    left = deadline - wall_ms()
    return <int>min(max(left, <int64_t>0), <int64_t>0x7FFFFFFF)
