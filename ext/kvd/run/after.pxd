"""Work after a command: serves blocked commands, sends invalidations. See after.pyx."""

from libc.stdint cimport int64_t

from kvd.run.call cimport call
from kvd.session.session cimport clients_of, session
from kvd.session.waiters cimport wanted
from kvd.store.store cimport store

cdef wanted wanted_keys(call *c, int at, int count, int type, int64_t deadline) noexcept nogil   # words from `at` on; a timeout replies a null array
cdef void wait_for_keys(call *c, wanted what) noexcept nogil      # blocks, except inside EXEC and scripts, which time out at once
cdef bint wait_until(call *c, int64_t timeout_ms) noexcept nogil    # blocks a command that waits for no key, until waits_again; 0: no limit. False: it has to reply now
cdef void waits_again(store *s, const char *name) noexcept nogil   # runs the blocked commands of that name again
cdef void serve(store *s) noexcept nogil                           # the slow path of after()
cdef void expire_waits(store *s) noexcept nogil                    # replies to blocked commands that have timed out, runs those again whose recheck is due
cdef void end_wait(session *c, const char *error) noexcept nogil   # replies to its blocked command with null, or the error


cdef inline void after(store *s) noexcept nogil:
    """After a command, or background work, that may have changed keys."""
    if clients_of(s).after:
        serve(s)
