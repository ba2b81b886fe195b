"""Eviction policies of the object cache. Each operation is O(1).

    lru       one queue; a used entry moves to its end
    fifo      one queue; use has no effect
    lfu       a ring of ranks, one for each number of uses; the least recently used entry of the lowest rank is evicted
    sieve     one queue and a hand; use leaves a mark; the hand erases marks until it meets a node without
              (Zhang, Yang, Yue, Vigfusson, Rashmi, 2024)
    s3fifo    small and main queue; a tenth of the entries enter by the small one; those used twice there, or missed
              soon after their eviction, go to main (Yang, Zhang, Qiu, Yue, Rashmi, 2023)
    tinylfu   window, probation, protected; a candidate from the window stays only if the sketch has counted
              it more often than the entry it would replace (W-TinyLFU: Einziger, Eytan,
              Friedman, Manes, 2017 and 2018). Trials adapt the window's share, see climb
    random    an array; each use of a position is one draw

Policies see node numbers, hashes and weights, never a key. The state of a node is in
the low bits of its mark. The caller owns the limits: policy_victim only nominates an entry and updates
the policy's bookkeeping; the owner decides when to evict, and calls
policy_remove. Policies that divide the capacity (s3fifo, tinylfu) do it by weight where nodes have weights.

No step processes a whole queue at once: when the window's share shrinks, a few nodes move with each add.
"""

from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.mem cimport mem_alloc, mem_free, mem_realloc
from kvd.core.random cimport rng_below, rng_next, rng_seed
from kvd.core.sketch cimport sketch_add, sketch_count, sketch_fit, sketch_init
from kvd.core.slab cimport column_at, node_at

cdef const char *NAMES[7]
NAMES[:] = [b"lru", b"lfu", b"fifo", b"tinylfu", b"s3fifo", b"sieve", b"random"]     # in the order of policy_kind

cdef enum:                     # marks
    VISITED = 1                # sieve
    USES = 3                   # s3fifo: uses, at most three
    IN_MAIN = 4                # s3fifo

cdef enum:                     # queues
    ONLY = 0
    SMALL = 0
    MAIN = 1
    WINDOW = 0
    PROBATION = 1
    PROTECTED = 2

cdef enum:
    MOVES = 16                 # nodes that change queues in one add, at most
    MAX_GHOSTS = 1 << 26
    SAMPLE = 2                 # requests per node of the limit in a sample; after it the hit rate is examined
    LEAST_SAMPLE = 500
    TURNS = 20                 # samples for which victims take turns after the load has changed
    SMALL_SKETCH = 64

cdef double STEP = 0.0625      # of the limit, by which the window changes at first
cdef double DROP = 0.75        # a hit rate that falls to this share indicates another workload
cdef int64_t UNLIMITED = 0x7FFFFFFFFFFFFFFF


cdef const char *policy_name(int kind) noexcept nogil:
    return NAMES[kind] if 0 <= kind and kind < 7 else <const char *>NULL


cdef inline int64_t weight_of(policy *p, uint32_t i) noexcept nogil:
    cdef void *w
    if p.weights == NULL:
        return 1
    w = column_at(p.weights, i)
    return (<int64_t *>w)[0] if w != NULL else 1


cdef inline uint32_t mark_of(policy *p, uint32_t i) noexcept nogil:
    return node_at(p.nodes, i).mark & MARK


cdef inline void set_mark(policy *p, uint32_t i, uint32_t mark) noexcept nogil:
    cdef uint32_t *m = &node_at(p.nodes, i).mark
    m[0] = (m[0] & ~<uint32_t>MARK) | mark


cdef inline int queue_of(policy *p, uint32_t i) noexcept nogil:
    """The node's queue, for policies with several queues."""
    if p.kind == TINYLFU:
        return mark_of(p, i)
    if p.kind == S3FIFO:
        return MAIN if mark_of(p, i) & IN_MAIN else SMALL
    return ONLY


cdef inline void enter(policy *p, int q, uint32_t i) noexcept nogil:
    queue_push(p.nodes, &p.queues[q], i)
    p.queues[q].weight += weight_of(p, i)


cdef inline void leave(policy *p, int q, uint32_t i) noexcept nogil:
    queue_take(p.nodes, &p.queues[q], i)
    p.queues[q].weight -= weight_of(p, i)


cdef bint policy_init(policy *p, policy_kind kind, slab *nodes, heap *h, uint64_t seed) noexcept nogil:
    memset(p, 0, sizeof(policy))
    p.kind = kind
    p.nodes = nodes
    p.mem = h
    p.limit = UNLIMITED
    rng_seed(&p.chance, seed)
    sketch_init(&p.seen, h)
    return kind != LFU or rank_new(p, 0) == 0


cdef void policy_limit(policy *p, int64_t limit, column *weights) noexcept nogil:
    p.limit = limit
    p.weights = weights
    p.window = limit // 100
    if p.window < 1 or limit == UNLIMITED:
        p.window = 1 if limit != UNLIMITED else limit
    p.step = STEP * <double>limit
    p.rate = 0
    p.patience = 1
    p.hits = p.misses = 0


# ---- lfu --------------------------------------------------------------------------------------------

cdef uint32_t rank_new(policy *p, uint64_t uses) noexcept nogil:
    """A rank that is not linked yet. The first call makes the anchor, number 0; else 0 means no memory."""
    cdef uint32_t i = p.rank_free
    cdef uint32_t want, k
    cdef void *block
    if i == 0:
        want = p.rank_room * 2 if p.rank_room else 8
        block = mem_realloc(p.mem, p.ranks, p.rank_room * sizeof(rank), want * sizeof(rank))
        if block == NULL:
            return 1 if p.rank_room == 0 else 0
        p.ranks = <rank *>block
        i = p.rank_room
        for k in range(i + 1, want):
            p.ranks[k].higher = k + 1 if k + 1 < want else 0
        p.rank_free = i + 1
        p.rank_room = want
    else:
        p.rank_free = p.ranks[i].higher
    memset(&p.ranks[i], 0, sizeof(rank))
    p.ranks[i].uses = uses
    return i


cdef uint32_t rank_after(policy *p, uint32_t lower, uint64_t uses) noexcept nogil:
    """The rank of this number of uses, which follows `lower`; made if there is none. 0: no memory."""
    cdef uint32_t higher = p.ranks[lower].higher
    cdef uint32_t r
    if higher and p.ranks[higher].uses == uses:
        return higher
    r = rank_new(p, uses)
    if r:
        p.ranks[r].lower = lower
        p.ranks[r].higher = higher
        p.ranks[lower].higher = r
        p.ranks[higher].lower = r
    return r


cdef void rank_leave(policy *p, uint32_t r, uint32_t i) noexcept nogil:
    queue_take(p.nodes, &p.ranks[r].nodes, i)
    if p.ranks[r].nodes.count == 0:
        p.ranks[p.ranks[r].lower].higher = p.ranks[r].higher
        p.ranks[p.ranks[r].higher].lower = p.ranks[r].lower
        p.ranks[r].higher = p.rank_free
        p.rank_free = r


cdef bint rank_enter(policy *p, uint32_t lower, uint64_t uses, uint32_t i) noexcept nogil:
    cdef uint32_t r = rank_after(p, lower, uses)
    if r == 0:
        return False
    queue_push(p.nodes, &p.ranks[r].nodes, i)
    set_mark(p, i, r)
    return True


cdef void rank_up(policy *p, uint32_t i) noexcept nogil:
    cdef uint32_t r = mark_of(p, i)
    cdef uint64_t uses = p.ranks[r].uses + 1
    cdef uint32_t higher = p.ranks[r].higher
    if p.ranks[r].nodes.count == 1 and not (higher and p.ranks[higher].uses == uses):
        p.ranks[r].uses = uses
        return
    higher = rank_after(p, r, uses)
    if higher:                 # without memory it keeps the rank it has
        rank_leave(p, r, i)
        queue_push(p.nodes, &p.ranks[higher].nodes, i)
        set_mark(p, i, higher)


# ---- random -----------------------------------------------------------------------------------------

cdef bint place(policy *p, uint32_t i) noexcept nogil:
    cdef uint32_t want
    cdef void *block
    if p.queues[ONLY].count == p.place_room:
        want = p.place_room * 2 if p.place_room else 8
        block = mem_realloc(p.mem, p.places, p.place_room * sizeof(uint32_t), <size_t>want * sizeof(uint32_t))
        if block == NULL:
            return False
        p.places = <uint32_t *>block
        p.place_room = want
    node_at(p.nodes, i).prev = p.queues[ONLY].count
    p.places[p.queues[ONLY].count] = i
    p.queues[ONLY].count += 1
    return True


cdef void unplace(policy *p, uint32_t i) noexcept nogil:
    cdef uint32_t at = node_at(p.nodes, i).prev
    cdef uint32_t last = p.places[p.queues[ONLY].count - 1]
    p.places[at] = last
    node_at(p.nodes, last).prev = at
    p.queues[ONLY].count -= 1


# ---- s3fifo -----------------------------------------------------------------------------------------

cdef inline uint64_t *ghost_of(policy *p, uint32_t hash) noexcept nogil:
    """The two slots that may hold this hash."""
    return p.ghosts + ((hash * <uint32_t>0x9E3779B1) >> 5 & (p.ghost_room - 1) & ~<uint32_t>1)


cdef void ghost_add(policy *p, uint32_t hash) noexcept nogil:
    cdef uint64_t *g
    cdef uint32_t want = 16
    cdef void *block
    while want < p.nodes.used and want < MAX_GHOSTS:
        want *= 2
    if want > p.ghost_room:
        block = mem_alloc(p.mem, <size_t>want * 8)
        if block != NULL:
            memset(block, 0, <size_t>want * 8)
            mem_free(p.mem, p.ghosts, <size_t>p.ghost_room * 8)
            p.ghosts = <uint64_t *>block
            p.ghost_room = want
    if p.ghost_room == 0:
        return
    p.departures += 1
    g = ghost_of(p, hash)
    if <uint32_t>g[0] and p.departures - <uint32_t>(g[0] >> 32) < p.departures - <uint32_t>(g[1] >> 32):
        g += 1                 # the older of the two is replaced
    g[0] = <uint64_t>p.departures << 32 | (hash | 1)


cdef bint ghost_take(policy *p, uint32_t hash) noexcept nogil:
    """Was it evicted recently: within as many evictions as main may hold nodes?"""
    cdef uint64_t *g
    cdef int k
    if p.ghost_room == 0:
        return False
    g = ghost_of(p, hash)
    for k in range(2):
        if <uint32_t>g[k] == (hash | 1):
            g[k] &= <uint64_t>0xFFFFFFFF << 32
            return p.departures - <uint32_t>(g[k] >> 32) <= p.nodes.used - p.nodes.used // 10
    return False


cdef uint32_t s3fifo_victim(policy *p, uint32_t newest) noexcept nogil:
    cdef uint32_t i, mark
    while True:
        i = p.queues[SMALL].first
        if i and (i != newest or p.queues[MAIN].count == 0) and (p.queues[SMALL].weight > p.limit // 10 or p.queues[MAIN].count == 0):
            mark = mark_of(p, i)
            if mark & USES < 2:
                ghost_add(p, node_at(p.nodes, i).hash)
                return i
            leave(p, SMALL, i)
            set_mark(p, i, IN_MAIN)
            enter(p, MAIN, i)
            continue
        i = p.queues[MAIN].first
        if i == 0:
            return p.queues[SMALL].first
        mark = mark_of(p, i)
        if mark & USES == 0:
            return i
        set_mark(p, i, mark - 1)
        queue_renew(p.nodes, &p.queues[MAIN], i)


# ---- sieve ------------------------------------------------------------------------------------------

cdef uint32_t sieve_victim(policy *p, uint32_t newest) noexcept nogil:
    """The hand moves on after the victim; it ignores `newest`."""
    cdef uint32_t i = p.hand if p.hand else p.queues[ONLY].first
    if p.queues[ONLY].count < 2:
        return i
    while mark_of(p, i) & VISITED or i == newest:
        if i != newest:
            set_mark(p, i, 0)
        i = node_at(p.nodes, i).next
        if i == 0:
            i = p.queues[ONLY].first
    p.hand = node_at(p.nodes, i).next
    if p.hand == newest:
        p.hand = 0
    return i


# ---- tinylfu ----------------------------------------------------------------------------------------

cdef void move(policy *p, int source, int target, uint32_t i) noexcept nogil:
    leave(p, source, i)
    set_mark(p, i, target)
    enter(p, target, i)


cdef void widen(policy *p, double by) noexcept nogil:
    cdef int64_t least = p.limit // 100 if p.limit >= 100 else 1
    p.window += <int64_t>by
    if p.window > p.limit * 4 // 5:
        p.window = p.limit * 4 // 5
    if p.window < least:
        p.window = least


cdef void climb(policy *p) noexcept nogil:
    """After each sample: judge the trial, or begin one, and detect a changed workload.

    A wider window must be better beyond chance, a narrower one only better: so noise leads back to the narrow
    window, which is right for most workloads.
    """
    cdef double n = <double>p.hits + <double>p.misses
    cdef double rate, chance, before
    if n < SAMPLE * <double>p.limit or n < LEAST_SAMPLE:
        return
    rate = p.hits / n
    chance = sqrt((p.rate * (1 - p.rate) + 0.01) * 2 / n)
    p.hits = p.misses = 0
    if p.turning:
        p.turning -= 1
    if p.departures < p.limit:              # the cache is filling: its hit rate says nothing about the window
        p.rate = rate
    elif p.trial:
        before = <double>p.window
        if rate > p.rate + 2 * chance if p.step > 0 else rate > p.rate:
            p.rate = rate
            if p.step > 0:
                p.step *= 2
            widen(p, p.step)
            p.patience = 1
            p.trial = <double>p.window != before
        else:
            widen(p, -p.step)
            p.step = STEP * <double>p.limit * (-1 if p.step > 0 else 1)
            p.patience = p.patience * 2 if p.patience < 64 else 64
            p.calm = p.patience
            p.trial = False
    else:
        if rate < p.rate - 4 * chance and rate < p.rate * DROP:
            p.turning = TURNS
        p.rate += (rate - p.rate) / 2
        p.calm -= 1
        if p.calm <= 0:
            before = <double>p.window
            widen(p, p.step)
            p.trial = <double>p.window != before
            if not p.trial:
                p.step = -p.step


cdef void tinylfu_add(policy *p, uint32_t i) noexcept nogil:
    cdef int _
    if p.limit != UNLIMITED:
        if p.seen.blocks == 0 or p.nodes.used * <uint64_t>10 > p.seen.period:
            sketch_fit(&p.seen, p.nodes.used * 2 if p.nodes.used > SMALL_SKETCH else SMALL_SKETCH)
        sketch_add(&p.seen, node_at(p.nodes, i).hash)
    set_mark(p, i, WINDOW)
    enter(p, WINDOW, i)
    p.candidate = 0
    for _ in range(MOVES):
        if p.queues[WINDOW].weight <= p.window:
            break
        p.candidate = p.queues[WINDOW].first
        move(p, WINDOW, PROBATION, p.candidate)
    climb(p)


cdef void tinylfu_use(policy *p, uint32_t i) noexcept nogil:
    cdef int q = mark_of(p, i)
    cdef int _
    if p.limit == UNLIMITED:
        queue_renew(p.nodes, &p.queues[q], i)
        return
    sketch_add(&p.seen, node_at(p.nodes, i).hash)
    p.hits += 1
    if q != PROBATION:
        queue_renew(p.nodes, &p.queues[q], i)
        return
    if p.candidate == i:
        p.candidate = 0
    move(p, PROBATION, PROTECTED, i)
    for _ in range(MOVES):
        if p.queues[PROTECTED].weight <= (p.limit - p.window) * 4 // 5 or p.queues[PROTECTED].count < 2:
            break
        move(p, PROTECTED, PROBATION, p.queues[PROTECTED].first)


cdef bint admits(policy *p, uint32_t candidate, uint32_t victim) noexcept nogil:
    """Is the candidate worth more? Some frequent ones are admitted at random, so that no entry locks others out."""
    cdef int mine = sketch_count(&p.seen, node_at(p.nodes, candidate).hash)
    cdef int other = sketch_count(&p.seen, node_at(p.nodes, victim).hash)
    return mine > other or (mine > 5 and rng_next(&p.chance) >> 57 == 0)


cdef uint32_t tinylfu_victim(policy *p) noexcept nogil:
    cdef uint32_t victim = p.queues[PROBATION].first
    if victim == 0:
        return p.queues[PROTECTED].first if p.queues[PROTECTED].first else p.queues[WINDOW].first
    p.departures += 1
    if p.candidate == 0 or p.candidate == victim or admits(p, p.candidate, victim):
        return victim
    if p.turning:              # entries that were popular once must not reject all new ones
        queue_renew(p.nodes, &p.queues[PROBATION], victim)
    return p.candidate


# ---- all --------------------------------------------------------------------------------------------

cdef bint policy_join(policy *p, uint32_t i) noexcept nogil:
    if p.kind == LFU:
        return rank_enter(p, 0, 1, i)
    if p.kind == RANDOM:
        return place(p, i)
    if p.kind == TINYLFU:
        tinylfu_add(p, i)
    elif p.kind == S3FIFO and ghost_take(p, node_at(p.nodes, i).hash):
        set_mark(p, i, IN_MAIN)
        enter(p, MAIN, i)
    else:
        set_mark(p, i, 0)
        enter(p, ONLY, i)
    return True


cdef void policy_use(policy *p, uint32_t i) noexcept nogil:
    cdef uint32_t mark
    if p.kind == LRU:
        queue_renew(p.nodes, &p.queues[ONLY], i)
    elif p.kind == LFU:
        rank_up(p, i)
    elif p.kind == TINYLFU:
        tinylfu_use(p, i)
    elif p.kind == SIEVE:
        set_mark(p, i, VISITED)
    elif p.kind == S3FIFO:
        mark = mark_of(p, i)
        if mark & USES < USES:
            set_mark(p, i, mark + 1)


cdef void policy_miss(policy *p, uint32_t hash) noexcept nogil:
    if p.kind == TINYLFU:
        p.misses += 1


cdef void policy_quit(policy *p, uint32_t i) noexcept nogil:
    if p.kind == LFU:
        rank_leave(p, mark_of(p, i), i)
    elif p.kind == RANDOM:
        unplace(p, i)
    else:
        if p.hand == i:
            p.hand = node_at(p.nodes, i).next
        if p.candidate == i:
            p.candidate = 0
        leave(p, queue_of(p, i), i)


cdef void policy_weigh(policy *p, uint32_t i, int64_t weight) noexcept nogil:
    if p.kind != LFU and p.kind != RANDOM:
        p.queues[queue_of(p, i)].weight += weight - weight_of(p, i)


cdef uint32_t policy_choose(policy *p, uint32_t newest) noexcept nogil:
    cdef uint32_t i
    if p.kind == TINYLFU:
        return tinylfu_victim(p)
    if p.kind == S3FIFO:
        return s3fifo_victim(p, newest)
    if p.kind == SIEVE:
        return sieve_victim(p, newest)
    if p.kind != RANDOM:
        i = policy_first(p)
        return policy_next(p, i) if i and i == newest and policy_next(p, i) else i
    while True:
        i = p.places[rng_below(&p.chance, p.queues[ONLY].count)] if p.queues[ONLY].count else 0
        if i != newest or p.queues[ONLY].count < 2:
            return i


cdef inline int turn(policy *p, int k) noexcept nogil:
    """The k-th queue in the order of eviction; -1 after the last."""
    if p.kind == TINYLFU:
        return PROBATION if k == 0 else WINDOW if k == 1 else PROTECTED if k == 2 else -1
    if p.kind == S3FIFO:
        return k if k < 2 else -1
    return ONLY if k == 0 else -1


cdef uint32_t first_from(policy *p, int k) noexcept nogil:
    while turn(p, k) >= 0:
        if p.queues[turn(p, k)].first:
            return p.queues[turn(p, k)].first
        k += 1
    return 0


cdef uint32_t policy_first(policy *p) noexcept nogil:
    if p.kind == LFU:
        return p.ranks[p.ranks[0].higher].nodes.first if p.ranks[0].higher else 0
    if p.kind == RANDOM:
        return p.places[0] if p.queues[ONLY].count else 0
    return first_from(p, 0)


cdef uint32_t policy_next(policy *p, uint32_t i) noexcept nogil:
    cdef uint32_t next = node_at(p.nodes, i).next
    cdef int k = 0
    if p.kind == RANDOM:
        next = node_at(p.nodes, i).prev + 1
        return p.places[next] if next < p.queues[ONLY].count else 0
    if next:
        return next
    if p.kind == LFU:
        next = p.ranks[mark_of(p, i)].higher
        return p.ranks[next].nodes.first if next else 0
    while turn(p, k) != queue_of(p, i):
        k += 1
    return first_from(p, k + 1)


cdef void policy_rest(policy *p) noexcept nogil:
    mem_free(p.mem, p.places, p.place_room * sizeof(uint32_t))
    p.places = NULL
    p.place_room = 0


# ---- check ------------------------------------------------------------------------------------------

cdef const char *check_queue(policy *p, queue *q, int number, int64_t *weight, uint32_t *count) noexcept nogil:
    cdef uint32_t i = q.first
    cdef uint32_t before = 0
    count[0] = 0
    weight[0] = 0
    while i:
        if node_at(p.nodes, i).prev != before:
            return b"a node that does not know the one before it"
        if number >= 0 and queue_of(p, i) != number:
            return b"a node in a queue it does not name"
        weight[0] += weight_of(p, i)
        count[0] += 1
        before = i
        i = node_at(p.nodes, i).next
    if q.last != before:
        return b"a queue that does not know its last"
    if q.count != count[0]:
        return b"a queue miscounted"
    return NULL


cdef const char *check_ranks(policy *p, uint32_t *total) noexcept nogil:
    cdef uint32_t r = p.ranks[0].higher
    cdef uint32_t lower = 0
    cdef uint32_t count
    cdef int64_t weight
    cdef const char *what
    while r:
        if p.ranks[r].lower != lower or p.ranks[r].uses <= p.ranks[lower].uses:
            return b"ranks out of order"
        if p.ranks[r].nodes.count == 0:
            return b"an empty rank"
        what = check_queue(p, &p.ranks[r].nodes, -1, &weight, &count)
        if what != NULL:
            return what
        total[0] += count
        lower = r
        r = p.ranks[r].higher
    return NULL


cdef const char *policy_check(policy *p) noexcept nogil:
    cdef uint32_t total = 0
    cdef uint32_t count, i
    cdef int64_t weight
    cdef int q
    cdef const char *what = NULL
    if p.kind == LFU:
        what = check_ranks(p, &total)
        if what != NULL:
            return what
    elif p.kind == RANDOM:
        total = p.queues[ONLY].count
        for i in range(total):
            if node_at(p.nodes, p.places[i]).prev != i:
                return b"a node with a wrong position"
    else:
        for q in range(3):
            what = check_queue(p, &p.queues[q], q if turn(p, 1) >= 0 else ONLY, &weight, &count)
            if what != NULL:
                return what
            if p.queues[q].weight != weight:
                return b"a queue weighed wrongly"
            total += count
    if total != p.nodes.used:
        return b"a node in no queue"
    return NULL
