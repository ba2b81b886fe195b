"""Creation and deletion of stores.

Every block of keys and values comes from the store's own heap, so deleting a store takes a few unmaps,
however many keys it holds. The layers above make their parts after store_new and release them before store_delete.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from kvd.core.clock cimport NEVER, mono_us, pace_start, wall_ms
from kvd.core.mem cimport heap_destroy, heap_init, mem_alloc
from kvd.core.random cimport rng_seed
from kvd.core.table cimport table_init
from kvd.store.config cimport OPT_DATABASES, config_init, config_release
from kvd.store.effects cimport effects_release
from kvd.store.lock cimport guard_init, pthread_mutex_destroy


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
    guard_init(&s.guard)
    s.expiring = True
    s.planned = s.wanted = s.due = NEVER
    pace_start(&s.clock.pace)
    rng_seed(&s.random, <uint64_t>mono_us() * <uint64_t>0x9E3779B97F4A7C15ULL ^ <uint64_t><size_t>s)
    s.now = s.started_ms = s.stats_reset_ms = wall_ms()
    return s


cdef void store_delete(store *s) noexcept nogil:
    if s == NULL:
        return
    effects_release(&s.effects)
    config_release(&s.config)
    free(s.config_path)
    pthread_mutex_destroy(&s.guard.mutex)
    heap_destroy(&s.mem)
    free(s)
