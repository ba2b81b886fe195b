"""The state of a client, as commands see it. No sockets here. See session.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.mem cimport offered
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.net.channel cimport channel
from kvd.store.parts cimport PART_CLIENTS
from kvd.store.store cimport (
    SPECIAL_LISTENS, SPECIAL_LOCKED_OUT, SPECIAL_MULTI, SPECIAL_TRACKS, store,
)

cdef enum reply_mode:
    REPLY_ON
    REPLY_OFF
    REPLY_SKIP_NEXT            # CLIENT REPLY SKIP was just run
    REPLY_SKIP                 # this command's reply is discarded

cdef enum session_door:        # how a session of this process is used
    DOOR_SESSION
    DOOR_STORE                 # a store's own: CLIENT KILL skips it
    DOOR_LINK                  # the connection of a client

cdef enum:
    FREE_OUTPUT = 16384        # bytes of output not counted against limits: Redis's fixed reply buffer of a client

cdef enum script_slots:        # in a cluster: session.script_slot
    ANY_SLOT = -2              # the script may use keys of any slot
    NO_SLOT = -1               # it has used none yet

cdef struct queued:            # a command between MULTI and EXEC
    const void *command
    uint32_t flags             # of that call
    view *argv                 # views and bytes in one allocation
    int argc
    size_t size
    offered offer              # memory of a large word, which is not copied

cdef struct session:
    store *store
    session *next              # of all sessions of the store
    session *prev
    int64_t id
    int db
    int proto
    uint32_t special           # SPECIAL_ bits: conditions under which its commands are not plain
    void *user                 # of run/acl/users.pxd; NULL: the default user
    bint entered               # it has authenticated, or needed not to when it began
    bint trusted               # of the program itself: no user restricts it until it authenticates
    buf out                    # replies and pushes not yet taken by the owner
    bint failed                # the running command has replied an error
    size_t request             # bytes of the request that runs, or waits, if they are so many that it is logged; else 0
    view hinted                # a key whose hash is known: at this very address, while a batch runs
    uint64_t hint
    bint aborted               # a command was refused since MULTI
    bint touched               # a WATCHed key has changed
    bint executing             # inside EXEC or a script
    bint scripting             # a script runs a command for it
    int64_t script_us          # the time that its script has been told; 0: it has not asked
    int script_slot            # the slot that the script's keys lie in, or ANY_SLOT, NO_SLOT
    queued *queue
    int queue_len
    int queue_room
    size_t queue_bytes
    entry **watches            # of the keys it watches (watches.pyx)
    int watch_len
    int watch_room
    int reply                  # reply_mode
    bint closing               # close when the output is written
    bint killed                # close now
    bint monitor
    bint no_evict
    bint redirects             # CLIENT CAPA redirect: a replica sends its client to the master
    bint reads_replica         # READONLY: not for commands that only read
    bint import_source         # CLIENT IMPORT-SOURCE
    bint local                 # this machine: loopback, unix socket or in process
    bint abandoned             # its client has left, and it goes on until its command ends
    bint in_process
    int door                   # of one in this process
    void *subs                 # what it listens to (channels.pyx), or NULL
    void *fieldsets            # prepared for HIMPORT (fieldsets.pyx), or NULL
    size_t fieldset_bytes
    void *tracker              # its tracking of keys (tracking.pyx)
    buf pushes                 # messages that arrived while its command ran
    void *wait                 # the command it is blocked in (waiters.pyx), or NULL
    bint paused                # its next command waits for CLIENT UNPAUSE
    buf name
    buf lib_name
    buf lib_ver
    buf addr
    buf laddr
    int fd
    channel *line              # its connection, while it is open; or NULL. The owner's
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
    size_t behind              # of a replica: bytes of the stream that it has yet to be sent
    size_t counted             # what it has reported of its memory
    int64_t soft_since_ms      # above the soft output limit since; 0: it is not
    int64_t written            # offset of the replication stream after its last write
    bint master                # the link to the master, of which this store is a replica; fd: while it is connected
    bint syncs                 # it is a replica: its output is the stream, not replies
    int64_t alive_ms           # wall; its last line break without a command, a sign of life of a replica that is busy
    void *replica              # what is known of it as a replica (replica/master.pyx), or NULL
    void (*feed)(session *c) noexcept nogil     # or NULL; called under the lock when all output is sent: appends more
    void (*leaves)(session *c) noexcept nogil   # or NULL; called before it is deleted
    void *link                 # the owner's
    bint (*relax)(session *c, bint busy, int64_t spent_us) noexcept nogil   # called during a long script; False: end it
    void *relaxed              # state of relax
    int debugs                 # debug_mode
    bint (*converse)(session *c, buf *heard) noexcept nogil   # or NULL; for the debugger of its script: sends its output, and waits a moment for bytes, which are appended. False: end the script
    bint (*leave)(session *c, view *argv, int argc) noexcept nogil   # or NULL; its client goes on in a copy of the store, with this command; what follows it must not run before. False: no memory
    void (*wake)(session *c) noexcept nogil     # there is output, or it must close; called under the lock

cdef enum debug_mode:          # SCRIPT DEBUG: where its next EVAL runs
    DEBUG_NONE
    DEBUG_HERE                 # in the debugger
    DEBUG_APART                # in the debugger, in a copy of the store

cdef enum after_bit:           # work to do after the running command (run/after.pyx)
    AFTER_SERVE = 1            # keys that sessions wait for have changed
    AFTER_INVALIDATE = 2             # invalidations are to be sent

cdef struct clients:           # the registry: part PART_CLIENTS of a store
    session *first             # the oldest
    session *last
    table by_id
    size_t count
    size_t own                 # of those, in this process: not connections
    int64_t next_id
    size_t memory              # of all their buffers
    size_t most_memory         # maxmemory-clients; 0: no limit
    size_t max_input
    size_t max_output
    size_t monitors
    bint pause_writes_only     # of CLIENT PAUSE, which lasts until store.paused_until
    session *running           # whose command runs, or NULL
    uint32_t after             # AFTER_ bits
    const char *busy           # a long-running script: the error for other clients; else NULL
    # of the default user, by run/acl/access.pyx:
    bint passwordless
    bint locks_out             # connections have to authenticate
    bint restricts             # it may not do everything

cdef void session_account(session *c) noexcept nogil               # reports its memory to the store
cdef void session_unaccount(session *c) noexcept nogil             # before it is deleted
cdef size_t session_memory(session *c) noexcept nogil
cdef bint session_queue(session *c, const void *command, uint32_t flags, view *argv, int argc) noexcept nogil   # False: no memory
cdef void session_unqueue(session *c) noexcept nogil               # the queue and MULTI state
cdef void session_replies(session *c, int mode) noexcept nogil     # CLIENT REPLY
cdef buf *session_push(session *c) noexcept nogil                  # the buffer for a message to it; then session_pushed
cdef void session_append_pushes(session *c) noexcept nogil         # after its command: appends them to the reply
cdef void session_pushed(session *c) noexcept nogil
cdef void session_limit_output(session *c) noexcept nogil      # limits a single reply to little more than the hard limit
cdef size_t session_output(session *c) noexcept nogil      # bytes that wait to be written, as limits count them
cdef bint session_within_limits(session *c) noexcept nogil         # False: its pending output exceeds a limit
cdef void session_end(session *c) noexcept nogil                   # to be closed when its output is written
cdef void session_kill(session *c) noexcept nogil                  # to be closed now
cdef session *client_by_id(store *s, int64_t id) noexcept nogil    # or NULL
cdef bint is_paused(session *c, bint writes) noexcept nogil
cdef void pause_set(store *s, int64_t until_ms, bint writes_only) noexcept nogil   # until_ms 0: ends it, and wakes paused sessions
cdef void busy_set(store *s, const char *answer) noexcept nogil    # the error for other clients while a script runs; NULL: it has ended
cdef void buf_set(buf *b, view v) noexcept nogil


cdef inline clients *clients_of(store *s) noexcept nogil:
    return <clients *>s.parts[<int>PART_CLIENTS]


cdef inline session *running_session(store *s) noexcept nogil:
    return clients_of(s).running


cdef inline bint in_multi(session *c) noexcept nogil:
    """Between MULTI and EXEC."""
    return c.special & SPECIAL_MULTI != 0


cdef inline bint is_listening(session *c) noexcept nogil:
    """Does it have any subscription?"""
    return c.special & SPECIAL_LISTENS != 0


cdef inline bint is_tracking(session *c) noexcept nogil:
    return c.special & SPECIAL_TRACKS != 0


cdef inline bint is_authenticated(session *c) noexcept nogil:
    return not c.special & SPECIAL_LOCKED_OUT


cdef inline bint is_plain(session *c) noexcept nogil:
    """No check of the gate applies, and a command needs no work after it except to be counted."""
    return (c.special | c.store.special) == 0
