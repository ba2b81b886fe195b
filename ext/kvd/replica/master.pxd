"""The replicas of a store: synchronization, stream, acknowledgements. See master.pyx."""

from libc.stdint cimport int64_t

from kvd.core.view cimport view
from kvd.replica.replication cimport replica, replication
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef replica *replica_open(session *c) noexcept nogil                     # what is known of it; NULL: no memory
cdef bint replica_continue(replica *one, view id, int64_t wanted) noexcept nogil   # from byte `wanted` (the first is 1) of history id; False: it needs a snapshot
cdef bint replica_wait(replica *one) noexcept nogil                       # for a snapshot; False: no memory
cdef void replica_online(replica *one) noexcept nogil                     # the stream is sent
cdef void replica_acknowledge(replica *one, int64_t offset, int64_t synced) noexcept nogil
cdef void replicas_disconnect(replication *r) noexcept nogil              # all of them; they come back
cdef int replicas_with(replication *r, int64_t offset, bint synced) noexcept nogil   # how many have acknowledged it (synced: have it in their log)
cdef void replicas_ask(replication *r) noexcept nogil                     # for an acknowledgement
cdef void replicas_count(store *s) noexcept nogil                         # min-replicas-to-write: are they enough?
cdef view replica_host(replica *one) noexcept nogil                        # its address without port, as announced, or of the connection
cdef int replica_text(replica *one, char *out, size_t room) noexcept nogil   # address and port, as logged
cdef void master_tick(replication *r, int64_t now) noexcept nogil         # pings, timeouts, the end of the backlog
