"""Eviction: who makes room when memory is short.

A policy is a row: where candidates come from (all keys, or those with a deadline) and how they are
ranked; the highest rank goes first. Exact LRU would cost two pointers a key, so a handful of keys is
sampled (maxmemory-samples) and the best ever seen are kept in a pool between evictions; with five
samples that is close to exact. volatile-ttl needs no luck: the wheel knows who ends first.

`access` in an entry is one of two things. LRU: the time of the last access in units of 16 ms. (Seconds
would make all keys of a busy second equal, which costs hits under pressure.) LFU: minutes of the last
decay (16 bits) over a logarithmic counter (8 bits) that gains with probability 1 / (counter *
lfu-log-factor + 1) and loses one every lfu-decay-time minutes.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from kvd.core.clock cimport mono_us
from kvd.core.entry cimport entry, entry_deadline, entry_key, timer, timer_entry
from kvd.core.random cimport rng_below, rng_unit
from kvd.core.table cimport table_find, table_hash, table_sample
from kvd.core.view cimport view, view_of
from kvd.core.wheel cimport wheel_sample, wheel_soonest
from kvd.store.change cimport key_gone
from kvd.store.config cimport (
    EVENT_EVICTED, OPT_DATABASES, OPT_LFU_DECAY_TIME, OPT_LFU_LOG_FACTOR, OPT_MAXMEMORY_EVICTION_TENACITY,
    OPT_MAXMEMORY_POLICY, OPT_MAXMEMORY_SAMPLES, POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_LRU, POLICY_ALLKEYS_RANDOM,
    POLICY_NOEVICTION, POLICY_VOLATILE_LFU, POLICY_VOLATILE_LRU, POLICY_VOLATILE_RANDOM, POLICY_VOLATILE_TTL, cfg,
)
from kvd.store.keyspace cimport POOL, database, keyspace_remove, pool_slot, store, store_freeing

cdef enum:
    LFU_INIT = 5               # the counter of a new key, so that it is not the first to go
    CLOCK_SHIFT = 4            # LRU clock: 16 ms
    KEY_ROOM = 56              # longest key the pool remembers
    MAX_SAMPLES = 64
    STEP = 16                  # evictions between two looks at the time

ctypedef uint64_t (*ranking)(store *s, entry *e) noexcept nogil

cdef struct policy:
    bint volatile_only
    ranking rank               # NULL: any key is as good as another

cdef policy POLICIES[8]
POLICIES[POLICY_NOEVICTION] = policy(volatile_only=False, rank=NULL)
POLICIES[POLICY_ALLKEYS_LRU] = policy(volatile_only=False, rank=by_idle)
POLICIES[POLICY_ALLKEYS_LFU] = policy(volatile_only=False, rank=by_rarity)
POLICIES[POLICY_ALLKEYS_RANDOM] = policy(volatile_only=False, rank=NULL)
POLICIES[POLICY_VOLATILE_LRU] = policy(volatile_only=True, rank=by_idle)
POLICIES[POLICY_VOLATILE_LFU] = policy(volatile_only=True, rank=by_rarity)
POLICIES[POLICY_VOLATILE_RANDOM] = policy(volatile_only=True, rank=NULL)
POLICIES[POLICY_VOLATILE_TTL] = policy(volatile_only=True, rank=by_deadline)


cdef uint64_t by_idle(store *s, entry *e) noexcept nogil:
    return <uint32_t>(s.clock - e.access)


cdef uint64_t by_rarity(store *s, entry *e) noexcept nogil:
    return 255 - access_frequency(s, e)


cdef uint64_t by_deadline(store *s, entry *e) noexcept nogil:
    return <uint64_t>0x7FFFFFFFFFFFFFFFULL - <uint64_t>entry_deadline(e)


cdef inline uint32_t minutes(store *s) noexcept nogil:
    return <uint32_t>(s.now // 60000) & 0xffff


cdef uint32_t access_clock(store *s) noexcept nogil:
    return <uint32_t>(s.now >> CLOCK_SHIFT)


cdef void access_init(store *s, entry *e) noexcept nogil:
    e.access = (minutes(s) << 8) | LFU_INIT if uses_lfu(s) else s.clock


cdef int access_frequency(store *s, entry *e) noexcept nogil:
    cdef int64_t decay = cfg(&s.config, OPT_LFU_DECAY_TIME)
    cdef uint32_t counter = e.access & 0xff
    cdef uint32_t lost
    if decay == 0:
        return counter
    lost = <uint32_t>(((minutes(s) - (e.access >> 8)) & 0xffff) // decay)
    return counter - lost if lost < counter else 0


cdef void access_hit_lfu(store *s, entry *e) noexcept nogil:
    cdef uint32_t counter = access_frequency(s, e)
    cdef double above
    if counter < 255:
        above = counter - LFU_INIT if counter > LFU_INIT else 0
        if rng_unit(&s.random) < 1.0 / (above * cfg(&s.config, OPT_LFU_LOG_FACTOR) + 1):
            counter += 1
    e.access = (minutes(s) << 8) | counter


cdef int64_t access_idle_ms(store *s, entry *e) noexcept nogil:
    return <int64_t><uint32_t>(s.clock - e.access) << CLOCK_SHIFT


cdef void remember(store *s, entry *e, int db, uint64_t rank) noexcept nogil:
    """Into the pool, which is sorted by rank, if it is better than the worst there."""
    cdef int i = 0
    cdef view key = entry_key(e)
    cdef uint64_t hash
    if key.len > KEY_ROOM:
        return
    if rank <= s.pool[0].rank:
        return
    hash = table_hash(key)
    for i in range(POOL):
        if s.pool[i].hash == hash and s.pool[i].db == db and s.pool[i].klen == key.len:
            return
    i = 0
    while i < POOL - 1 and s.pool[i + 1].rank < rank:
        i += 1                 # the slot it takes; those below move down by one
    memmove(&s.pool[0], &s.pool[1], i * sizeof(pool_slot))
    s.pool[i].rank = rank
    s.pool[i].hash = hash
    s.pool[i].db = db
    s.pool[i].klen = <uint32_t>key.len
    memcpy(s.pool[i].key, key.ptr, key.len)


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


cdef entry *best_of_pool(store *s, const policy *p, database **where) noexcept nogil:
    """Takes the best remembered key that is still there and was not used since; NULL: none."""
    cdef pool_slot slot
    cdef entry *e
    while s.pool[POOL - 1].hash != 0:
        slot = s.pool[POOL - 1]
        memmove(&s.pool[1], &s.pool[0], (POOL - 1) * sizeof(pool_slot))
        s.pool[0].rank = s.pool[0].hash = 0
        s.pool[0].klen = 0
        where[0] = &s.dbs[slot.db]
        e = table_find(&where[0].keys, view_of(slot.key, slot.klen), slot.hash)
        if (e != NULL and (not p.volatile_only or entry_deadline(e) >= 0)
                and p.rank(s, e) >= slot.rank):
            return e
    return NULL


cdef entry *choose(store *s, const policy *p, database **where) noexcept nogil:
    """The next key to go; NULL: there is none that may."""
    cdef entry *sample[MAX_SAMPLES]
    cdef entry *best = NULL
    cdef uint64_t best_rank = 0
    cdef uint64_t rank
    cdef size_t n, k
    cdef int tries
    cdef int databases = <int>cfg(&s.config, OPT_DATABASES)
    cdef int first = <int>rng_below(&s.random, databases)
    cdef database *db
    cdef database *best_db = NULL
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
            remember(s, sample[k], db.id, rank)
    if best == NULL:
        return NULL
    where[0] = best_db
    if p.rank == by_deadline or entry_key(best).len > KEY_ROOM:
        return best
    cdef entry *pooled = best_of_pool(s, p, where)
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
    """How long one command may be held up, from maxmemory-eviction-tenacity."""
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
    """False: over the limit and nothing may go. Ends at the time even if it is still over."""
    cdef int n = 0
    while over_limit(s):
        if s.graveyard != NULL:
            store_freeing(s, 100)
        elif not evict_one(s):
            return False
        n += 1
        if n % STEP == 0 and mono_us() >= until_us:
            return True
    return True


cdef bint evict_until_fits(store *s) noexcept nogil:
    cdef int64_t begun
    cdef bint ok
    if not over_limit(s):
        return True
    begun = mono_us()
    ok = evict_for(s, begun + patience_us(s))
    if over_limit(s):
        s.stats.eviction_exceeded_us += mono_us() - begun
    return ok


cdef void evict_some(store *s, int64_t until_us) noexcept nogil:
    if over_limit(s):
        evict_for(s, until_us)


cdef void access_set_idle(store *s, entry *e, int64_t ms) noexcept nogil:
    e.access = <uint32_t>(s.clock - <uint32_t>(ms >> CLOCK_SHIFT))


cdef void access_set_frequency(store *s, entry *e, int counter) noexcept nogil:
    e.access = (minutes(s) << 8) | <uint32_t>counter
