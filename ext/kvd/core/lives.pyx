"""Lifetimes of numbered nodes: time to live, time to idle, staleness, and what is due.

    ends      deadline, place in the wheel, own number        24 bytes, and 8 in the wheel
    idles     idle time, deadline of the time to live         16 bytes
    softs     when the entry becomes stale                     8 bytes

All three are columns beside the nodes (core/slab), so an owner pays only for what it uses. Times are microseconds of
one clock, the monotonic one if `real`; a tick of the wheel is a microsecond. Deadlines are compared with a coarse
clock that costs 5 ns and lags up to COARSE_LAG; the exact one is read only when a deadline is that near. Times to live
of a second or more are counted from the coarse clock, too, so such a node may expire up to 10 ms early.

A deadline that moves away (a renewed ttl, each use with an idle time) keeps its position in the wheel; the node comes up
at the old time and is added again. So a renewal is one store, not two list operations.

Invariants: a node with a deadline is in the wheel, no later than at its deadline; `soonest` is at most
a microsecond after the first deadline in the wheel.
"""

from libc.string cimport memset

from kvd.core.random cimport rng_unit
from kvd.core.slab cimport column_close, column_init, column_release, column_reserve
from kvd.core.wheel cimport wheel_add, wheel_cancel, wheel_due, wheel_new, wheel_next

cdef int64_t LONG = 1000000    # microseconds; a time to live for which the coarse clock is exact enough


cdef void lives_init(lives *l, heap *h) noexcept nogil:
    memset(l, 0, sizeof(lives))
    l.mem = h
    column_init(&l.ends, h, sizeof(life))
    column_init(&l.idles, h, sizeof(idle))
    column_init(&l.softs, h, sizeof(int64_t))
    l.real = True
    l.soonest = l.planned = NEVER


cdef bint lives_start(lives *l, int64_t now) noexcept nogil:
    if l.due == NULL:
        l.due = wheel_new(l.mem, now * WHEEL_TICK)
    l.timed = l.due != NULL
    return l.timed


cdef void lives_release(lives *l) noexcept nogil:
    column_release(&l.ends)
    column_release(&l.idles)
    column_release(&l.softs)


cdef void lives_close(lives *l, uint32_t segment) noexcept nogil:
    column_close(&l.ends, segment)
    column_close(&l.idles, segment)
    column_close(&l.softs, segment)


cdef bint lives_end(lives *l, uint32_t i, int64_t deadline) noexcept nogil:
    cdef life *a = <life *>column_at(&l.ends, i)
    cdef int64_t at = deadline * WHEEL_TICK if deadline > 0 else WHEEL_TICK     # 0 means none
    if deadline > FOREVER:
        if a != NULL and a.t.deadline:
            wheel_cancel(l.due, &a.t)
            a.t.deadline = 0
        return True
    if a != NULL and a.t.place and a.t.deadline <= at:
        a.t.deadline = at
        return True
    if a == NULL:
        if not column_reserve(&l.ends, i):
            return False
        a = <life *>column_at(&l.ends, i)
    wheel_cancel(l.due, &a.t)
    a.id = i
    a.t.deadline = at
    if not wheel_add(l.due, &a.t):
        a.t.deadline = 0
        return False
    if deadline < l.soonest:
        l.soonest = deadline
        l.hurry = deadline < l.planned
    return True


cdef bint lives_give(lives *l, uint32_t i, int64_t now, int64_t ttl, int64_t tti, rng *chance) noexcept nogil:
    cdef int64_t last, at
    cdef idle *d
    if l.jitter and ttl < FOREVER:
        ttl -= <int64_t>(<double>ttl * l.jitter * rng_unit(chance))
    if ttl < LONG or tti < LONG:
        now = lives_exact(l, now)
    last = later(now, ttl)
    d = <idle *>column_at(&l.idles, i)
    if tti > FOREVER:
        if d != NULL:
            d.tti = 0
        return lives_end(l, i, last)
    if d == NULL:
        if not column_reserve(&l.idles, i):
            return False
        d = <idle *>column_at(&l.idles, i)
    d.tti = tti
    d.last = last
    at = later(now, tti)
    return lives_end(l, i, at if at < last else last)


cdef void lives_use(lives *l, uint32_t i, int64_t now) noexcept nogil:
    cdef idle *d = <idle *>column_at(&l.idles, i)
    cdef int64_t at
    if d == NULL or d.tti == 0:
        return
    if d.tti < LONG:
        now = lives_exact(l, now)
    at = later(now, d.tti)
    if at > d.last:
        at = d.last
    if at > lives_deadline(l, i):
        lives_end(l, i, at)


cdef bint lives_neglected(lives *l, uint32_t i) noexcept nogil:
    cdef idle *d = <idle *>column_at(&l.idles, i)
    return d != NULL and d.tti != 0 and lives_deadline(l, i) < d.last


cdef void lives_forget(lives *l, uint32_t i) noexcept nogil:
    cdef idle *d
    if l.timed:
        lives_end(l, i, NEVER)
        d = <idle *>column_at(&l.idles, i)
        if d != NULL:
            d.tti = 0
    lives_soften(l, i, 0)


cdef uint32_t lives_due(lives *l, int64_t now, int *budget) noexcept nogil:
    cdef timer *t
    if l.due == NULL:
        return 0
    while True:
        t = wheel_due(l.due, (now + 1) * WHEEL_TICK, budget)
        if t == NULL:
            return 0
        if t.deadline <= now * WHEEL_TICK or not wheel_add(l.due, t):    # else its deadline moved away
            return (<life *>t).id


cdef void lives_look(lives *l) noexcept nogil:
    l.soonest = wheel_next(l.due) // WHEEL_TICK if l.due != NULL and l.due.count else NEVER


cdef bint lives_soften(lives *l, uint32_t i, int64_t at) noexcept nogil:
    cdef int64_t *p = <int64_t *>column_at(&l.softs, i)
    if p == NULL:
        if at == 0:
            return True
        if not column_reserve(&l.softs, i):
            return False
        p = <int64_t *>column_at(&l.softs, i)
    p[0] = at
    return True


cdef bint lives_stale(lives *l, uint32_t i, int64_t now) noexcept nogil:
    cdef int64_t *p = <int64_t *>column_at(&l.softs, i)
    return p != NULL and p[0] != 0 and now >= p[0]


cdef int64_t lives_tti(lives *l, uint32_t i) noexcept nogil:
    cdef idle *d = <idle *>column_at(&l.idles, i)
    return d.tti if d != NULL else 0


cdef int64_t lives_last(lives *l, uint32_t i) noexcept nogil:
    cdef idle *d = <idle *>column_at(&l.idles, i)
    return d.last if d != NULL and d.tti else lives_deadline(l, i)
