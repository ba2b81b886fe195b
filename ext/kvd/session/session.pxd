"""What a command sees of a client. No sockets here. See session.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.store.keyspace cimport store

cdef enum reply_mode:
    REPLY_ON
    REPLY_OFF
    REPLY_SKIP_NEXT            # CLIENT REPLY SKIP was just run
    REPLY_SKIP                 # this command's reply is thrown away

cdef enum session_door:        # through which a session in this process is used
    DOOR_SESSION
    DOOR_STORE                 # a store's own: CLIENT KILL passes it over
    DOOR_LINK                  # the connection of a client

cdef struct queued:            # a command between MULTI and EXEC
    const void *command
    view *argv                 # views and bytes in one allocation
    int argc
    size_t size

cdef struct watched_key:
    int db
    view key                   # own copy

cdef struct session:
    store *store
    session *next              # of all sessions of the store
    session *prev
    int64_t id
    int db
    int proto
    buf out                    # replies and pushes not yet taken by the owner
    bint failed                # the command that runs has answered an error
    bint multi                 # between MULTI and EXEC
    bint aborted               # a command was refused meanwhile
    bint touched               # a WATCHed key has changed
    bint executing             # inside EXEC or a script
    bint scripting             # a script runs a command for it
    queued *queue
    int queue_len
    int queue_room
    size_t queue_bytes
    watched_key *watches
    int watch_len
    int watch_room
    bint authenticated
    int reply
    bint closing               # close when the output is written
    bint killed                # close now
    bint monitor
    bint no_evict
    bint no_touch
    bint local                 # this machine: loopback, unix socket or in process
    bint in_process
    int door                   # of one in this process
    void *subs                 # what it listens to (channels.pyx), or NULL
    void *tracker              # how it tracks keys (tracking.pyx)
    bint tracks
    buf pushes                 # messages that came while its command ran
    void *wait                 # the command it waits in (waiters.pyx), or NULL
    bint paused                # its next command waits for CLIENT UNPAUSE
    buf name
    buf lib_name
    buf lib_ver
    buf addr
    buf laddr
    int fd
    int64_t created_ms
    int64_t last_ms            # of the last command
    const void *last_command
    uint64_t net_in
    uint64_t net_out
    uint64_t commands
    size_t input_used          # as last reported by the owner
    size_t input_free
    size_t argv_bytes
    size_t pending             # output that the owner has taken but not yet written
    size_t counted             # what it contributes to store.client_memory
    int64_t soft_since_ms      # above the soft output limit since; 0: is not
    void *link                 # the owner's
    bint (*relax)(session *c, bint busy, int64_t spent_us) noexcept nogil   # between a script's instructions; False: end it
    void *relaxed              # what relax keeps
    void (*wake)(session *c) noexcept nogil     # there is output, or it must close; called under the lock

cdef struct clients:           # the registry, at store.clients
    session *first             # the oldest
    session *last
    table by_id
    size_t count
    size_t own                 # of those, in this process: not connections
    int64_t next_id
    size_t max_input
    size_t max_output
    size_t monitors
    int64_t pause_until_ms
    bint pause_writes_only

cdef session *session_new(store *s, bint in_process) noexcept nogil    # registered; NULL without memory
cdef void session_delete(session *c) noexcept nogil
cdef void session_reset(session *c) noexcept nogil                 # as RESET
cdef void session_account(session *c) noexcept nogil               # reports its memory to the store
cdef size_t session_memory(session *c) noexcept nogil
cdef bint session_queue(session *c, const void *command, view *argv, int argc) noexcept nogil
cdef void session_discard(session *c) noexcept nogil               # the queue, MULTI state and watches
cdef bint session_watch(session *c, view key) noexcept nogil
cdef void session_unwatch(session *c) noexcept nogil
cdef buf *session_push(session *c) noexcept nogil                  # where a message for it is written; then session_pushed
cdef void session_append_pushes(session *c) noexcept nogil         # after its command: behind the reply
cdef void session_pushed(session *c) noexcept nogil
cdef bint session_within_limits(session *c) noexcept nogil         # False: more output waits for it than it may leave waiting
cdef void session_kill(session *c) noexcept nogil
cdef clients *clients_of(store *s) noexcept nogil                  # made with the first session
cdef bint clients_init(store *s) noexcept nogil
cdef void clients_release(store *s) noexcept nogil                 # all sessions are gone
cdef session *client_by_id(store *s, int64_t id) noexcept nogil    # or NULL
cdef bint is_paused(session *c, bint writes) noexcept nogil
cdef void buf_set(buf *b, view v) noexcept nogil
