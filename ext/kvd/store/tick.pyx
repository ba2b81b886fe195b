"""Background work of a store, in slices: freeing large values, expiring keys and fields, evicting.

Thread 0 of a server calls store_tick, or the janitor of a store without one. A slice holds the lock for its budget at
most, so nothing else waits longer than that. While a data set is being loaded or imported only freeing is done.
"""

from libc.stdint cimport int64_t

from kvd.core.clock cimport NEVER, mono_us
from kvd.core.wheel cimport wheel_next
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_DATABASES, cfg
from kvd.store.effects cimport effects_deliver
from kvd.store.evict cimport evict_some
from kvd.store.expire cimport expire_some
from kvd.store.keyspace cimport store_freeing
from kvd.store.store cimport DEBUG_CRON_PAUSED, SPECIAL_IMPORT, SPECIAL_LOADING, SPECIAL_REPLICA


cdef void store_tick(store *s, int64_t budget_us) noexcept nogil:
    cdef int64_t until = mono_us() + budget_us
    store_time(s)
    if s.graveyard != NULL:
        store_freeing(s, budget_us)
    if s.special & SPECIAL_LOADING:
        return
    if s.now >= s.paused_until and not s.special & SPECIAL_IMPORT and not s.debug & DEBUG_CRON_PAUSED:
        if s.expiring and not s.special & SPECIAL_REPLICA:
            expire_some(s, until)
        evict_some(s, until)
    if s.effects.count:
        effects_deliver(&s.effects)
    if s.on_tick != NULL:
        s.on_tick(s)


cdef int64_t store_next(store *s) noexcept nogil:
    cdef int64_t best = s.due
    cdef int i
    if s.graveyard != NULL:
        return s.now
    if s.special & SPECIAL_LOADING:
        return NEVER
    if not s.expiring or s.special & (SPECIAL_REPLICA | SPECIAL_IMPORT) or s.debug & DEBUG_CRON_PAUSED:
        return best
    if s.now < s.paused_until:
        return min(s.paused_until, best)
    for i in range(cfg(&s.config, OPT_DATABASES)):
        if s.dbs[i].expires != NULL:
            best = min(best, wheel_next(s.dbs[i].expires))
        if s.dbs[i].fields != NULL:
            best = min(best, wheel_next(s.dbs[i].fields))
    return best
