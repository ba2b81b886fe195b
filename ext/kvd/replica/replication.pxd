"""What a store knows of its replicas and of its master. See replication.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.threads cimport pthread_t
from kvd.core.view cimport view
from kvd.persist.nap cimport nap
from kvd.replica.backlog cimport backlog, reader
from kvd.session.session cimport session
from kvd.store.effects cimport consumer
from kvd.store.parts cimport PART_REPLICATION
from kvd.store.store cimport SPECIAL_REPLICA, store

cdef enum:
    ID_ROOM = 41               # bytes of a replication id
    HOST_ROOM = 256

cdef enum replica_state:
    REPLICA_NONE               # it has sent REPLCONF only
    REPLICA_WAITING            # for a snapshot to begin
    REPLICA_SENDING            # the snapshot
    REPLICA_SENT               # the snapshot; it has to acknowledge that
    REPLICA_ONLINE

cdef enum replica_capability:
    CAPA_EOF = 1
    CAPA_PSYNC2 = 2
    CAPA_NEWEST = 4            # reads whatever kvd writes

cdef struct replica:           # of this store; all under the store's lock
    session *who
    replication *of
    replica *next
    replica *prev
    int state
    reader at
    replica **transfer_at      # where the transfer has it, or NULL
    char ip[HOST_ROOM]         # announced by it
    int port                   # likewise
    int capabilities
    int valkey                 # the version that it says to be, of Valkey; 0: it did not
    bint old                   # it came by SYNC: acknowledges nothing
    bint early                 # it has acknowledged the snapshot before its sender knew that all was sent
    bint only_data             # it wants a snapshot and no stream (REPLCONF rdb-only)
    bint filters               # of the snapshot it wants the function libraries only, or nothing
    bint wants_libraries
    int64_t acknowledged       # offset
    int64_t synced             # offset of what its log has synced
    int64_t heard_ms           # the last REPLCONF ACK
    int64_t since_ms           # it asked for a synchronization

cdef enum link_state:          # of a replica to its master
    LINK_CONNECT               # a connection is to be made
    LINK_CONNECTING            # and greeted
    LINK_SYNC                  # a snapshot is awaited, or arrives
    LINK_CONNECTED

cdef enum handover_state:      # of FAILOVER, of a former master to the replica that takes over
    HANDOVER_NONE
    HANDOVER_ASKED             # PSYNC ... FAILOVER is sent, again and again until there is an answer: it may be the answer that was lost
    HANDOVER_DONE
    HANDOVER_REFUSED

cdef struct upstream:          # the master, and the thread of the link to it (link.pyx)
    char host[HOST_ROOM]
    int port
    int state                  # link_state
    bint changed               # what the thread is doing is out of date: another master, or none
    bint ended                 # the thread has to end
    bint has_thread
    pthread_t thread
    nap nap
    int fd                     # of the connection; -1
    session *c                 # runs the commands of the stream
    int handover               # handover_state
    int64_t synced             # offset of what the log had synced when that was looked at
    bint acks                  # it has asked for an acknowledgement
    int64_t received           # offset of what was received, applied or not
    bint mistrusted            # the stream broke its protocol: it is not continued, a snapshot is asked for
    int64_t heard_ms
    int64_t down_ms            # since when there is no connection
    int64_t total              # bytes of the snapshot that arrives; -1: not known
    int64_t arrived            # of these
    int64_t retries            # failed attempts in a row
    char why[400]              # the last one failed

cdef struct failover:          # see failover.pyx
    int state
    bint forced
    char host[HOST_ROOM]
    int port
    int64_t until_ms           # 0: no timeout
    int64_t asked              # offset up to which replicas have been asked for an acknowledgement

cdef struct replication:       # all under the store's lock
    consumer consumer
    store *s
    char id[ID_ROOM]
    char former[ID_ROOM]       # of the stream up to former_upto
    int64_t former_upto        # -1: there was none
    backlog stream
    bint kept                  # the stream is kept: there is a backlog
    int db                     # of the last command of the stream; -1: not known
    replica *first
    int count                  # of replicas that are not REPLICA_NONE
    int64_t alone_ms           # since when there are none
    int64_t pinged_ms
    void *transfer             # the snapshot that is being sent (transfer.pyx), or NULL
    upstream up
    failover failover
    int64_t due_ms             # of the next tick

cdef replication *replication_open(store *s) noexcept nogil              # makes it if necessary; NULL: no memory
cdef bint stream_begin(replication *r) noexcept nogil                    # from now on there is a backlog
cdef void stream_end(replication *r) noexcept nogil                      # no more, as the history is lost: replicas that come back, and this store if it is one, have to be sent everything
cdef void stream_command(replication *r, const char *resp) noexcept nogil   # adds a command of the master's own
cdef void stream_relay(replication *r, view bytes) noexcept nogil         # adds what came from the master of this replica
cdef void stream_new_id(replication *r, bint keeps_former) noexcept nogil     # another history begins here; keeps_former: it continues the old one
cdef void stream_move(replication *r, view id, int64_t offset) noexcept nogil   # after a full synchronization: this store's history is its master's
cdef void stream_told(replication *r) noexcept nogil                      # wakes replicas, and cuts those that are too far behind
cdef void replication_wake(store *s) noexcept nogil                       # the tick is to come soon


cdef inline replication *replication_of(store *s) noexcept nogil:
    """NULL: it never had a master or a replica."""
    return <replication *>s.parts[<int>PART_REPLICATION]


cdef inline bint is_replica(store *s) noexcept nogil:
    return s.special & SPECIAL_REPLICA != 0


cdef inline replica *replica_of(session *c) noexcept nogil:
    """NULL: the session is no replica."""
    return <replica *>c.replica
