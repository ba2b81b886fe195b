"""The command table and the one gate through which every command goes. See table.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.resp.writer cimport (
    write_array, write_bulk, write_int, write_line, write_map, write_null, write_null_array, write_ok, write_set, write_status,
    write_text,
)
from kvd.session.session cimport session
from kvd.store.keyspace cimport database, store

cdef enum:
    AHEAD = 16                 # keys of one command that are fetched before the first is used

cdef enum command_flag:
    F_WRITE = 1
    F_READONLY = 2
    F_DENYOOM = 4
    F_ADMIN = 8
    F_NO_AUTH = 16             # allowed before AUTH
    F_NO_MULTI = 32
    F_SKIP_MONITOR = 64
    F_SKIP_SLOWLOG = 128
    F_IN_MULTI = 256           # runs at once between MULTI and EXEC
    F_CONTAINER = 512
    F_LISTENING = 1024         # a RESP2 session that listens to channels may run it
    F_NOSCRIPT = 2048          # not from a script
    F_ALLOW_BUSY = 4096        # also while a script keeps the store busy
    F_NO_MANDATORY_KEYS = 8192  # its numkeys may be 0

cdef enum dispatch_result:
    DISPATCHED
    DISPATCH_PAUSED            # nothing happened; try again when the pause is over

cdef struct call:
    store *store
    session *session
    database *db
    const command *command
    view *argv
    int argc
    int proto
    buf *out

ctypedef void (*handler)(call *c) noexcept nogil

cdef struct command:
    const char *name           # lower case; a subcommand as container|name
    size_t name_len
    handler run
    int id
    int arity
    uint32_t flags
    int first
    int last
    int step
    int numkeys_at             # where the number of keys stands; 0: nowhere
    int numkeys_step           # words from one of those keys to the next
    const char *keywords[2]    # words behind which further keys stand; NULL: none (lower case)
    int key_specs              # how many sets of key flags there are; one serves all keys
    const command *container   # of a subcommand
    const char *group
    view info                  # entries of COMMAND INFO and COMMAND DOCS, as RESP3
    view docs
    view help                  # of a HELP subcommand: its whole reply

cdef object define(handler run, str text)                              # at import: declares a command
cdef const command *command_find(view name) noexcept nogil             # or NULL; container|name for subcommands
cdef const command *command_of(view *argv, int argc) noexcept nogil    # with its subcommand, if it has one
cdef int command_count() noexcept nogil
cdef const command *command_at(int id) noexcept nogil
cdef int dispatch(session *c, view *argv, int argc) noexcept nogil     # under the store's lock
cdef void run_command(call *c) noexcept nogil                          # past the gate: EXEC's members
cdef int command_keys(const command *cmd, view *argv, int argc, int *at, int room) noexcept nogil   # positions; -1: bad numkeys
cdef bint arity_fits(const command *cmd, int argc) noexcept nogil
cdef void freeze() except *                                            # after all modules are imported

cdef void reply_error(call *c, const char *text) noexcept nogil
cdef void reply_error_counted(call *c, view text, bint counted) noexcept nogil    # counted False: someone has counted it
cdef void reply_errorf(call *c, const char *format, const char *a, const char *b) noexcept nogil   # two %s at most
cdef void reply_error_about(call *c, const char *format, view word) noexcept nogil   # one %.*s: the word
cdef bint arg_int(call *c, int i, int64_t *n) noexcept nogil           # False: the error is replied
cdef bint arg_range(call *c, int i, int64_t lo, int64_t hi, int64_t *n) noexcept nogil
cdef entry *find_read(call *c, view key, uint64_t *hash) noexcept nogil     # counts hit or miss, touches
cdef entry *find_write(call *c, view key, uint64_t *hash) noexcept nogil    # touches
cdef void hash_ahead(call *c, int at, int step, int count, uint64_t *hashes) noexcept nogil   # up to AHEAD keys: hashed and fetched
cdef bint wrong_type(call *c, entry *e, int type) noexcept nogil       # True: it is another type, and the error is replied


cdef inline void use_hash(call *c, view key, uint64_t hash) noexcept nogil:
    """The next lookup of this very key needs no hashing; end with use_hash of nothing."""
    c.store.hinted = key
    c.store.hint = hash


cdef inline void reply_ok(call *c) noexcept nogil:
    write_ok(c.out)


cdef inline void reply_int(call *c, int64_t n) noexcept nogil:
    write_int(c.out, n)


cdef inline void reply_bulk(call *c, view v) noexcept nogil:
    write_bulk(c.out, v)


cdef inline void reply_text(call *c, const char *text) noexcept nogil:
    write_text(c.out, text)


cdef inline void reply_null(call *c) noexcept nogil:
    write_null(c.out, c.proto)


cdef inline void reply_array(call *c, int64_t n) noexcept nogil:
    write_array(c.out, n)


cdef inline void reply_map(call *c, int64_t pairs) noexcept nogil:
    write_map(c.out, pairs, c.proto)
