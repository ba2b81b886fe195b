"""Which keys hold values: the store, its databases, and how entries get in and out. See keyspace.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from kvd.core.clock cimport pace, ticks, wall_us
from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.table cimport table, table_hash
from kvd.core.view cimport view
from kvd.core.wheel cimport wheel
from kvd.store.config cimport config

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_trylock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)
    int pthread_mutex_destroy(pthread_mutex_t *)

cdef extern from * nogil:
    """
    #include <unistd.h>
    static inline void kvd_atomic_add(int *p, int n) { __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST); }
    static inline int kvd_atomic_get(int *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
    """
    void atomic_add "kvd_atomic_add" (int *p, int n)
    int atomic_get "kvd_atomic_get" (int *p)
    int usleep(unsigned int us)

cdef enum clock_mode:          # of a store, for tests of what time does
    CLOCK_WALL
    CLOCK_SHIFTED              # clock_us more than the wall's
    CLOCK_FROZEN               # clock_us, until it is set again

cdef struct database:
    table keys
    wheel *expires             # made with the first deadline
    wheel *fields              # of hashes, by the soonest deadline of their fields
    int id

cdef struct remains:           # what is freed in slices: a flushed database's content, or a large value
    table keys
    entry *value
    remains *next

cdef struct pool_slot:         # a candidate for eviction (evict.pyx)
    uint64_t rank
    uint64_t hash
    int db
    uint32_t klen
    char key[56]

cdef enum:
    POOL = 16
    OPS_SAMPLES = 16

cdef struct rate:              # a counter sampled over the last rounds
    int64_t samples[OPS_SAMPLES]
    uint64_t last
    int64_t last_ms
    int next

cdef struct stats:
    uint64_t commands
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
    rate ops
    rate input
    rate output

cdef struct script_figures:    # of what scripts hold (script/runtime.pyx)
    size_t memory              # bytes in all
    size_t lua                 # of these in the interpreter
    size_t scripts             # cached
    size_t script_bytes
    size_t functions
    size_t libraries
    size_t function_bytes
    uint64_t evicted

cdef struct store:
    heap mem
    database *dbs
    config config
    int64_t now                # ms of the batch that runs, by the store's clock
    int clock_mode             # who sets the clock: CLOCK_WALL and so on
    int64_t clock_us           # shift or frozen time
    uint32_t clock             # access clock of the batch (evict.pyx)
    uint64_t mark              # ticks when `now` was taken by store_time_cheap
    uint64_t window            # ticks for which it stays good; 0: the rate is not known yet
    bint shared                # other threads can reach it: the lock counts
    bint locked                # a Store method holds the lock (doors/store.pyx)
    view hinted                # a key whose hash is known already: this very memory, while a batch runs
    uint64_t hint
    bint expiring              # active expiry is on (DEBUG SET-ACTIVE-EXPIRE)
    bint no_touch              # the session that runs leaves access clocks alone (CLIENT NO-TOUCH)
    int64_t planned            # wall ms at which someone comes to tick; INT64_MAX: nobody
    int64_t wanted             # soonest deadline set since a Store method looked (doors/store.pyx)
    bint ticking               # someone calls store_tick regularly, so freeing may be put off
    pthread_mutex_t lock
    int waiting                # threads that wait for the lock; atomic
    rng random
    pace pace
    uint64_t changes           # writes, ever
    uint64_t changes_saved     # writes at the last save
    table watched              # WATCHed keys (change.pyx)
    remains *graveyard
    size_t client_memory       # what sessions report of their buffers
    pool_slot pool[POOL]
    stats stats
    int64_t started_ms         # wall
    int64_t stats_reset_ms
    char run_id[41]
    char *config_path          # absolute path of the configuration file, or NULL; own copy
    void *clients              # the sessions' registry (session.pyx)
    void *commands             # per-command figures (commands/table.pyx)
    void *server               # the server on this store, or NULL (server/server.pyx)
    bint ready                         # keys that sessions wait for have changed
    void *waits                        # who waits for keys (session/waiters.pyx)
    void *channels                     # who listens to channels (session/channels.pyx)
    void *tracking                     # who caches keys (session/tracking.pyx)
    void *running                      # the session whose command runs, or NULL
    void *scripts                      # the Lua interpreter (script/runtime.pyx), or NULL
    script_figures scripting
    const char *busy                   # a script runs for long: what others are answered; else NULL
    void (*on_touch)(store *s, int db, view key) noexcept nogil       # a key has changed; ptr NULL: any of the database
    void (*on_event)(store *s, int db, view key, int event_class, const char *event) noexcept nogil
    void (*on_shutdown)(store *s) noexcept nogil                      # SHUTDOWN was asked for
    void (*on_log)(store *s, int level, const char *text) noexcept nogil
    void (*on_deadline)(store *s, int64_t deadline) noexcept nogil   # a deadline may be the soonest now

cdef store *store_new(int databases) noexcept nogil                # or NULL
cdef void store_delete(store *s) noexcept nogil
cdef void store_time(store *s) noexcept nogil                      # takes the time for the batch that begins
cdef void store_time_slow(store *s) noexcept nogil
cdef void store_tick(store *s, int64_t budget_us) noexcept nogil   # a slice of background work: expiry, freeing
cdef int64_t store_next(store *s) noexcept nogil                   # wall ms of the next background work; INT64_MAX: none
cdef size_t store_memory(store *s) noexcept nogil                  # what maxmemory compares with
cdef bint store_freeing(store *s, int64_t budget_us) noexcept nogil     # frees what was flushed; True: more to do

cdef entry *keyspace_find(store *s, database *db, view key, uint64_t hash) noexcept nogil    # or NULL; drops it if expired
cdef entry *keyspace_read(store *s, database *db, view key, uint64_t hash) noexcept nogil    # the same, with access and hit counted
cdef bint keyspace_insert(store *s, database *db, entry *e, uint64_t hash) noexcept nogil    # new key; False: no memory, e is the caller's
cdef void keyspace_replace(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil   # frees old; e takes its deadline place if TIMED
cdef void keyspace_moved(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil     # e is old at a new address
cdef void keyspace_remove(store *s, database *db, entry *e, uint64_t hash) noexcept nogil    # frees it
cdef entry *keyspace_take(store *s, database *db, entry *e, uint64_t hash) noexcept nogil    # takes it out, unfreed, without its place in the wheel
cdef entry *keyspace_set_deadline(store *s, database *db, entry *e, uint64_t hash, int64_t ms) noexcept nogil
cdef entry *keyspace_persist(store *s, database *db, entry *e, uint64_t hash) noexcept nogil
# the last two may move the entry: the new one, or NULL without memory
cdef void keyspace_replan_fields(store *s, database *db, entry *e) noexcept nogil   # after deadlines of a hash's fields have changed
cdef bint keyspace_drop_fields(store *s, database *db, entry *e, uint64_t hash, int *budget) noexcept nogil   # fields past their deadline; True: the key is gone with them
cdef void keyspace_flush(store *s, database *db, bint later) noexcept nogil
cdef void keyspace_swap(store *s, int a, int b) noexcept nogil
cdef size_t keyspace_expires(database *db) noexcept nogil          # keys with a deadline
cdef int64_t keyspace_average_ttl(store *s, database *db) noexcept nogil   # ms, estimated


cdef inline int64_t store_wall_us(store *s) noexcept nogil:
    """Microseconds since 1970 by the store's clock."""
    if s.clock_mode == CLOCK_WALL:
        return wall_us()
    return s.clock_us if s.clock_mode == CLOCK_FROZEN else wall_us() + s.clock_us


cdef inline void store_time_cheap(store *s) noexcept nogil:
    """The same for callers that come one command at a time: a tenth of a millisecond late at most."""
    if ticks() - s.mark >= s.window:
        store_time_slow(s)


cdef inline uint64_t hash_of(store *s, view key) noexcept nogil:
    """table_hash(key), unless the batch has computed it already."""
    return s.hint if key.ptr == s.hinted.ptr and key.len == s.hinted.len and key.ptr != NULL else table_hash(key)


cdef inline void store_lock_slowly(store *s) noexcept nogil:
    """The lock is taken: waits for it, so that store_lend sees someone wait."""
    atomic_add(&s.waiting, 1)
    pthread_mutex_lock(&s.lock)
    atomic_add(&s.waiting, -1)


cdef inline void store_lock(store *s) noexcept nogil:
    if s.shared and pthread_mutex_trylock(&s.lock) != 0:
        store_lock_slowly(s)


cdef inline void store_unlock(store *s) noexcept nogil:
    if s.shared:
        pthread_mutex_unlock(&s.lock)


cdef inline void store_lend(store *s) noexcept nogil:
    """Lets everyone who waits for the lock have it; for a script that runs for long. Mutexes are not fair by themselves."""
    cdef int patience = 100            # of 100 us
    pthread_mutex_unlock(&s.lock)
    while patience and atomic_get(&s.waiting):
        usleep(100)
        patience -= 1
    pthread_mutex_lock(&s.lock)
