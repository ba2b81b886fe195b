"""Sleeping without the GIL and without any lock.

All signals are blocked from just before the last check of pending ones until the wait itself, which unblocks them: so a
signal that arrives in between ends the wait, and its handler runs at once. But if another thread is there to take it, the system gives
it to that one, and nothing ends the wait: so pending signals are looked for once a second.
"""

from libc.stdint cimport int64_t

from cpython.exc cimport PyErr_CheckSignals

from kvd.core.clock cimport mono_us
from kvd.server.poll cimport wait_readable, waker_close, waker_drain, waker_open, waker_wake
from kvd.server.socket cimport last_errno

import os

cdef enum:
    LONGEST = 1000             # ms until pending signals are looked for


cdef class Sleeper:
    """Lets a thread sleep until its session is woken, a timeout or a signal. Other code may watch its descriptor."""

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
        """ms: at most; negative: no limit."""
        cdef int part
        while True:
            part = LONGEST if ms < 0 else min(ms, <int>LONGEST)
            if not self.waits(part) or ms == part:
                return 0
            if ms > 0:
                ms -= part

    cdef bint waits(self, int ms) except -1:
        """False: not for all of this time, since it was woken, or a signal came."""
        cdef sigset_t usual
        cdef int64_t begin
        hold_signals(&usual)           # a signal from here on ends the wait instead of preceding it
        try:
            PyErr_CheckSignals()       # compiled code does not run handlers by itself
            begin = mono_us()
            with nogil:
                wait_readable(self.bell.fds[0], ms, &usual)
        finally:
            restore_signals(&usual)
        PyErr_CheckSignals()
        return mono_us() - begin >= ms * 1000


cdef inline void ring_bell(bell *b) noexcept nogil:
    if not b.rings:
        b.rings = True
        waker_wake(b.fds)


cdef void wake_sleeper(session *c) noexcept nogil:
    ring_bell(<bell *>c.link)
