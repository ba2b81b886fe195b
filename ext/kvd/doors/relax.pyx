"""Long scripts in the caller's thread: after a while the GIL is released, signal handlers run, and a busy store lends its
lock.

A script begins under the store's lock, if the store has one, and with the GIL held. Between its instructions it calls
`relax`, which does nothing for the first milliseconds. At most one script runs in a store, so its state is a field of
the Store; other threads that get the lock in between find another session's state there.
"""

from libc.stdint cimport int64_t

from kvd.doors.fork cimport Forking, fork_locks
from kvd.doors.lock cimport release
from kvd.store.lock cimport pthread_mutex_lock
from kvd.store.store cimport store, store_lend

cdef extern from "Python.h" nogil:
    PyThreadState *PyEval_SaveThread() noexcept
    void PyEval_RestoreThread(PyThreadState *state) noexcept
    int check_signals "PyErr_CheckSignals" () noexcept

cdef enum:
    KEEP_GIL_US = 5000             # a script that runs longer releases the GIL
    SIGNALS_US = 50000             # between checks for a Ctrl-C


cdef void begin(session *c, relaxing *r) noexcept nogil:
    """Releases the GIL for the rest of the run; a store without a lock starts to use it."""
    cdef store *s = c.store
    if not s.guard.held:
        s.guard.shared = True          # permanently: others may wait for the lock from now on
        pthread_mutex_lock(&s.guard.mutex)
        s.guard.held = True
    share(r.owner)
    r.who = c
    r.looked_us = 0
    r.interrupted = False
    r.state = PyEval_SaveThread()


cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil:
    """False: the script is to end. A busy store's lock is lent for a moment: the gate refuses all other commands."""
    cdef relaxing *r = <relaxing *>c.relaxed
    cdef store *s = c.store
    if spent_us < KEEP_GIL_US:
        return True
    if r.who == NULL:
        begin(c, r)
    if busy:
        s.guard.held = False
        store_lend(s)
        s.guard.held = True
    if spent_us - r.looked_us >= SIGNALS_US:
        r.looked_us = spent_us
        PyEval_RestoreThread(r.state)
        r.interrupted = check_signals() != 0
        r.state = PyEval_SaveThread()
    return not r.interrupted


cdef int relaxed(session *c, relaxing *r) except -1:
    PyEval_RestoreThread(r.state)
    r.who = NULL
    if r.interrupted:
        c.out.len = 0
        release(c.store)
        return -1
    return 0


cdef void share(void *owner) noexcept with gil:
    """Forks have to take its lock from now on."""
    fork_locks(<Forking>owner)
