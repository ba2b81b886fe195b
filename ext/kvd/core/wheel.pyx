"""Timing wheel: finds due timers without examining others.

Six rings of 64 lanes. A lane of ring 0 covers one tick of 16 ms, each next ring 64 times as much; the
last one reaches 35 years. A timer goes down a ring when the wheel's tick enters its lane, at most
five times in its life, so add, cancel and fire are O(1).

A lane is not a linked list but a list of 64-pointer blocks behind a small directory. That costs 8
bytes per timer instead of 16, lets a burst be walked with prefetching, and makes a random timer one
index away (eviction among keys with a TTL needs that). A timer stores its `place` (ring and lane + 1,
then position); the last timer of a lane fills the hole a cancelled one leaves.

No call processes a whole lane: `wheel_due` returns one timer, or spends its budget on
moving timers down and returns NULL; the next call continues where this one stopped. That works because
the tick only leaves a position when all lanes that begin there are empty.

A timer fires at the end of its tick: 0 to 16 ms late, never early. Callers that need exactness (an
expired key is never visible) compare deadlines themselves. If a deadline is extended while its timer is
queued, the timer fires at the old time and must be re-added. The unit is the owner's: object caches
count sixteenths of a microsecond.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.clock cimport NEVER
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free, mem_realloc
from kvd.core.random cimport rng_below

cdef extern from * nogil:
    """
    static inline int kvd_ctz64(uint64_t m) { return __builtin_ctzll(m); }
    static inline void kvd_prefetchw(const void *p) { __builtin_prefetch(p, 1); }
    """
    int ctz64 "kvd_ctz64" (uint64_t m) noexcept
    void prefetch "kvd_prefetchw" (const void *p) noexcept

cdef enum:
    TICK_BITS = 4              # a tick is 16 ms
    RING_BITS = 6
    BLOCK = 64                 # pointers a block
    BLOCK_BYTES = 512
    PLACE_BITS = 40            # of `place` for the position, the rest for the lane

assert 1 << TICK_BITS == WHEEL_TICK


cdef wheel *wheel_new(heap *h, int64_t now) noexcept nogil:
    cdef wheel *w = <wheel *>mem_alloc(h, sizeof(wheel))
    if w == NULL:
        return NULL
    memset(w, 0, sizeof(wheel))
    w.mem = h
    w.tick = now >> TICK_BITS
    return w


cdef void wheel_delete(wheel *w) noexcept nogil:
    cdef int i
    cdef uint32_t k
    cdef lane *l
    if w == NULL:
        return
    for i in range(WHEEL_LEVELS * WHEEL_SLOTS):
        l = &w.lanes[i]
        for k in range((l.count + BLOCK - 1) // BLOCK):
            mem_free(w.mem, l.blocks[k], BLOCK_BYTES)
        mem_free(w.mem, l.blocks, l.directory * sizeof(void *))
    mem_free(w.mem, w, sizeof(wheel))


cdef inline timer **cell(lane *l, uint32_t i) noexcept nogil:
    return &l.blocks[i // BLOCK][i % BLOCK]


cdef inline int lane_for(wheel *w, int64_t deadline) noexcept nogil:
    """Where a deadline belongs, seen from the current tick."""
    cdef int64_t tick = deadline >> TICK_BITS
    cdef int64_t away
    cdef int ring = 0
    if tick < w.tick:
        tick = w.tick
    away = tick - w.tick
    while ring < WHEEL_LEVELS - 1 and away >> (RING_BITS * (ring + 1)):
        ring += 1
    if away >> (RING_BITS * WHEEL_LEVELS):
        tick = w.tick + (<int64_t>1 << (RING_BITS * WHEEL_LEVELS)) - (<int64_t>1 << (RING_BITS * (WHEEL_LEVELS - 1)))
    return ring * WHEEL_SLOTS + <int>((tick >> (RING_BITS * ring)) & (WHEEL_SLOTS - 1))


cdef bint push(wheel *w, int where, timer *t) noexcept nogil:
    cdef lane *l = &w.lanes[where]
    cdef uint32_t want
    cdef void *p
    if l.count % BLOCK == 0:
        if l.count // BLOCK == l.directory:
            want = l.directory * 2 if l.directory else 1
            p = mem_realloc(w.mem, l.blocks, l.directory * sizeof(void *), want * sizeof(void *))
            if p == NULL:
                return False
            l.blocks = <timer ***>p
            l.directory = want
        p = mem_alloc(w.mem, BLOCK_BYTES)
        if p == NULL:
            return False
        l.blocks[l.count // BLOCK] = <timer **>p
    cell(l, l.count)[0] = t
    t.place = (<uint64_t>(where + 1) << PLACE_BITS) | l.count
    l.count += 1
    w.occupied[where // WHEEL_SLOTS] |= <uint64_t>1 << (where % WHEEL_SLOTS)
    return True


cdef void shorten(wheel *w, int where) noexcept nogil:
    """The last cell of a lane was freed."""
    cdef lane *l = &w.lanes[where]
    l.count -= 1
    if l.count % BLOCK == 0:
        mem_free(w.mem, l.blocks[l.count // BLOCK], BLOCK_BYTES)
    if l.count == 0:
        mem_free(w.mem, l.blocks, l.directory * sizeof(void *))
        l.blocks = NULL
        l.directory = 0
        w.occupied[where // WHEEL_SLOTS] &= ~(<uint64_t>1 << (where % WHEEL_SLOTS))


cdef bint wheel_add(wheel *w, timer *t) noexcept nogil:
    if not push(w, lane_for(w, t.deadline), t):
        return False
    w.count += 1
    return True


cdef void wheel_cancel(wheel *w, timer *t) noexcept nogil:
    cdef int where
    cdef uint32_t at
    cdef lane *l
    cdef timer *last
    if t.place == 0:
        return
    where = <int>(t.place >> PLACE_BITS) - 1
    at = <uint32_t>t.place
    l = &w.lanes[where]
    last = cell(l, l.count - 1)[0]
    if last != t:
        cell(l, at)[0] = last
        last.place = t.place
    t.place = 0
    shorten(w, where)
    w.count -= 1


cdef void wheel_moved(wheel *w, timer *t) noexcept nogil:
    if t.place:
        cell(&w.lanes[<int>(t.place >> PLACE_BITS) - 1], <uint32_t>t.place)[0] = t


cdef timer *take_last(wheel *w, int where) noexcept nogil:
    cdef lane *l = &w.lanes[where]
    cdef timer *t = cell(l, l.count - 1)[0]
    if l.count >= 9:
        prefetch(cell(l, l.count - 9)[0])
    shorten(w, where)
    t.place = 0
    return t


cdef bint cascade(wheel *w, int *budget) noexcept nogil:
    """Empties the lanes of the upper rings that begin at the current tick, highest first. False: not done yet."""
    cdef int ring, where
    cdef timer *t
    for ring in range(WHEEL_LEVELS - 1, 0, -1):
        if w.tick & ((<int64_t>1 << (RING_BITS * ring)) - 1):
            continue
        where = ring * WHEEL_SLOTS + <int>((w.tick >> (RING_BITS * ring)) & (WHEEL_SLOTS - 1))
        while w.lanes[where].count:
            if budget[0] <= 0:
                return False
            budget[0] -= 1
            t = take_last(w, where)
            push(w, lane_for(w, t.deadline), t)     # has the memory that take_last just gave back
    return True


cdef void skip(wheel *w, int64_t tick) noexcept nogil:
    """Advances to `tick` or to the next one where a lane may begin, whichever is first."""
    cdef int ring
    cdef int64_t span = 1
    cdef int64_t boundary
    for ring in range(WHEEL_LEVELS):
        if w.occupied[ring]:
            break
        span <<= RING_BITS
    boundary = (w.tick // span + 1) * span
    w.tick = boundary if boundary < tick else tick


cdef timer *wheel_due(wheel *w, int64_t now, int *budget) noexcept nogil:
    cdef int64_t tick = now >> TICK_BITS
    cdef int where
    if w.count == 0:
        if tick > w.tick:
            w.tick = tick
        return NULL
    while True:
        if not cascade(w, budget):
            return NULL
        if w.tick >= tick:
            return NULL
        where = <int>(w.tick & (WHEEL_SLOTS - 1))
        if w.lanes[where].count:
            if budget[0] <= 0:
                return NULL
            budget[0] -= 1
            w.count -= 1
            return take_last(w, where)
        skip(w, tick)


cdef int64_t wheel_next(wheel *w) noexcept nogil:
    cdef int ring
    cdef int64_t best = NEVER
    cdef int64_t base, at
    cdef uint64_t m
    cdef int turn
    if w.count == 0:
        return NEVER
    for ring in range(WHEEL_LEVELS):
        m = w.occupied[ring]
        if m == 0:
            continue
        base = w.tick >> (RING_BITS * ring)
        turn = <int>(base & (WHEEL_SLOTS - 1))
        m = (m >> turn) | (m << ((64 - turn) & 63)) if turn else m
        at = base + ctz64(m)
        if ring and ctz64(m) == 0 and w.tick & ((<int64_t>1 << (RING_BITS * ring)) - 1):
            m &= m - 1                          # the lane of the current tick belongs to the next turn
            at = base + (ctz64(m) if m else WHEEL_SLOTS)
        at <<= RING_BITS * ring
        if ring == 0:
            at += 1                             # ring 0 fires when the tick is over
        if at < best:
            best = at
    return best << TICK_BITS


cdef timer *nth(wheel *w, uint64_t k) noexcept nogil:
    """The k-th timer in the order of lanes; found at once in the usual case of a burst in one lane."""
    cdef int ring, where
    cdef uint64_t m
    for ring in range(WHEEL_LEVELS):
        m = w.occupied[ring]
        while m:
            where = ring * WHEEL_SLOTS + ctz64(m)
            if k < w.lanes[where].count:
                return cell(&w.lanes[where], <uint32_t>k)[0]
            k -= w.lanes[where].count
            m &= m - 1
    return NULL


cdef size_t wheel_sample(wheel *w, rng *r, timer **out, size_t n) noexcept nogil:
    cdef size_t i
    if n > w.count:
        n = w.count
    for i in range(n):
        out[i] = nth(w, rng_below(r, w.count))
    return n


cdef size_t wheel_soonest(wheel *w, timer **out, size_t n) noexcept nogil:
    cdef int ring, turn, where
    cdef uint64_t m
    cdef uint32_t i
    cdef size_t got = 0
    for ring in range(WHEEL_LEVELS):
        m = w.occupied[ring]
        turn = <int>((w.tick >> (RING_BITS * ring)) & (WHEEL_SLOTS - 1))
        if turn:
            m = (m >> turn) | (m << (64 - turn))
        while m:
            where = ring * WHEEL_SLOTS + ((ctz64(m) + turn) & (WHEEL_SLOTS - 1))
            for i in range(w.lanes[where].count):
                if got == n:
                    return got
                out[got] = cell(&w.lanes[where], i)[0]
                got += 1
            m &= m - 1
    return got


cdef size_t wheel_bytes(wheel *w) noexcept nogil:
    cdef size_t n
    cdef int i
    if w == NULL:
        return 0
    n = mem_cost(sizeof(wheel))
    for i in range(WHEEL_LEVELS * WHEEL_SLOTS):
        n += w.lanes[i].directory * sizeof(void *) + (w.lanes[i].count + BLOCK - 1) // BLOCK * BLOCK_BYTES
    return n


cdef bint wheel_holds(wheel *w, timer *t) noexcept nogil:
    cdef uint64_t where = t.place >> PLACE_BITS
    cdef uint32_t i = <uint32_t>t.place
    if where == 0 or where > WHEEL_LEVELS * WHEEL_SLOTS or i >= w.lanes[where - 1].count:
        return False
    return cell(&w.lanes[where - 1], i)[0] == t


cdef const char *wheel_check(wheel *w) noexcept nogil:
    cdef int i
    cdef uint32_t k
    cdef size_t total = 0
    cdef timer *t
    for i in range(WHEEL_LEVELS * WHEEL_SLOTS):
        if (w.lanes[i].count != 0) != ((w.occupied[i // WHEEL_SLOTS] >> (i % WHEEL_SLOTS)) & 1):
            return b"a lane's bit disagrees with its count"
        for k in range(w.lanes[i].count):
            t = cell(&w.lanes[i], k)[0]
            if t.place != ((<uint64_t>(i + 1) << PLACE_BITS) | k):
                return b"a timer with a wrong position"
        total += w.lanes[i].count
    if total != w.count:
        return b"timers miscounted"
    return NULL
