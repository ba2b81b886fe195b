"""Insertion, moves and removal of entries in the databases.

Every entry is inserted, moved and removed by the functions here, because its address is stored in
two places that must agree: the table's slot and the wheel's cell. Expiry is lazy here (a
lookup drops a key past its deadline, so it is never visible) and active in
expire.pyx. The functions that change a key open it first (change_open); their callers, which know
the event, report the change.

A snapshot writes a key before its first change, and must not meet the key again: an entry that comes to a place which the snapshot has yet
to reach is marked (SEEN) by every function here (mark, take_place).

Large values are freed in slices if store_tick is called regularly: they wait in `store.graveyard`.

Lock: the caller holds the store's lock if the store is shared.
"""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.clock cimport NEVER, mono_us
from kvd.core.entry cimport SEEN, TIMED, entry_deadline, entry_free, entry_key, entry_timer, timer
from kvd.core.mem cimport mem_alloc, mem_free
from kvd.core.table cimport (
    table_drain, table_find, table_init, table_insert, table_release, table_remove, table_replace,
)
from kvd.core.wheel cimport wheel_add, wheel_cancel, wheel_delete, wheel_moved, wheel_new, wheel_sample
from kvd.store.access cimport access_read
from kvd.store.change cimport change_open, database_replaced, field_gone, fields_gone, key_event, key_field, key_gone
from kvd.store.config cimport EVENT_EXPIRED, EVENT_GENERIC, EVENT_HASH, EVENT_MISS
from kvd.store.sizes cimport sizes_clear, sizes_count, sizes_gone, sizes_hand, sizes_moved, sizes_open
from kvd.store.store cimport expiry_now, remains
from kvd.types.hash cimport (
    hash_drop_due, hash_due, hash_is_timed, hash_len, hash_soonest, hash_table, hash_table_of,
)
from kvd.types.kind cimport HASH
from kvd.types.value cimport value_copy, value_free, value_free_some, value_parts, value_reshape

cdef enum:
    FLUSH_SLICE_US = 5000
    FREE_STEP = 64             # objects freed between two readings of the clock
    LARGE = 256                # a value of more allocations is freed in slices


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
            r.value = e            # the rest of it is freed first next time
        if budget <= 0:
            if mono_us() > until:
                return True
            budget = FREE_STEP
    return False


cdef bint free_later(store *s, entry *e) noexcept nogil:
    """Leaves an entry to store_freeing; False: no memory."""
    cdef remains *r = <remains *>mem_alloc(&s.mem, sizeof(remains))
    if r == NULL:
        return False
    table_init(&r.keys, &s.mem)
    r.value = e
    r.next = s.graveyard
    s.graveyard = r
    if s.planned > s.now and s.on_deadline != NULL:
        s.on_deadline(s, s.now)
    return True


cdef void dispose(store *s, entry *e) noexcept nogil:
    """Frees an entry and its value, large ones in slices."""
    if not (s.ticking and value_parts(e) > LARGE and free_later(s, e)):
        value_free(&s.mem, e)


cdef inline bint is_expired(store *s, entry *e) noexcept nogil:
    return e.flags & TIMED and entry_deadline(e) <= expiry_now(s)


cdef entry *keyspace_find(store *s, database *db, view key, uint64_t hash) noexcept nogil:
    cdef entry *e = table_find(&db.keys, key, hash)
    if e != NULL and is_expired(s, e):
        if s.hides:
            return NULL
        key_gone(s, db, key, EVENT_EXPIRED, b"expired")
        s.stats.expired += 1
        keyspace_remove(s, db, e, hash)
        return NULL
    if e != NULL and has_timed_fields(e) and 0 <= hash_soonest(e) <= expiry_now(s):
        if s.hides:
            return without_due_fields(s, e)
        if keyspace_drop_fields(s, db, e, hash, NULL):
            return NULL
    return e


cdef entry *without_due_fields(store *s, entry *e) noexcept nogil:
    """A copy, for the running command, of a hash that must not change now; NULL: all its fields have expired."""
    cdef view field
    cdef entry *copy = value_copy(&s.mem, e, entry_key(e))
    cdef entry *timed
    if copy != NULL and e.flags & TIMED:
        timed = value_reshape(&s.mem, copy, entry_key(e), TIMED)
        if timed != NULL:
            own_fields(timed)
            entry_timer(timed).deadline = entry_deadline(e)
            entry_free(&s.mem, copy)
            copy = timed
    if copy == NULL:
        return e
    while hash_due(copy, s.now, &field):
        hash_drop_due(&s.mem, copy)
    if hash_len(copy) != 0 and free_later(s, copy):
        return copy
    e = NULL if hash_len(copy) == 0 else e
    value_free(&s.mem, copy)
    return e


cdef bint keyspace_due(store *s, entry *e) noexcept nogil:
    return is_expired(s, e) or (has_timed_fields(e) and 0 <= hash_soonest(e) <= expiry_now(s))


cdef entry *keyspace_read(store *s, database *db, view key, uint64_t hash, bint touch) noexcept nogil:
    cdef entry *e = keyspace_find(s, db, key, hash)
    keyspace_met(s, db, key, e, touch)
    return e


cdef void keyspace_met(store *s, database *db, view key, entry *e, bint touch) noexcept nogil:
    if e == NULL:
        s.stats.misses += 1
        key_event(s, db, key, EVENT_MISS, b"keymiss")
        return
    s.stats.hits += 1
    if touch:
        access_read(s, e)


cdef void plan(store *s, database *db, timer *t) noexcept nogil:
    """Adds a timer to the wheel. If there is no memory for that, the key still expires at the next lookup."""
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
    """Is it a hash in one of the two encodings with deadlines?"""
    return e.kind & 15 == HASH and hash_is_timed(e)


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
    """budget: the maximum number; NULL: all."""
    cdef size_t n = 0
    cdef view field
    change_open(s, db, e, hash)
    sizes_open(s, db, e)
    while (budget == NULL or budget[0] > 0) and hash_due(e, s.now, &field):
        field_gone(s, db, entry_key(e), field)
        key_field(s, db, entry_key(e), field, b"hexpired")
        hash_drop_due(&s.mem, e)
        n += 1
        if budget != NULL:
            budget[0] -= 1
    s.stats.expired_fields += n
    if n:
        fields_gone(s, db, entry_key(e))
        key_event(s, db, entry_key(e), EVENT_HASH, b"hexpired")
    if hash_len(e) == 0:
        key_event(s, db, entry_key(e), EVENT_GENERIC, b"del")
        keyspace_remove(s, db, e, hash)
        return True
    unplan_fields(db, e)
    plan_fields(s, db, e)
    return False


cdef inline void mark(store *s, entry *e) noexcept nogil:
    """After change_open of its key."""
    if s.openers != NULL and s.ahead:
        e.flags |= SEEN
    else:
        e.flags &= ~SEEN


cdef void take_place(database *db, entry *old, entry *e, uint64_t hash) noexcept nogil:
    table_replace(&db.keys, old, e, hash)
    e.flags = (e.flags & ~SEEN) | (old.flags & SEEN)


cdef bint keyspace_insert(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    change_open(s, db, NULL, hash)
    mark(s, e)
    if not table_insert(&db.keys, e, hash):
        return False
    sizes_count(db, e, 1)
    sizes_open(s, db, e)           # it may be empty, to be filled now
    plan_entry(s, db, e)
    return True


cdef inline void plan_entry(store *s, database *db, entry *e) noexcept nogil:
    """The timers of an entry that is in the table now."""
    if e.flags & TIMED:
        plan(s, db, entry_timer(e))
    if has_timed_fields(e):
        plan_fields(s, db, e)


cdef inline void exchange(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil:
    sizes_gone(s, db, old)
    sizes_count(db, e, 1)
    take_place(db, old, e, hash)
    unplan(db, old)
    plan_entry(s, db, e)
    dispose(s, old)


cdef void keyspace_replace(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil:
    change_open(s, db, old, hash)
    exchange(s, db, old, e, hash)
    sizes_open(s, db, e)


cdef int keyspace_load(store *s, database *db, entry *e, uint64_t hash, bint replace) noexcept nogil:
    cdef entry *old = table_find(&db.keys, entry_key(e), hash)
    if old != NULL and not replace:
        return 0
    if old != NULL:
        exchange(s, db, old, e, hash)
    elif table_insert(&db.keys, e, hash):
        sizes_count(db, e, 1)
        plan_entry(s, db, e)
    else:
        return -1
    return 1


cdef void keyspace_moved(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil:
    if old == e:
        return
    take_place(db, old, e, hash)
    sizes_moved(s, old, e)
    if e.flags & TIMED and db.expires != NULL:
        wheel_moved(db.expires, entry_timer(e))
    entry_free(&s.mem, old)


cdef void keyspace_remove(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    change_open(s, db, e, hash)
    table_remove(&db.keys, e, hash)
    sizes_gone(s, db, e)
    unplan(db, e)
    dispose(s, e)


cdef entry *keyspace_take(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    change_open(s, db, e, hash)
    table_remove(&db.keys, e, hash)
    sizes_gone(s, db, e)
    unplan(db, e)
    return e


cdef entry *keyspace_set_deadline(store *s, database *db, entry *e, uint64_t hash, int64_t ms) noexcept nogil:
    cdef entry *moved
    change_open(s, db, e, hash)
    if e.flags & TIMED:
        if db.expires != NULL:
            wheel_cancel(db.expires, entry_timer(e))
        moved = e
    else:
        moved = value_reshape(&s.mem, e, entry_key(e), TIMED)
        if moved == NULL:
            return NULL
        take_place(db, e, moved, hash)
        sizes_moved(s, e, moved)
        own_fields(moved)
        entry_free(&s.mem, e)
    entry_timer(moved).deadline = ms
    plan(s, db, entry_timer(moved))
    return moved


cdef entry *keyspace_persist(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    cdef entry *moved = value_reshape(&s.mem, e, entry_key(e), 0)
    if moved == NULL:
        return NULL
    change_open(s, db, e, hash)
    if e.flags & TIMED and db.expires != NULL:
        wheel_cancel(db.expires, entry_timer(e))
    take_place(db, e, moved, hash)
    sizes_moved(s, e, moved)
    own_fields(moved)
    entry_free(&s.mem, e)
    return moved


cdef inline void own_fields(entry *moved) noexcept nogil:
    if has_timed_fields(moved):
        hash_table_of(moved).owner = moved


cdef void keyspace_flush(store *s, database *db, bint later) noexcept nogil:
    """Empties a database at once. Its memory is freed in slices, the first one now unless `later`; all of it before returning
    if store_tick is not called."""
    database_replaced(s, db, NULL, db.keys.items)
    keyspace_empty(s, db, later)


cdef void keyspace_empty(store *s, database *db, bint later) noexcept nogil:
    sizes_clear(s, db)
    wheel_delete(db.expires)
    db.expires = NULL
    wheel_delete(db.fields)
    db.fields = NULL
    if db.keys.items == 0:
        table_release(&db.keys)        # it may have been expanded for keys that have not come
        return
    keyspace_bury(s, &db.keys)
    if not s.ticking:
        store_freeing(s, NEVER // 2)
    elif not later:
        store_freeing(s, FLUSH_SLICE_US)


cdef void keyspace_bury(store *s, table *keys) noexcept nogil:
    cdef remains *r = <remains *>mem_alloc(&s.mem, sizeof(remains)) if keys.items else NULL
    cdef entry *e
    if r == NULL:
        while True:
            e = table_drain(keys)
            if e == NULL:
                break
            value_free(&s.mem, e)
        table_release(keys)
        return
    r.keys = keys[0]
    r.value = NULL
    r.next = s.graveyard
    s.graveyard = r
    table_init(keys, &s.mem)


cdef void keyspace_swap(store *s, int a, int b) noexcept nogil:
    cdef database swap
    database_replaced(s, &s.dbs[a], &s.dbs[b], 1)
    database_replaced(s, &s.dbs[b], &s.dbs[a], 0)
    keyspace_hand(s, &swap, &s.dbs[a])
    keyspace_hand(s, &s.dbs[a], &s.dbs[b])
    keyspace_hand(s, &s.dbs[b], &swap)


cdef void keyspace_hand(store *s, database *to, database *source) noexcept nogil:
    to.keys = source.keys
    to.expires = source.expires
    to.fields = source.fields
    sizes_hand(s, to, source)
    source.expires = source.fields = NULL
    table_init(&source.keys, &s.mem)


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
