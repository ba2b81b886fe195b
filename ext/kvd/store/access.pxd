"""When and how often a key was used: the access field of entries. See access.pyx."""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.entry cimport entry
from kvd.store.config cimport OPT_MAXMEMORY_POLICY, POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_LRM, POLICY_VOLATILE_LFU, cfg
from kvd.store.store cimport store

cdef enum:
    CLOCK_SHIFT = 4            # LRU clock: 16 ms

cdef void access_init(store *s, entry *e) noexcept nogil       # of a new key
cdef void access_hit_lfu(store *s, entry *e) noexcept nogil
cdef int64_t access_idle_ms(store *s, entry *e) noexcept nogil  # since the last access
cdef void access_set_idle(store *s, entry *e, int64_t ms) noexcept nogil
cdef void access_set_frequency(store *s, entry *e, int counter) noexcept nogil
cdef int access_frequency(store *s, entry *e) noexcept nogil   # LFU counter after decay, 0 to 255


cdef inline bint uses_lfu(store *s) noexcept nogil:
    return (cfg(&s.config, OPT_MAXMEMORY_POLICY) == POLICY_ALLKEYS_LFU
            or cfg(&s.config, OPT_MAXMEMORY_POLICY) == POLICY_VOLATILE_LFU)


cdef inline uint32_t access_clock(store *s) noexcept nogil:
    """The current time in the units of `access` for LRU."""
    return <uint32_t>(s.now >> CLOCK_SHIFT)


cdef inline void access_touch(store *s, entry *e) noexcept nogil:
    if uses_lfu(s):
        access_hit_lfu(s, e)
    else:
        e.access = access_clock(s)


cdef inline void access_read(store *s, entry *e) noexcept nogil:
    """As access_touch, but under the lrm policies, the last two, only writes count."""
    if cfg(&s.config, OPT_MAXMEMORY_POLICY) < POLICY_ALLKEYS_LRM:
        access_touch(s, e)
