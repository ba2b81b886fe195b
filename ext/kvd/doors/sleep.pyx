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

    Without the GIL, without any lock, and without looking in between. Its descriptor is also for others to watch."""

    def __cinit__(self):
        if not waker_open(self.bell.fds):
            raise OSError(last_errno(), os.strerror(last_errno()))

    def __dealloc__(self):
        waker_close(self.bell.fds)

    cdef void attach(self, session *c) noexcept:
        c.link = &self.bell
        c.wake = wake_sleeper

    cdef void ring(self) noexcept:
        ring_bell(&self.bell)

    cdef void silence(self) noexcept:
        if self.bell.rings:
            self.bell.rings = False
            waker_drain(self.bell.fds)

    cdef int sleep(self, int ms) except -1:
        cdef sigset_t usual
        hold_signals(&usual)           # one that comes from here on ends the wait instead of just preceding it
        try:
            PyErr_CheckSignals()       # compiled code runs no handlers by itself
            with nogil:
                wait_readable(self.bell.fds[0], ms, &usual)
        finally:
            restore_signals(&usual)
        PyErr_CheckSignals()
        return 0


cdef inline void ring_bell(bell *b) noexcept nogil:
    if not b.rings:
        b.rings = True
        waker_wake(b.fds)


cdef void wake_sleeper(session *c) noexcept nogil:
    ring_bell(<bell *>c.link)
