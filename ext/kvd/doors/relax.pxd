"""A command that may be a long script lets other threads go on. See relax.pyx."""

from libc.stdint cimport int64_t
from libc.string cimport memset

from kvd.doors.fork cimport Forking
from kvd.doors.lock cimport release
from kvd.session.session cimport session

cdef extern from "Python.h" nogil:
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyEval_SaveThread() noexcept
    void PyEval_RestoreThread(PyThreadState *state) noexcept

cdef struct relaxing:              # of a command that may be a long script; on the stack of who runs it
    PyThreadState *state           # NULL: the GIL is held
    int64_t looked_us
    bint interrupted               # by a signal; its exception is set
    void *owner                    # the Store

cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil    # a session's `relax`


cdef inline void begin_relaxed(session *c, relaxing *r, Forking owner) noexcept:
    memset(r, 0, sizeof(relaxing))
    r.owner = <void *>owner
    c.relaxed = r
    c.relax = relax


cdef inline int end_relaxed(session *c, relaxing *r) except -1:
    """Takes the GIL back. Under the lock, which it gives back only if it raises what a signal handler has raised."""
    c.relax = NULL
    if r.state != NULL:
        PyEval_RestoreThread(r.state)
    if r.interrupted:
        c.out.len = 0
        release(c.store)
        return -1
    return 0
