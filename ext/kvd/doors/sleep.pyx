"""Sleeping without the GIL, without any lock, and without polling.

All signals are blocked from just before the last check of pending ones until the wait itself, which unblocks them: so a
signal that arrives in between ends the wait, and its handler runs at once.
"""

from cpython.exc cimport PyErr_CheckSignals

from kvd.server.poll cimport wait_readable, waker_close, waker_drain, waker_open, waker_wake
from kvd.server.socket cimport last_errno

import os


cdef class Sleeper:
    """Lets a thread sleep until its session is woken, a timeout or a signal.

    Without the GIL, without any lock, and without polling. Other code may watch its descriptor."""

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
        hold_signals(&usual)           # a signal from here on ends the wait instead of preceding it
        try:
            PyErr_CheckSignals()       # compiled code does not run handlers by itself
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
