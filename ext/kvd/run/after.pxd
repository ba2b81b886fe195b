"""What follows a command: waiting commands are served, invalidations sent. See after.pyx."""

from libc.stdint cimport int64_t

from kvd.run.call cimport call
from kvd.session.session cimport clients_of, session
from kvd.session.waiters cimport wanted
from kvd.store.store cimport store

cdef wanted wanted_keys(call *c, int at, int count, int type, int64_t deadline) noexcept nogil   # words from `at` on; null array when it is over
cdef void wait_for_keys(call *c, wanted what) noexcept nogil      # inside EXEC and scripts it is over at once
cdef void serve(store *s) noexcept nogil                           # the rest of after()
cdef void expire_waits(store *s) noexcept nogil                    # answers the waiting commands whose time is over
cdef void end_wait(session *c, const char *error) noexcept nogil   # answers its waiting command with null, or the error


cdef inline void after(store *s) noexcept nogil:
    """After a command, or background work, that may have changed keys."""
    if clients_of(s).after:
        serve(s)
