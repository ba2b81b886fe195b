"""When and how often a key was used: eviction ranks by it, OBJECT IDLETIME and FREQ show it.

`access` in an entry has two meanings. LRU: the time of the last access in units of 16 ms. (With seconds
all keys used in the same second would rank equal, which costs hits.) With the lrm policies it is the time of the last
write: reads leave it as it is. LFU: minutes of the last
decay (16 bits) over a logarithmic counter (8 bits) that is incremented with probability 1 / (counter *
lfu-log-factor + 1) and decremented every lfu-decay-time minutes.
"""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.random cimport rng_unit
from kvd.store.config cimport OPT_LFU_DECAY_TIME, OPT_LFU_LOG_FACTOR

cdef enum:
    LFU_INIT = 5               # the counter of a new key, so that it is not evicted first


cdef inline uint32_t minutes(store *s) noexcept nogil:
    return <uint32_t>(s.now // 60000) & 0xffff


cdef void access_init(store *s, entry *e) noexcept nogil:
    e.access = (minutes(s) << 8) | LFU_INIT if uses_lfu(s) else access_clock(s)


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
    return <int64_t><uint32_t>(access_clock(s) - e.access) << CLOCK_SHIFT


cdef void access_set_idle(store *s, entry *e, int64_t ms) noexcept nogil:
    e.access = <uint32_t>(access_clock(s) - <uint32_t>(ms >> CLOCK_SHIFT))


cdef void access_set_frequency(store *s, entry *e, int counter) noexcept nogil:
    e.access = (minutes(s) << 8) | <uint32_t>counter
