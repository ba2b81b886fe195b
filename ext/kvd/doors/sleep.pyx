"""Sleeping without the GIL, without any lock, and without polling.

All signals are held back from just before the last look at pending ones until the wait itself, which lets them in: so a
signal that arrives in between ends the wait, and its handler runs at once.
"""

from cpython.exc cimport PyErr_CheckSignals

from kvd.server.poll cimport wait_readable, waker_close, waker_drain, waker_open, waker_wake
from kvd.server.socket cimport last_errno

import os


cdef class Sleeper:
    """Lets a thread sleep until the session it waits for is woken, some time is over or a signal comes.

    Without the GIL, without any lock, and without looking in between."""

    def __cinit__(self):
        if not waker_open(self.fds):
            raise OSError(last_errno(), os.strerror(last_errno()))

    def __dealloc__(self):
        waker_close(self.fds)

    cdef int attach(self, session *c) except -1:
        c.link = <void *>self.fds
        c.wake = wake_sleeper
        return 0

    cdef int sleep(self, int ms) except -1:
        """ms -1: for ever. Runs signal handlers, and raises what they raise."""
        cdef sigset_t usual
        hold_signals(&usual)           # one that comes from here on ends the wait instead of just preceding it
        try:
            PyErr_CheckSignals()       # compiled code runs no handlers by itself
            with nogil:
                wait_readable(self.fds[0], ms, &usual)
        finally:
            restore_signals(&usual)
        PyErr_CheckSignals()
        waker_drain(self.fds)
        return 0


cdef void wake_sleeper(session *c) noexcept nogil:
    waker_wake(<int *>c.link)
