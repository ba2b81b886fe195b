"""The search for hot keys, as HOTKEYS of Redis 8.6: while it runs, the costs of calls are booked to their keys.

The time and the bytes of a call - request and reply, in RESP, also of calls in process - are shared equally by its keys. For each metric a
topk (core/topk.pyx) holds ROOM keys for each that is asked for. With SAMPLE n, chance decides which calls are booked, one of n;
the totals of all calls are exact.

A search with a duration ends when a call comes after it, or somebody looks. What it found stays until the next, or RESET.
"""

from libc.stdlib cimport calloc, free

from kvd.core.clock cimport NEVER
from kvd.core.random cimport rng_next
from kvd.core.topk cimport topk_add, topk_init, topk_release
from kvd.run.call cimport key_at, key_walk
from kvd.run.registry cimport keys_next, keys_start
from kvd.store.store cimport store_report

cdef extern from "<sys/resource.h>" nogil:
    struct timeval:
        long tv_sec
        long tv_usec
    struct rusage:
        timeval ru_utime
        timeval ru_stime
    int getrusage(int who, rusage *usage) noexcept
    int RUSAGE_SELF

cdef enum:
    ROOM = 16                  # keys held for each that is asked for, at least
    LEAST = 256                # a power of two, as is ROOM


cdef hot_usage usage_now(store *s) noexcept nogil:
    cdef rusage r
    cdef hot_usage u
    getrusage(RUSAGE_SELF, &r)
    u.user = r.ru_utime.tv_sec + r.ru_utime.tv_usec / 1e6
    u.system = r.ru_stime.tv_sec + r.ru_stime.tv_usec / 1e6
    u.net = s.stats.net_in + s.stats.net_out
    return u


cdef hot_usage hot_used(store *s) noexcept nogil:
    cdef hot_keys *h = hot_keys_of(s)
    cdef hot_usage u = h.before
    if h.active:
        u = usage_now(s)
        u.user -= h.before.user
        u.system -= h.before.system
        u.net -= min(h.before.net, u.net)      # CONFIG RESETSTAT
    return u


cdef void hot_release(store *s) noexcept nogil:
    cdef hot_keys *h = hot_keys_of(s)
    if h == NULL:
        return
    topk_release(&h.by_time)
    topk_release(&h.by_bytes)
    free(h)
    s.parts[<int>PART_HOT_KEYS] = NULL
    store_report(s, PART_HOT_KEYS, 0)


cdef void report(store *s, hot_keys *h) noexcept nogil:
    store_report(s, PART_HOT_KEYS, sizeof(hot_keys) + h.by_time.bytes + h.by_bytes.bytes)


cdef bint hot_start(store *s, hot_search *wish) noexcept nogil:
    cdef hot_keys *h = <hot_keys *>calloc(1, sizeof(hot_keys))
    cdef int room = LEAST
    hot_release(s)
    if h == NULL:
        return False
    s.parts[<int>PART_HOT_KEYS] = h
    while room < wish.count * ROOM:
        room *= 2
    h.wish = wish[0]
    if (wish.metrics & HOT_CPU and not topk_init(&h.by_time, room)) or (wish.metrics & HOT_NET and not topk_init(&h.by_bytes, room)):
        hot_release(s)
        return False
    h.active = True
    h.began_ms = s.now
    h.ends_ms = s.now + wish.seconds * 1000 if wish.seconds else NEVER
    h.before = usage_now(s)
    report(s, h)
    return True


cdef void hot_stop(store *s) noexcept nogil:
    cdef hot_keys *h = hot_keys_of(s)
    h.before = hot_used(s)
    h.active = False
    h.ends_ms = min(h.ends_ms, s.now)


cdef void hot_settle(store *s) noexcept nogil:
    cdef hot_keys *h = hot_keys_of(s)
    if h != NULL and h.active and s.now >= h.ends_ms:
        hot_stop(s)


cdef inline void add(hot_costs *to, uint64_t ticks, uint64_t bytes) noexcept nogil:
    to.ticks += ticks
    to.bytes += bytes


cdef void book_keys(call *c, hot_keys *h, uint64_t ticks, uint64_t bytes) noexcept nogil:
    cdef key_walk w
    cdef key_at key
    cdef int n = 0
    keys_start(&w, c.command, c.argv, c.argc)
    while keys_next(&w, &key):
        n += 1
    keys_start(&w, c.command, c.argv, c.argc)
    while keys_next(&w, &key):
        if h.by_time.room:
            topk_add(&h.by_time, c.argv[key.at], ticks // n)
        if h.by_bytes.room:
            topk_add(&h.by_bytes, c.argv[key.at], bytes // n)
    report(c.store, h)


cdef void hot_book(call *c, uint64_t ticks, uint64_t bytes, int slot) noexcept nogil:
    cdef hot_keys *h = hot_keys_of(c.store)
    cdef bint sampled = h.wish.ratio == 1 or rng_next(&c.store.random) % <uint64_t>h.wish.ratio == 0
    add(&h.all, ticks, bytes)
    if slot < 0 or (h.wish.picks and not hot_picked(&h.wish, slot)):
        return
    add(&h.picked, ticks, bytes)
    if sampled:
        add(&h.sampled, ticks, bytes)
        book_keys(c, h, ticks, bytes)
