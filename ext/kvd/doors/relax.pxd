"""Lets other threads run during a long script in the caller's thread. See relax.pyx."""

from libc.stdint cimport int64_t

from kvd.session.session cimport session

cdef extern from "Python.h" nogil:
    ctypedef struct PyThreadState:
        pass

cdef struct relaxing:              # of the long script that runs in a store; a field of its Store
    session *who                   # of the running script; NULL: no long script
    PyThreadState *state           # of its thread, which has released the GIL
    int64_t looked_us
    bint interrupted               # by a signal; its exception is set
    void *owner                    # the Store

cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil    # a session's `relax`; its `relaxed` is a relaxing
cdef int relaxed(session *c, relaxing *r) except -1
# After a long script of the session: takes the GIL again. Under the lock, which it releases only if it raises
# the exception of a signal handler.
