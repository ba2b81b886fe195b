"""A long script in the caller's thread lets other threads go on. See relax.pyx."""

from libc.stdint cimport int64_t

from kvd.session.session cimport session

cdef extern from "Python.h" nogil:
    ctypedef struct PyThreadState:
        pass

cdef struct relaxing:              # of the long script that runs in a store; a field of its Store
    session *who                   # whose script it is; NULL: none runs for long
    PyThreadState *state           # of its thread, which has given the GIL back
    int64_t looked_us
    bint interrupted               # by a signal; its exception is set
    void *owner                    # the Store

cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil    # a session's `relax`; its `relaxed` is a relaxing
cdef int relaxed(session *c, relaxing *r) except -1
# After the command of a session that was relaxed: takes the GIL back. Under the lock, which it gives back only if it raises
# what a signal handler has raised.
