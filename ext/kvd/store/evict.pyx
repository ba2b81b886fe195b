"""Eviction of keys when memory is short.

A policy is a row: where candidates come from (all keys, or those with a deadline) and how they are
ranked; the highest rank is evicted first. Exact LRU would cost two pointers a key, so a few keys are
sampled (maxmemory-samples) and the best seen are kept in a pool between evictions; with five
samples that is close to exact. volatile-ttl needs no sampling: the wheel gives the soonest deadlines.

The amount to free is computed once, when an eviction begins, and only the memory freed in the store's heap counts
towards it. So output written because of an eviction (invalidation messages to clients that track the keys)
does not cause further evictions.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from kvd.core.clock cimport mono_us
from kvd.core.entry cimport entry, entry_deadline, entry_key, timer, timer_entry
from kvd.core.mem cimport mem_alloc
from kvd.core.random cimport rng_below
from kvd.core.table cimport table_find, table_hash, table_sample
from kvd.core.view cimport view, view_of
from kvd.core.wheel cimport wheel_sample, wheel_soonest
from kvd.store.access cimport access_clock, access_frequency
from kvd.store.change cimport key_gone
from kvd.store.config cimport (
    EVENT_EVICTED, OPT_DATABASES, OPT_MAXMEMORY_EVICTION_TENACITY, OPT_MAXMEMORY_POLICY, OPT_MAXMEMORY_SAMPLES, OPT_REPLICA_IGNORE_MAXMEMORY,
    POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_LRM, POLICY_ALLKEYS_LRU, POLICY_ALLKEYS_RANDOM, POLICY_COUNT, POLICY_NOEVICTION,
    POLICY_VOLATILE_LFU, POLICY_VOLATILE_LRM, POLICY_VOLATILE_LRU, POLICY_VOLATILE_RANDOM, POLICY_VOLATILE_TTL,
)
from kvd.store.keyspace cimport keyspace_remove, store_freeing
from kvd.store.store cimport SPECIAL_IMPORT, SPECIAL_LOADING, SPECIAL_REPLICA, database

cdef enum:
    POOL = 16
    KEY_ROOM = 56              # longest key that the pool holds
    MAX_SAMPLES = 64
    STEP = 16                  # evictions between two readings of the clock

cdef struct pool_slot:         # a candidate for eviction
    uint64_t rank
    uint64_t hash
    int db
    uint32_t klen
    char key[KEY_ROOM]

ctypedef uint64_t (*ranking)(store *s, entry *e) noexcept nogil

cdef struct policy:
    bint volatile_only
    ranking rank               # NULL: all keys rank equal

cdef policy POLICIES[POLICY_COUNT]
POLICIES[POLICY_NOEVICTION] = policy(volatile_only=False, rank=NULL)
POLICIES[POLICY_ALLKEYS_LRU] = policy(volatile_only=False, rank=by_idle)
POLICIES[POLICY_ALLKEYS_LFU] = policy(volatile_only=False, rank=by_rarity)
POLICIES[POLICY_ALLKEYS_RANDOM] = policy(volatile_only=False, rank=NULL)
POLICIES[POLICY_VOLATILE_LRU] = policy(volatile_only=True, rank=by_idle)
POLICIES[POLICY_VOLATILE_LFU] = policy(volatile_only=True, rank=by_rarity)
POLICIES[POLICY_VOLATILE_RANDOM] = policy(volatile_only=True, rank=NULL)
POLICIES[POLICY_VOLATILE_TTL] = policy(volatile_only=True, rank=by_deadline)
POLICIES[POLICY_ALLKEYS_LRM] = policy(volatile_only=False, rank=by_idle)         # reads do not touch, see access_read
POLICIES[POLICY_VOLATILE_LRM] = policy(volatile_only=True, rank=by_idle)


cdef uint64_t by_idle(store *s, entry *e) noexcept nogil:
    return <uint32_t>(access_clock(s) - e.access)


cdef uint64_t by_rarity(store *s, entry *e) noexcept nogil:
    return 255 - access_frequency(s, e)


cdef uint64_t by_deadline(store *s, entry *e) noexcept nogil:
    return <uint64_t>0x7FFFFFFFFFFFFFFFULL - <uint64_t>entry_deadline(e)


cdef pool_slot *pool_of(store *s) noexcept nogil:
    """The pool of candidates, the best one last; made with the first eviction. NULL: no memory."""
    if s.eviction == NULL:
        s.eviction = mem_alloc(&s.mem, POOL * sizeof(pool_slot))
        evict_forget(s)
    return <pool_slot *>s.eviction


cdef void evict_forget(store *s) noexcept nogil:
    if s.eviction != NULL:
        memset(s.eviction, 0, POOL * sizeof(pool_slot))


cdef void pool_insert(store *s, pool_slot *pool, entry *e, int db, uint64_t rank) noexcept nogil:
    """Inserts the key into the pool, which is sorted by rank, if it ranks above the lowest there."""
    cdef int i = 0
    cdef view key = entry_key(e)
    cdef uint64_t hash
    if key.len > KEY_ROOM or rank <= pool[0].rank:
        return
    hash = table_hash(key)
    for i in range(POOL):
        if pool[i].hash == hash and pool[i].db == db and pool[i].klen == key.len:
            return
    i = 0
    while i < POOL - 1 and pool[i + 1].rank < rank:
        i += 1                 # the slot it takes; those below move down by one
    memmove(&pool[0], &pool[1], i * sizeof(pool_slot))
    pool[i].rank = rank
    pool[i].hash = hash
    pool[i].db = db
    pool[i].klen = <uint32_t>key.len
    memcpy(pool[i].key, key.ptr, key.len)


cdef size_t candidates(store *s, database *db, const policy *p, entry **out, size_t n) noexcept nogil:
    cdef timer *timers[MAX_SAMPLES]
    cdef size_t got, i
    if not p.volatile_only:
        return table_sample(&db.keys, &s.random, out, n)
    if db.expires == NULL:
        return 0
    if p.rank == by_deadline:
        got = wheel_soonest(db.expires, timers, MAX_SAMPLES)
    else:
        got = wheel_sample(db.expires, &s.random, timers, n)
    for i in range(got):
        out[i] = timer_entry(timers[i])
    return got


cdef entry *best_of_pool(store *s, pool_slot *pool, const policy *p, database **where) noexcept nogil:
    """Takes the best key of the pool that still exists and was not used since; NULL: none."""
    cdef pool_slot slot
    cdef entry *e
    while pool[POOL - 1].hash != 0:
        slot = pool[POOL - 1]
        memmove(&pool[1], &pool[0], (POOL - 1) * sizeof(pool_slot))
        memset(&pool[0], 0, sizeof(pool_slot))
        where[0] = &s.dbs[slot.db]
        e = table_find(&where[0].keys, view_of(slot.key, slot.klen), slot.hash)
        if (e != NULL and (not p.volatile_only or entry_deadline(e) >= 0)
                and p.rank(s, e) >= slot.rank):
            return e
    return NULL


cdef entry *choose(store *s, const policy *p, database **where) noexcept nogil:
    """The next key to evict; NULL: none may be evicted."""
    cdef entry *sample[MAX_SAMPLES]
    cdef entry *best = NULL
    cdef entry *pooled
    cdef uint64_t best_rank = 0
    cdef uint64_t rank
    cdef size_t n, k
    cdef int tries
    cdef int databases = <int>cfg(&s.config, OPT_DATABASES)
    cdef int first = <int>rng_below(&s.random, databases)
    cdef database *db
    cdef database *best_db = NULL
    cdef pool_slot *pool = pool_of(s)
    for tries in range(databases):
        db = &s.dbs[(first + tries) % databases]
        if db.keys.items == 0:
            continue
        n = candidates(s, db, p, sample, cfg(&s.config, OPT_MAXMEMORY_SAMPLES))
        if n and p.rank == NULL:
            where[0] = db
            return sample[rng_below(&s.random, n)]
        for k in range(n):
            rank = p.rank(s, sample[k])
            if best == NULL or rank > best_rank:
                best = sample[k]
                best_rank = rank
                best_db = db
            if pool != NULL:
                pool_insert(s, pool, sample[k], db.id, rank)
    if best != NULL and pool != NULL and p.rank != by_deadline and entry_key(best).len <= KEY_ROOM:
        pooled = best_of_pool(s, pool, p, where)
        if pooled != NULL:
            return pooled
    where[0] = best_db
    return best


cdef bint evict_one(store *s) noexcept nogil:
    cdef database *db = NULL
    cdef entry *e
    cdef view key
    cdef const policy *p = &POLICIES[cfg(&s.config, OPT_MAXMEMORY_POLICY)]
    if cfg(&s.config, OPT_MAXMEMORY_POLICY) == POLICY_NOEVICTION:
        return False
    e = choose(s, p, &db)
    if e == NULL:
        return False
    key = entry_key(e)
    key_gone(s, db, key, EVENT_EVICTED, b"evicted")
    s.stats.evicted += 1
    keyspace_remove(s, db, e, table_hash(key))
    return True


cdef int64_t patience_us(store *s) noexcept nogil:
    """How long evictions may delay one command, from maxmemory-eviction-tenacity."""
    cdef int64_t t = cfg(&s.config, OPT_MAXMEMORY_EVICTION_TENACITY)
    cdef double us = 500.0
    if t <= 10:
        return 50 * t
    if t >= 100:
        return <int64_t>1 << 60
    while t > 10:
        us *= 1.15
        t -= 1
    return <int64_t>us


cdef bint evict_for(store *s, int64_t until_us) noexcept nogil:
    """False: over the limit and no key may be evicted. Ends at the time limit even if still over the memory limit."""
    cdef size_t begun = s.mem.used
    cdef size_t much = store_memory(s) - <size_t>cfg(&s.config, OPT_MAXMEMORY)
    cdef int n = 0
    while s.mem.used > begun or begun - s.mem.used < much:
        if s.graveyard != NULL:
            store_freeing(s, 100)
        elif not evict_one(s):
            return False
        n += 1
        if n % STEP == 0 and mono_us() >= until_us:
            return True
    return True


cdef bint is_the_masters(store *s) noexcept nogil:
    return s.special & SPECIAL_REPLICA and cfg(&s.config, OPT_REPLICA_IGNORE_MAXMEMORY)


cdef bint evict_until_fits(store *s) noexcept nogil:
    cdef int64_t begun
    cdef bint ok
    if not over_limit(s) or s.now < s.paused_until or s.special & SPECIAL_LOADING:
        return True
    if s.special & SPECIAL_IMPORT:
        return False
    begun = mono_us()
    ok = evict_for(s, begun + patience_us(s))
    if over_limit(s):
        s.stats.eviction_exceeded_us += mono_us() - begun
    return ok


cdef void evict_some(store *s, int64_t until_us) noexcept nogil:
    if over_limit(s) and not is_the_masters(s):
        evict_for(s, until_us)
