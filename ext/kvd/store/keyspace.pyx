"""The store and its databases.

Everything of a store hangs off `struct store`: databases, configuration, figures, registries of the
layers above (as opaque pointers). Nothing is global, so any number of stores live in one process and
one is gone when its heap is destroyed.

Every entry gets in, moves and leaves through the functions here, because three things refer to it by
address and must agree: the table's slot, the wheel's cell, and nothing else. Expiry is lazy here (a
key past its deadline is dropped by whoever looks for it, so it is never visible) and active in
expire.pyx.

Lock: whoever calls holds the store's lock if the store is shared.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from kvd.core.clock cimport mono_us, pace_start, pace_update, ticks, wall_ms
from kvd.core.entry cimport TIMED, entry, entry_deadline, entry_free, entry_key, entry_timer, timer
from kvd.core.mem cimport heap_destroy, heap_init, mem_alloc, mem_free
from kvd.core.random cimport rng_seed
from kvd.core.table cimport table_drain, table_find, table_init, table_insert, table_remove, table_replace
from kvd.core.view cimport view
from kvd.core.wheel cimport (
    wheel_add, wheel_cancel, wheel_delete, wheel_moved, wheel_new, wheel_next, wheel_sample,
)
from kvd.store.change cimport key_event, key_gone, watches_of_database, watches_of_flush
from kvd.store.config cimport EVENT_EXPIRED, EVENT_GENERIC, EVENT_HASH, EVENT_MISS, OPT_DATABASES, cfg, config_init, config_release
from kvd.store.evict cimport access_clock, access_touch, evict_some
from kvd.store.expire cimport expire_some
from kvd.types.hash cimport HASH_PACKED_TIMED, hash_drop_due, hash_len, hash_soonest, hash_table, hash_table_of
from kvd.types.kind cimport HASH
from kvd.types.value cimport value_free, value_free_some, value_parts, value_reshape

cdef int64_t NEVER = 0x7FFFFFFFFFFFFFFF

cdef enum:
    FREE_STEP = 64             # things freed between two looks at the time
    LARGE = 256                # a value of more parts is freed in slices, if somebody ticks


cdef store *store_new(int databases) noexcept nogil:
    cdef store *s = <store *>calloc(1, sizeof(store))
    cdef int i
    if s == NULL:
        return NULL
    heap_init(&s.mem)
    s.dbs = <database *>mem_alloc(&s.mem, databases * sizeof(database))
    if s.dbs == NULL:
        free(s)
        return NULL
    memset(s.dbs, 0, databases * sizeof(database))
    config_init(&s.config)
    s.config.values[<int>OPT_DATABASES].number = databases
    for i in range(databases):
        s.dbs[i].id = i
        table_init(&s.dbs[i].keys, &s.mem)
    table_init(&s.watched, &s.mem)
    pthread_mutex_init(&s.lock, NULL)
    s.expiring = True
    s.planned = NEVER
    pace_start(&s.pace)
    rng_seed(&s.random, <uint64_t>mono_us() * <uint64_t>0x9E3779B97F4A7C15ULL ^ <uint64_t><size_t>s)
    s.started_ms = wall_ms()
    s.stats_reset_ms = s.started_ms
    store_time(s)
    return s


cdef void store_delete(store *s) noexcept nogil:
    """The registries of the layers above are gone by now."""
    if s == NULL:
        return
    config_release(&s.config)
    free(s.config_path)
    pthread_mutex_destroy(&s.lock)
    heap_destroy(&s.mem)
    free(s)


cdef void store_time(store *s) noexcept nogil:
    s.now = store_wall_us(s) // 1000
    s.clock = access_clock(s)


cdef void store_time_slow(store *s) noexcept nogil:
    s.mark = ticks()
    store_time(s)
    if s.window == 0 and mono_us() - s.pace.us0 >= 1000:
        pace_update(&s.pace)
        s.window = <uint64_t>(s.pace.ticks_per_us * 100)


cdef size_t store_memory(store *s) noexcept nogil:
    return s.mem.used + s.client_memory + s.scripting.memory


cdef void store_tick(store *s, int64_t budget_us) noexcept nogil:
    cdef int64_t until = mono_us() + budget_us
    store_time(s)
    if s.graveyard != NULL:
        store_freeing(s, budget_us)
    if s.expiring:
        expire_some(s, until)
    evict_some(s, until)


cdef int64_t store_next(store *s) noexcept nogil:
    cdef int64_t best = NEVER
    cdef int64_t next_ms
    cdef int i
    if s.graveyard != NULL:
        return s.now
    if not s.expiring:
        return NEVER
    for i in range(cfg(&s.config, OPT_DATABASES)):
        if s.dbs[i].expires != NULL:
            next_ms = wheel_next(s.dbs[i].expires)
            if next_ms < best:
                best = next_ms
        if s.dbs[i].fields != NULL:
            best = min(best, wheel_next(s.dbs[i].fields))
    return best


cdef bint store_freeing(store *s, int64_t budget_us) noexcept nogil:
    cdef int64_t until = mono_us() + budget_us
    cdef remains *r
    cdef entry *e
    cdef int budget = FREE_STEP
    while s.graveyard != NULL:
        r = s.graveyard
        e = r.value if r.value != NULL else table_drain(&r.keys)
        if e == NULL:
            s.graveyard = r.next
            mem_free(&s.mem, r, sizeof(remains))
            continue
        if value_free_some(&s.mem, e, &budget):
            r.value = NULL
            s.stats.lazyfreed += 1
        else:
            r.value = e            # the rest of it comes first next time
        if budget <= 0:
            if mono_us() > until:
                return True
            budget = FREE_STEP
    return False


cdef void dispose(store *s, entry *e) noexcept nogil:
    """Frees an entry and its value, large ones in slices."""
    cdef remains *r
    if s.ticking and value_parts(e) > LARGE:
        r = <remains *>mem_alloc(&s.mem, sizeof(remains))
        if r != NULL:
            table_init(&r.keys, &s.mem)
            r.value = e
            r.next = s.graveyard
            s.graveyard = r
            if s.planned > s.now and s.on_deadline != NULL:
                s.on_deadline(s, s.now)
            return
    value_free(&s.mem, e)


cdef inline bint is_expired(store *s, entry *e) noexcept nogil:
    return e.flags & TIMED and entry_deadline(e) <= s.now


cdef entry *keyspace_find(store *s, database *db, view key, uint64_t hash) noexcept nogil:
    cdef entry *e = table_find(&db.keys, key, hash)
    if e != NULL and is_expired(s, e):
        key_gone(s, db, key, EVENT_EXPIRED, b"expired")
        s.stats.expired += 1
        keyspace_remove(s, db, e, hash)
        return NULL
    if e != NULL and has_timed_fields(e) and 0 <= hash_soonest(e) <= s.now and keyspace_drop_fields(s, db, e, hash, NULL):
        return NULL
    return e


cdef entry *keyspace_read(store *s, database *db, view key, uint64_t hash) noexcept nogil:
    cdef entry *e = keyspace_find(s, db, key, hash)
    if e == NULL:
        s.stats.misses += 1
        key_event(s, db, key, EVENT_MISS, b"keymiss")
        return NULL
    s.stats.hits += 1
    if not s.no_touch:
        access_touch(s, e)
    return e


cdef void plan(store *s, database *db, timer *t) noexcept nogil:
    """Puts a timer into the wheel. Without memory for that the key still expires, when it is looked for."""
    if db.expires == NULL:
        db.expires = wheel_new(&s.mem, s.now)
        if db.expires == NULL:
            return
    wheel_add(db.expires, t)
    if t.deadline < s.planned and s.on_deadline != NULL:
        s.on_deadline(s, t.deadline)


cdef void unplan(database *db, entry *e) noexcept nogil:
    if e.flags & TIMED and db.expires != NULL:
        wheel_cancel(db.expires, entry_timer(e))
    if has_timed_fields(e):
        unplan_fields(db, e)


cdef inline bint has_timed_fields(entry *e) noexcept nogil:
    """A hash in one of its two encodings with deadlines."""
    return e.kind & 15 == HASH and e.kind >> 4 >= HASH_PACKED_TIMED


cdef void plan_fields(store *s, database *db, entry *e) noexcept nogil:
    cdef hash_table *t = hash_table_of(e)
    t.owner = e
    t.due.place = 0
    t.due.deadline = hash_soonest(e)
    if t.due.deadline < 0:
        return
    if db.fields == NULL:
        db.fields = wheel_new(&s.mem, s.now)
        if db.fields == NULL:
            return
    wheel_add(db.fields, &t.due)
    if t.due.deadline < s.planned and s.on_deadline != NULL:
        s.on_deadline(s, t.due.deadline)


cdef void unplan_fields(database *db, entry *e) noexcept nogil:
    if hash_table_of(e).due.place and db.fields != NULL:
        wheel_cancel(db.fields, &hash_table_of(e).due)
        hash_table_of(e).due.place = 0


cdef void keyspace_replan_fields(store *s, database *db, entry *e) noexcept nogil:
    if has_timed_fields(e) and hash_table_of(e).due.deadline != hash_soonest(e):
        unplan_fields(db, e)
        plan_fields(s, db, e)


cdef bint keyspace_drop_fields(store *s, database *db, entry *e, uint64_t hash, int *budget) noexcept nogil:
    """budget: how many at most; NULL: all."""
    cdef size_t n = 0
    while (budget == NULL or budget[0] > 0) and hash_drop_due(&s.mem, e, s.now):
        n += 1
        if budget != NULL:
            budget[0] -= 1
    s.stats.expired_fields += n
    if n:
        key_gone(s, db, entry_key(e), EVENT_HASH, b"hexpired")
    if hash_len(e) == 0:
        key_gone(s, db, entry_key(e), EVENT_GENERIC, b"del")
        keyspace_remove(s, db, e, hash)
        return True
    unplan_fields(db, e)
    plan_fields(s, db, e)
    return False


cdef bint keyspace_insert(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    if not table_insert(&db.keys, e, hash):
        return False
    if e.flags & TIMED:
        plan(s, db, entry_timer(e))
    if has_timed_fields(e):
        plan_fields(s, db, e)
    return True


cdef void keyspace_replace(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil:
    table_replace(&db.keys, old, e, hash)
    unplan(db, old)
    if e.flags & TIMED:
        plan(s, db, entry_timer(e))
    if has_timed_fields(e):
        plan_fields(s, db, e)
    dispose(s, old)


cdef void keyspace_moved(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil:
    if old == e:
        return
    table_replace(&db.keys, old, e, hash)
    if e.flags & TIMED and db.expires != NULL:
        wheel_moved(db.expires, entry_timer(e))
    entry_free(&s.mem, old)


cdef void keyspace_remove(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    table_remove(&db.keys, e, hash)
    unplan(db, e)
    dispose(s, e)


cdef entry *keyspace_take(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    table_remove(&db.keys, e, hash)
    unplan(db, e)
    return e


cdef entry *keyspace_set_deadline(store *s, database *db, entry *e, uint64_t hash, int64_t ms) noexcept nogil:
    cdef entry *moved
    if e.flags & TIMED:
        if db.expires != NULL:
            wheel_cancel(db.expires, entry_timer(e))
        moved = e
    else:
        moved = value_reshape(&s.mem, e, entry_key(e), TIMED)
        if moved == NULL:
            return NULL
        table_replace(&db.keys, e, moved, hash)
        own_fields(moved)
        entry_free(&s.mem, e)
    entry_timer(moved).deadline = ms
    plan(s, db, entry_timer(moved))
    return moved


cdef entry *keyspace_persist(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    cdef entry *moved = value_reshape(&s.mem, e, entry_key(e), 0)
    if moved == NULL:
        return NULL
    if e.flags & TIMED and db.expires != NULL:
        wheel_cancel(db.expires, entry_timer(e))
    table_replace(&db.keys, e, moved, hash)
    own_fields(moved)
    entry_free(&s.mem, e)
    return moved


cdef inline void own_fields(entry *moved) noexcept nogil:
    if has_timed_fields(moved):
        hash_table_of(moved).owner = moved


cdef void keyspace_flush(store *s, database *db, bint later) noexcept nogil:
    """Empties a database at once; its memory comes back in slices, or before returning if nobody ticks."""
    cdef remains *r
    cdef entry *e
    watches_of_flush(s, db)
    wheel_delete(db.expires)
    db.expires = NULL
    wheel_delete(db.fields)
    db.fields = NULL
    if db.keys.items == 0:
        return
    r = <remains *>mem_alloc(&s.mem, sizeof(remains))
    if r == NULL:
        while True:
            e = table_drain(&db.keys)
            if e == NULL:
                return
            value_free(&s.mem, e)
    r.keys = db.keys
    r.value = NULL
    r.next = s.graveyard
    s.graveyard = r
    table_init(&db.keys, &s.mem)
    if not later or not s.ticking:
        store_freeing(s, NEVER // 2)


cdef void keyspace_swap(store *s, int a, int b) noexcept nogil:
    cdef database swap = s.dbs[a]
    watches_of_database(s, a, &s.dbs[b])
    watches_of_database(s, b, &s.dbs[a])
    s.dbs[a].keys = s.dbs[b].keys
    s.dbs[a].expires = s.dbs[b].expires
    s.dbs[a].fields = s.dbs[b].fields
    s.dbs[b].keys = swap.keys
    s.dbs[b].expires = swap.expires
    s.dbs[b].fields = swap.fields


cdef size_t keyspace_expires(database *db) noexcept nogil:
    return db.expires.count if db.expires != NULL else 0


cdef int64_t keyspace_average_ttl(store *s, database *db) noexcept nogil:
    cdef timer *sample[20]
    cdef size_t n, i
    cdef int64_t total = 0
    if keyspace_expires(db) == 0:
        return 0
    n = wheel_sample(db.expires, &s.random, sample, 20)
    for i in range(n):
        if sample[i].deadline > s.now:
            total += (sample[i].deadline - s.now) // <int64_t>n
    return total
