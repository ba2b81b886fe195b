"""The engine of the Store class, without its methods for commands. See store.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.doors.fork cimport Forking
from kvd.doors.relax cimport relaxing
from kvd.server.listening cimport server
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef enum performed:
    DONE
    WAITS                      # blocked: its reply comes later, in c.out
    ELSEWHERE                  # not possible here: a script of the session runs in another thread

cdef class Store(Forking):
    cdef object __weakref__        # here, not in Forking: so Cython clears weak references before __dealloc__, which releases the GIL
    cdef store *s
    cdef session *c            # of execute and of the methods
    cdef server *v             # or NULL
    cdef bint decode
    cdef relaxing long_script  # of a script that runs in the thread of a caller
    cdef buf spare             # an unused reply buffer
    cdef readonly bint closed
    cdef object janitor        # called for deadlines before its next run
    cdef readonly object unix_path
    cdef object time_source    # called for the time before each command, or None (kvd.clock)
    cdef object made_clock
    cdef public object faults  # kvd.testing.Faults, or None

    cdef int ask_time(self) except -1
    cdef int perform(self, session *c, tuple args, buf *reply, bint waits) except -1     # performed
    cdef int flush_log(self) except -1
    cdef object run(self, session *c, tuple args, bint decode)
    cdef object run_beside(self, int db, tuple args, bint decode)
    cdef session *open_session(self, int proto) except NULL       # close_session ends it
    cdef void close_session(self, session *c) noexcept
    cdef buf wait_beside(self, session *c) except *
    cdef void acquire_idle(self)
    cdef int plan(self) except -1
    cdef int64_t next_due(self)
    cdef int unserved(self) except -1
    cdef object get_plain(self, session *who, view key, bint decode)      # WAITING: the fast path does not apply
    cdef bint set_plain(self, session *who, view k, view v) except -1     # False: the fast path does not apply
