"""Long scripts in the caller's thread: after a while the GIL is given back, signal handlers run, and a busy store lends its
lock.

A script begins under the store's lock, if the store has one, and with the GIL held. Between its instructions it calls
`relax`, which does nothing for the first milliseconds.
"""

from libc.stdint cimport int64_t

from kvd.doors.fork cimport fork_locks
from kvd.store.keyspace cimport pthread_mutex_lock, store, store_lend

cdef extern from "Python.h" nogil:
    int check_signals "PyErr_CheckSignals" () noexcept

cdef enum:
    KEEP_GIL_US = 5000             # a script that runs longer lets other Python threads go on
    SIGNALS_US = 50000             # between looks for a Ctrl-C


cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil:
    """Between instructions of a script that runs in the caller's thread, under the lock and at first the GIL.

    The GIL is given back for the rest of the run; so the store gets its lock now if it did without. When the
    store is busy the lock is given away for a moment too: who takes it is told so by the gate."""
    cdef relaxing *r = <relaxing *>c.relaxed
    cdef store *s = c.store
    if spent_us < KEEP_GIL_US:
        return True
    if r.state == NULL:
        if not s.locked:
            s.shared = True        # for good: others may wait for the lock from now on
            pthread_mutex_lock(&s.lock)
            s.locked = True
        share(r.owner)
        r.state = PyEval_SaveThread()
    if busy:
        s.locked = False
        store_lend(s)
        s.locked = True
    if spent_us - r.looked_us >= SIGNALS_US:
        r.looked_us = spent_us
        PyEval_RestoreThread(r.state)
        r.interrupted = check_signals() != 0
        r.state = PyEval_SaveThread()
    return not r.interrupted


cdef void share(void *owner) noexcept with gil:
    """A fork has to wait for its lock from now on."""
    fork_locks(<Forking>owner)
