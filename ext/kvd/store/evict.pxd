"""Who makes room when memory is short, and the access clocks that decide it. See evict.pyx."""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.entry cimport entry
from kvd.store.config cimport OPT_MAXMEMORY, OPT_MAXMEMORY_POLICY, POLICY_ALLKEYS_LFU, POLICY_VOLATILE_LFU, cfg
from kvd.store.keyspace cimport store

cdef bint evict_until_fits(store *s) noexcept nogil            # False: over maxmemory and nothing may go
cdef void evict_some(store *s, int64_t until_us) noexcept nogil
cdef uint32_t access_clock(store *s) noexcept nogil            # the batch's clock, as `access` keeps it
cdef void access_init(store *s, entry *e) noexcept nogil       # of a new key
cdef void access_hit_lfu(store *s, entry *e) noexcept nogil
cdef int64_t access_idle_ms(store *s, entry *e) noexcept nogil  # since the last access
cdef void access_set_idle(store *s, entry *e, int64_t ms) noexcept nogil
cdef void access_set_frequency(store *s, entry *e, int counter) noexcept nogil
cdef int access_frequency(store *s, entry *e) noexcept nogil   # LFU counter after decay, 0 to 255


cdef inline bint uses_lfu(store *s) noexcept nogil:
    return (cfg(&s.config, OPT_MAXMEMORY_POLICY) == POLICY_ALLKEYS_LFU
            or cfg(&s.config, OPT_MAXMEMORY_POLICY) == POLICY_VOLATILE_LFU)


cdef inline void access_touch(store *s, entry *e) noexcept nogil:
    if uses_lfu(s):
        access_hit_lfu(s, e)
    else:
        e.access = s.clock


cdef inline bint over_limit(store *s) noexcept nogil:
    return (cfg(&s.config, OPT_MAXMEMORY) != 0
            and s.mem.used + s.client_memory > <size_t>cfg(&s.config, OPT_MAXMEMORY))
