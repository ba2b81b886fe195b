"""Eviction of keys when memory is short. See evict.pyx."""

from libc.stdint cimport int64_t

from kvd.store.config cimport OPT_MAXMEMORY, cfg
from kvd.store.store cimport store, store_memory

cdef bint is_the_masters(store *s) noexcept nogil                  # eviction: a replica leaves it to its master (replica-ignore-maxmemory)
cdef bint evict_until_fits(store *s) noexcept nogil            # False: over maxmemory and no key may be evicted
cdef void evict_some(store *s, int64_t until_us) noexcept nogil
cdef void evict_forget(store *s) noexcept nogil                # drops the candidates of another policy


cdef inline bint over_limit(store *s) noexcept nogil:
    return cfg(&s.config, OPT_MAXMEMORY) != 0 and store_memory(s) > <size_t>cfg(&s.config, OPT_MAXMEMORY)
