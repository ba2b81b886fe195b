"""The Store class without its methods for commands: the engine that they run on. See store.pyx."""

from libc.stdint cimport int64_t

from kvd.commands.table cimport call
from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.doors.fork cimport Forking
from kvd.server.server cimport server
from kvd.session.session cimport session
from kvd.store.keyspace cimport store

cdef class Store(Forking):
    cdef store *s
    cdef session *c            # of execute and of the methods
    cdef server *v             # or NULL
    cdef bint decode
    cdef readonly bint closed
    cdef object janitor        # told when something is due before its next visit
    cdef readonly object unix_path
    cdef object time_source    # called for the time before each command, or None (kvd.clock)
    cdef object made_clock
    cdef public object faults  # kvd.testing.Faults, or None

    cdef int ask_time(self) except -1
    cdef object run(self, session *c, tuple args, bint decode)
    cdef object run_beside(self, int db, tuple args, bint decode)
    cdef session *open_session(self, int proto) except NULL       # close_session ends it
    cdef void close_session(self, session *c) noexcept
    cdef buf blocked(self, session *c) except *
    cdef int feed(self, session *c, tuple args) except -1
    cdef void acquire_idle(self)
    cdef int plan(self) except -1
    cdef int64_t next_due(self)
    cdef int unserved(self) except -1
    cdef object get_plain(self, session *who, view key, bint decode)
    cdef int set_plain(self, session *who, call *c, view k, view v) except -1
