"""A connection to a master, from its greeting to the answer to PSYNC. See handshake.pyx."""

from libc.stdint cimport int64_t

from kvd.core.view cimport view
from kvd.replica.replication cimport HOST_ROOM, ID_ROOM, replication
from kvd.replica.wire cimport wire
from kvd.store.store cimport store

cdef enum sync_kind:
    SYNC_FAILED                # logged
    SYNC_FULL                  # a snapshot follows
    SYNC_CONTINUED             # the stream follows

cdef struct attempt:           # belongs to the thread of the link
    replication *r
    store *s
    wire w
    char host[HOST_ROOM]
    int port
    char id[ID_ROOM]           # of the master's history
    int64_t offset             # of the snapshot that follows
    int64_t alive_ms           # the last sign of life that it was given

cdef void lock_between_commands(attempt *a) noexcept nogil     # takes the lock, but not from a script that lends it, unless up.changed
cdef bint shake_hands(attempt *a) noexcept nogil       # connects and authenticates; False: logged
cdef int ask_for_stream(attempt *a) noexcept nogil     # PSYNC: a sync_kind
cdef void make_printable(char *text) noexcept nogil             # what a peer has sent must not look like lines of the log
cdef void tell(attempt *a, int level, const char *format, view what) noexcept nogil   # a line of the log, with one %.*s
