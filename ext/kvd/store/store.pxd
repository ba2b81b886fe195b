"""The store: everything that one data set needs, in one struct. See store.pyx.

Nothing is global, so any number of stores may exist in one process. The layers above keep their data about a store
in `parts`, by number, and receive changes as listeners (change.pxd).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from kvd.core.clock cimport pace
from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.core.wheel cimport wheel
from kvd.store.config cimport config
from kvd.store.effects cimport effects
from kvd.store.lock cimport guard, guard_lend, guard_release, guard_try, guard_wait
from kvd.store.parts cimport PARTS

cdef enum:
    OPS_SAMPLES = 16
    SIZED_TYPES = 5            # whose values are counted by size: the first of value_type, up to hashes
    SIZE_BINS = 40             # of sizes: 0, 1, 2 and 3, 4 to 7, ...
    OPEN_SIZES = 4
    LISTEN_TLS_FAILED = -2     # of store.on_listen: the certificates and keys do not fit; the log has the reason

cdef enum special:             # bits of store.special and session.special: what makes a command more than plain.
    # If no bit is raised, a command passes the gate without checks and needs no work after it.
    SPECIAL_MULTI = 1          # the session queues commands
    SPECIAL_LOCKED_OUT = 2     # the session has not authenticated
    SPECIAL_LISTENS = 4        # the session has subscriptions
    SPECIAL_TRACKS = 8         # the session tracks what it reads
    SPECIAL_NO_TOUCH = 16      # the session does not update access clocks
    SPECIAL_REPLY = 32         # the session's replies are off, or skipped
    SPECIAL_MONITORS = 64      # a session monitors all commands
    SPECIAL_BUSY = 128         # a script runs for long
    SPECIAL_CLUSTER = 256      # the keys of a command must be in one slot
    SPECIAL_MEMORY = 512       # maxmemory is set
    SPECIAL_PAUSED = 1024      # CLIENT PAUSE
    SPECIAL_SLOWLOG = 2048     # the threshold of a command log is below what the fastest commands need
    SPECIAL_EFFECTS = 4096     # changes are propagated
    SPECIAL_CLOCK = 8192       # a Python function gives the time before each command
    SPECIAL_CLOSED = 16384     # the store, or the session, is closed: only Python callers meet it
    SPECIAL_RENAMED = 32768    # commands have other names (rename-command)
    SPECIAL_UNSAVED = 65536    # the last snapshot has failed
    SPECIAL_UNLOGGED = 131072  # the last write to the append-only log has failed
    SPECIAL_LOADING = 262144   # the data set is being read from files, or from a master
    SPECIAL_REPLICA = 524288   # this store is a replica: its master decides what expires and is evicted
    SPECIAL_APPLYING = 1048576     # the stream of the master is being applied
    SPECIAL_STALE = 2097152    # it is a replica without a connection to its master
    SPECIAL_FEW_REPLICAS = 4194304   # fewer replicas than min-replicas-to-write
    SPECIAL_RESTRICTED = 8388608     # the session's user may not do everything
    SPECIAL_IMPORT = 16777216  # import-mode: nothing is removed because it has expired, except by a write
    SPECIAL_FROM_SOURCE = 33554432   # the running command is of a session with CLIENT IMPORT-SOURCE: for it, nothing has expired
    SPECIAL_EMULATES = 67108864      # an older server is emulated (emulate)
    SPECIAL_ACCOUNTS = 134217728     # the costs of calls are booked to slots or keys (run/accounts.pyx)

cdef enum clock_mode:          # of a store, for tests of expiry
    CLOCK_WALL
    CLOCK_SHIFTED              # `us` more than the wall's
    CLOCK_FROZEN               # `us`, until it is set again

cdef struct store_clock:       # see clock.pxd
    int mode
    int64_t us                 # shift or frozen time
    uint64_t mark              # ticks when store.now was taken by store_time_cheap
    uint64_t window            # ticks for which it is valid; 0: the rate is not known yet
    pace pace

cdef struct database:
    table keys
    wheel *expires             # made with the first deadline
    wheel *fields              # of hashes, by the soonest deadline of their fields
    int id
    uint64_t sizes[SIZED_TYPES][SIZE_BINS]     # keys by the size of their values (sizes.pyx)

cdef struct open_size:         # a collection that was opened for changes, and is counted with its earlier size (sizes.pyx)
    database *db
    entry *e                   # or NULL
    int bin                    # in which it is counted

cdef struct remains:           # what is freed in slices: a flushed database's content, or a large value
    table keys
    entry *value
    remains *next

cdef struct rate:              # a counter sampled over the last rounds
    int64_t samples[OPS_SAMPLES]
    uint64_t last
    int64_t last_ms
    int next

cdef struct stats:
    uint64_t commands
    uint64_t spent             # ticks of commands
    uint64_t connections
    uint64_t rejected_connections
    uint64_t net_in
    uint64_t net_out
    uint64_t hits
    uint64_t misses
    uint64_t expired
    uint64_t expired_fields
    uint64_t expired_capped    # slices of active expiry that ran out of time
    uint64_t expire_ticks
    uint64_t evicted
    uint64_t evicted_clients
    uint64_t eviction_exceeded_us
    uint64_t lazyfreed
    uint64_t errors
    uint64_t query_limit_closed
    uint64_t output_limit_closed
    uint64_t reads
    uint64_t writes
    uint64_t polls             # rounds of the event loops
    uint64_t rounds_spent      # ticks of them, without waiting
    uint64_t syncs_full        # of replicas: with a snapshot
    uint64_t syncs_continued   # without one
    uint64_t syncs_refused     # of those that asked to continue
    uint64_t replicated_in     # bytes of the stream
    uint64_t replicated_out
    rate ops
    rate input
    rate output
    rate rounds
    rate rounds_us

cdef struct listener:          # called for changes; a field of the part that listens. Each function may be NULL
    listener *next
    void (*opens)(store *s, database *db, entry *e, uint64_t hash) noexcept nogil   # before a key's first change; e NULL: it does not exist
    void (*changes)(store *s, database *db, view key, bint by_command) noexcept nogil   # after one; by_command False: expired or evicted
    void (*replaces)(store *s, database *db, database *other) noexcept nogil        # before all of db is replaced; other: its replacement, or NULL
    void (*event)(store *s, database *db, view key, int event_class, const char *event) noexcept nogil
    void (*field)(store *s, database *db, view key, view field, const char *event) noexcept nogil   # of a hash: the next such event of the key is about it too

cdef enum debug_switch:        # of DEBUG
    DEBUG_CRON_PAUSED = 1
    DEBUG_NOSCRIPT_ALLOWED = 2
    DEBUG_CHECKSUMS_SKIPPED = 4

cdef struct store:
    heap mem
    database *dbs
    config config
    uint32_t special           # SPECIAL_ bits
    guard guard
    int64_t now                # ms by the store's clock, for the running batch
    store_clock clock
    rng random
    listener *listeners
    listener *openers          # of these, one that has `opens`: tested before every change; NULL: none
    bint ahead                 # a snapshot has yet to reach the key that was opened last
    effects effects            # of the running unit, to be propagated
    bint unwritten             # the log has effects that are not written yet
    int log_error              # errno of the write or sync of the log that failed (SPECIAL_UNLOGGED)
    bint ends_unlogged         # a write that must be in the log and cannot ends the process (kvd serve)
    int64_t changes            # elements changed, ever (change.pyx)
    open_size open_sizes[OPEN_SIZES]       # the last opened first
    int64_t changes_saved      # of those, at the last save
    int64_t paused_until       # ms: until then nothing expires or is evicted (CLIENT PAUSE); 0: not paused
    bint hides                 # while a reading command runs under a pause, or during an import: expired keys are hidden, not dropped
    bint expiring              # active expiry is on (DEBUG SET-ACTIVE-EXPIRE)
    uint32_t debug             # DEBUG_ bits
    bint arrays                # it may have arrays: one was made, or read
    bint ticking               # store_tick is called regularly, so freeing may be deferred
    int64_t planned            # wall ms of the next store_tick; NEVER: none
    int64_t wanted             # soonest deadline set since the owner looked (doors/store.pyx)
    remains *graveyard
    void *eviction             # the pool of candidates between evictions (evict.pyx)
    size_t reported[PARTS]     # bytes that the layers above hold outside of `mem`
    size_t outside             # their sum
    stats stats
    int64_t started_ms         # wall
    int64_t stats_reset_ms
    char run_id[41]
    char *config_path          # absolute path of the configuration file, or NULL; own copy
    void *parts[PARTS]         # of the layers above
    void (*on_shutdown)(store *s) noexcept nogil                      # called by SHUTDOWN
    int (*on_listen)(store *s, config *wanted, bint about_tls) noexcept nogil   # before port, bind or an option about TLS is set; returns the option that fails, -1, or LISTEN_TLS_FAILED
    void (*on_log)(store *s, int level, const char *text) noexcept nogil
    void (*on_deadline)(store *s, int64_t deadline) noexcept nogil    # a deadline may be the soonest now
    void (*on_share)(store *s) noexcept nogil                         # other threads can reach it from now on
    void *owner                # its Python object
    void (*on_options)(store *s) noexcept nogil                       # after CONFIG SET
    void (*on_tick)(store *s) noexcept nogil                          # in store_tick
    int64_t due                # wall ms at which on_tick is to be called next; NEVER

cdef store *store_new(int databases) noexcept nogil                # or NULL
cdef void store_delete(store *s) noexcept nogil                    # after the parts of the layers above are released


cdef inline size_t store_memory(store *s) noexcept nogil:
    """The memory that maxmemory limits: keys and values, and what the layers above report."""
    return s.mem.used + s.outside


cdef inline int64_t expiry_now(store *s) noexcept nogil:
    """Deadlines up to this time have passed. While a log or a master's stream is applied none has: what expired is a deletion there;
    so it is for the source of an import."""
    return 0 if s.special & (SPECIAL_LOADING | SPECIAL_APPLYING | SPECIAL_FROM_SOURCE) else s.now


cdef inline void store_report(store *s, int part, size_t bytes) noexcept nogil:
    """Sets the number of bytes that the part holds outside of store.mem."""
    s.outside += bytes - s.reported[part]
    s.reported[part] = bytes


cdef inline void special_set(uint32_t *word, uint32_t bit, bint on) noexcept nogil:
    word[0] = word[0] | bit if on else word[0] & ~bit


cdef inline void store_lock(store *s) noexcept nogil:
    if s.guard.shared and not guard_try(&s.guard):
        guard_wait(&s.guard)


cdef inline void store_unlock(store *s) noexcept nogil:
    if s.guard.shared:
        guard_release(&s.guard)


cdef inline void store_share(store *s) noexcept nogil:
    """Before another thread is started that uses it; the caller runs a command, and holds the lock afterwards if it did not."""
    if not s.guard.shared:
        s.guard.shared = True
        guard_wait(&s.guard)
        s.guard.held = True
        if s.on_share != NULL:
            s.on_share(s)


cdef inline void store_lend(store *s) noexcept nogil:
    """Lets every thread that waits for the lock take it; for long-running scripts."""
    guard_lend(&s.guard)
