"""Active expiry: removes keys past their deadline without a lookup of them.

Each database's wheel returns the timers that are due; nothing is sampled and no other key is examined.
A slice ends at the time limit it is given, so a million keys with one deadline are removed in many short slices
between other work. The limit depends on active-expire-effort: slice_us in server/loop.pyx.
"""

from libc.stdint cimport int64_t

from kvd.core.clock cimport mono_us, ticks
from kvd.core.entry cimport entry, entry_key, timer, timer_entry
from kvd.core.table cimport table_hash
from kvd.core.view cimport view
from kvd.core.wheel cimport wheel_due
from kvd.store.change cimport key_gone
from kvd.store.config cimport EVENT_EXPIRED, OPT_DATABASES, cfg
from kvd.store.keyspace cimport keyspace_drop_fields, keyspace_remove
from kvd.store.store cimport database
from kvd.types.hash cimport hash_table

cdef enum:
    STEP = 64                  # timers between two readings of the clock


cdef bint expire_database(store *s, database *db, int64_t until_us) noexcept nogil:
    cdef int budget
    cdef timer *t
    cdef entry *e
    cdef view key
    while True:
        budget = STEP
        while True:
            t = wheel_due(db.expires, s.now, &budget)
            if t == NULL:
                break
            e = timer_entry(t)
            key = entry_key(e)
            key_gone(s, db, key, EVENT_EXPIRED, b"expired")
            s.stats.expired += 1
            keyspace_remove(s, db, e, table_hash(key))
        if budget > 0:
            return False
        if mono_us() >= until_us:
            s.stats.expired_capped += 1
            return True


cdef bint expire_fields(store *s, database *db, int64_t until_us) noexcept nogil:
    """The same for fields of hashes. A hash with more due fields than the budget is added to the wheel again."""
    cdef int budget, left
    cdef timer *t
    cdef entry *e
    while True:
        budget = STEP
        while True:
            t = wheel_due(db.fields, s.now, &budget)
            if t == NULL:
                break
            e = (<hash_table *>(<char *>t - <size_t>&(<hash_table *>NULL).due)).owner
            t.place = 0            # wheel_due has removed it
            left = STEP
            keyspace_drop_fields(s, db, e, table_hash(entry_key(e)), &left)
            budget -= STEP - left
            if budget <= 0:
                break
        if budget > 0:
            return False
        if mono_us() >= until_us:
            return True


cdef bint expire_some(store *s, int64_t until_us) noexcept nogil:
    cdef int i
    cdef bint more = False
    cdef long long begun = ticks()
    for i in range(cfg(&s.config, OPT_DATABASES)):
        if s.dbs[i].expires != NULL and s.dbs[i].expires.count:
            more |= expire_database(s, &s.dbs[i], until_us)
            if more:
                break
        if s.dbs[i].fields != NULL and s.dbs[i].fields.count:
            more |= expire_fields(s, &s.dbs[i], until_us)
            if more:
                break
    s.stats.expire_ticks += ticks() - begun
    return more
