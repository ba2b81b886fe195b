"""HOTKEYS: which keys cost most time or bytes. The search itself is in run/hot_keys.pyx.

From Redis's documentation: no server with this command was at hand. Of a key the reply says what it had for certain, never more.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from kvd.commands.cluster cimport arg_slot
from kvd.core.clock cimport NEVER, pace_update
from kvd.core.slots cimport SLOTS
from kvd.core.text cimport parse_int
from kvd.core.topk cimport top_key, topk, topk_certain, topk_heaviest
from kvd.core.view cimport view_is, view_of
from kvd.run.accounts cimport accounts_applied
from kvd.run.args cimport reply_array, reply_bulk, reply_error, reply_int, reply_map, reply_null, reply_ok, reply_text
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.hot_keys cimport (
    HOT_CPU, HOT_MOST, HOT_NET, hot_keys, hot_keys_of, hot_picked, hot_release, hot_search, hot_settle, hot_start, hot_stop, hot_usage, hot_used,
)
from kvd.run.registry cimport define
from kvd.store.config cimport OPT_CLUSTER_ENABLED, cfg

cdef enum:
    USUAL = 10                 # keys of each metric

cdef int64_t LONGEST = NEVER // 1000000        # seconds of a search


cdef bint fail(call *c, const char *text) noexcept nogil:
    reply_error(c, text)
    return False


cdef bint is_searching(call *c) noexcept nogil:
    hot_settle(c.store)
    accounts_applied(c.store)
    return hot_keys_of(c.store) != NULL and hot_keys_of(c.store).active


# ---- START ------------------------------------------------------------------------------------------

cdef bint read_metrics(call *c, int *at, hot_search *w) noexcept nogil:
    """The count, and so many words. Those that are unknown may be metrics of later servers."""
    cdef int64_t n
    cdef int i
    cdef int metric
    if w.metrics:
        return fail(c, b"ERR METRICS parameter already specified")
    if at[0] + 1 >= c.argc or not parse_int(c.argv[at[0] + 1], &n) or n <= 0:
        return fail(c, b"ERR METRICS count must be a positive number")
    if n > c.argc - at[0] - 2:
        return fail(c, b"ERR METRICS count does not match number of metric types provided")
    for i in range(at[0] + 2, at[0] + 2 + <int>n):
        metric = HOT_CPU if view_is(c.argv[i], b"cpu") else HOT_NET if view_is(c.argv[i], b"net") else 0
        if w.metrics & metric:
            return fail(c, <const char *>b"ERR METRICS CPU given twice" if metric == HOT_CPU else <const char *>b"ERR METRICS NET given twice")
        w.metrics |= metric
    if not w.metrics:
        return fail(c, b"ERR METRICS no valid metrics given")
    at[0] += 2 + <int>n
    return True


cdef bint read_slots(call *c, int *at, hot_search *w) noexcept nogil:
    cdef int64_t n
    cdef int i, slot
    if not cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        return fail(c, b"ERR SLOTS parameter cannot be used in non-cluster mode")
    if w.picks:
        return fail(c, b"ERR SLOTS parameter already specified")
    if at[0] + 1 >= c.argc or not parse_int(c.argv[at[0] + 1], &n) or not 1 <= n <= SLOTS:
        return fail(c, b"ERR SLOTS count must be between 1 and 16384")
    if n > c.argc - at[0] - 2:
        return fail(c, b"ERR not enough slot numbers provided")
    for i in range(at[0] + 2, at[0] + 2 + <int>n):
        if not arg_slot(c, i, &slot):
            return False
        if hot_picked(w, slot):
            return fail(c, b"ERR duplicate slot number")
        w.slots[slot >> 3] |= 1 << (slot & 7)
    w.picks = True
    at[0] += 2 + <int>n
    return True


cdef bint read_number(call *c, int *at, int64_t least, int64_t most, const char *error, int64_t *n) noexcept nogil:
    if at[0] + 1 >= c.argc:
        return fail(c, SYNTAX)
    if not parse_int(c.argv[at[0] + 1], n) or not least <= n[0] <= most:
        return fail(c, error)
    at[0] += 2
    return True


cdef bint read_search(call *c, hot_search *w) noexcept nogil:
    cdef int i = 2
    cdef int64_t count = USUAL
    cdef bint ok = True
    memset(w, 0, sizeof(hot_search))
    w.ratio = 1
    while ok and i < c.argc:
        if view_is(c.argv[i], b"metrics"):
            ok = read_metrics(c, &i, w)
        elif view_is(c.argv[i], b"count"):
            ok = read_number(c, &i, 1, HOT_MOST, b"ERR COUNT must be between 1 and 64", &count)
        elif view_is(c.argv[i], b"duration"):
            ok = read_number(c, &i, 0, LONGEST, b"ERR DURATION must be a number of seconds", &w.seconds)
        elif view_is(c.argv[i], b"sample"):
            ok = read_number(c, &i, 1, 0x7FFFFFFF, b"ERR SAMPLE ratio must be positive", &w.ratio)
        elif view_is(c.argv[i], b"slots"):
            ok = read_slots(c, &i, w)
        else:
            ok = fail(c, SYNTAX)
    if ok and not w.metrics:
        ok = fail(c, b"ERR METRICS parameter is required")
    w.count = <int>count
    return ok


define(hotkeys_start, """
    HOTKEYS|START METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio] [SLOTS count slot [slot ...]]
    admin noscript | server | 8.6.0 | O(1)
    Start to look for the keys that cost most time of commands, or most bytes of requests and replies.
    arity: -2
    tips: request_policy:special response_policy:special
""")
cdef void hotkeys_start(call *c) noexcept nogil:
    cdef hot_search wish
    if is_searching(c):
        reply_error(c, b"ERR hotkey tracking session already in progress")
        return
    if not read_search(c, &wish):
        return
    if not hot_start(c.store, &wish):
        reply_error(c, NO_MEMORY)
        return
    accounts_applied(c.store)
    reply_ok(c)


define(hotkeys_stop, """
    HOTKEYS|STOP
    admin noscript | server | 8.6.0 | O(1)
    Stop looking for hot keys, and keep what was found.
    tips: request_policy:special response_policy:special
""")
cdef void hotkeys_stop(call *c) noexcept nogil:
    if not is_searching(c):
        reply_error(c, b"ERR no hotkey tracking session in progress")
        return
    hot_stop(c.store)
    accounts_applied(c.store)
    reply_ok(c)


define(hotkeys_reset, """
    HOTKEYS|RESET
    admin noscript | server | 8.6.0 | O(1)
    Forget the hot keys that were found.
    tips: request_policy:special response_policy:special
""")
cdef void hotkeys_reset(call *c) noexcept nogil:
    if is_searching(c):
        reply_error(c, b"ERR hotkey tracking session in progress, stop tracking first")
        return
    hot_release(c.store)
    reply_ok(c)


# ---- GET --------------------------------------------------------------------------------------------

cdef inline void number(call *c, const char *name, int64_t n) noexcept nogil:
    reply_text(c, name)
    reply_int(c, n)


cdef inline int64_t microseconds(call *c, uint64_t ticks) noexcept nogil:
    return <int64_t>(ticks / c.store.clock.pace.ticks_per_us)


cdef int next_range(hot_search *w, int slot, int *last) noexcept nogil:
    """The first picked slot from this one on, and the last that follows without a gap; SLOTS: none."""
    while slot < SLOTS and w.picks and not hot_picked(w, slot):
        slot += 1
    last[0] = slot
    while last[0] + 1 < SLOTS and (not w.picks or hot_picked(w, last[0] + 1)):
        last[0] += 1
    return slot


cdef void reply_slots(call *c, hot_search *w) noexcept nogil:
    cdef int last
    cdef int n = 0
    cdef int slot = next_range(w, 0, &last)
    while slot < SLOTS:
        n += 1
        slot = next_range(w, last + 1, &last)
    reply_text(c, b"selected-slots")
    reply_array(c, n)
    slot = next_range(w, 0, &last)
    while slot < SLOTS:
        reply_array(c, 1 if slot == last else 2)
        reply_int(c, slot)
        if slot != last:
            reply_int(c, last)
        slot = next_range(w, last + 1, &last)


cdef void reply_keys(call *c, const char *name, topk *t, int count, bint as_time) noexcept nogil:
    cdef top_key *found[HOT_MOST]
    cdef int n = topk_heaviest(t, found, count)
    cdef int i
    reply_text(c, name)
    reply_array(c, 2 * n)
    for i in range(n):
        reply_bulk(c, view_of(found[i].key, found[i].len))
        reply_int(c, microseconds(c, topk_certain(found[i])) if as_time else <int64_t>topk_certain(found[i]))


define(hotkeys_get, """
    HOTKEYS|GET
    admin noscript | server | 8.6.0 | O(K) where K is the number of keys returned
    Return the hot keys that were found, and the totals of all commands.
    tips: nondeterministic_output request_policy:special response_policy:special
""")
cdef void hotkeys_get(call *c) noexcept nogil:
    cdef hot_keys *h
    cdef hot_usage used
    cdef bint parts
    hot_settle(c.store)
    accounts_applied(c.store)
    h = hot_keys_of(c.store)
    if h == NULL:
        reply_null(c)
        return
    pace_update(&c.store.clock.pace)
    used = hot_used(c.store)
    parts = h.wish.picks and h.wish.ratio > 1
    reply_array(c, 1)              # of a cluster, one for each node
    reply_map(c, 7 + 2 * h.wish.picks + 2 * parts + (3 if h.wish.metrics & HOT_CPU else 0) + (2 if h.wish.metrics & HOT_NET else 0))
    number(c, b"tracking-active", h.active)
    number(c, b"sample-ratio", h.wish.ratio)
    reply_slots(c, &h.wish)
    if parts:
        number(c, b"sampled-commands-selected-slots-us", microseconds(c, h.sampled.ticks))
    if h.wish.picks:
        number(c, b"all-commands-selected-slots-us", microseconds(c, h.picked.ticks))
    number(c, b"all-commands-all-slots-us", microseconds(c, h.all.ticks))
    if parts:
        number(c, b"net-bytes-sampled-commands-selected-slots", h.sampled.bytes)
    if h.wish.picks:
        number(c, b"net-bytes-all-commands-selected-slots", h.picked.bytes)
    number(c, b"net-bytes-all-commands-all-slots", h.all.bytes)
    number(c, b"collection-start-time-unix-ms", h.began_ms)
    number(c, b"collection-duration-ms", (c.store.now if h.active else h.ends_ms) - h.began_ms)
    if h.wish.metrics & HOT_CPU:
        number(c, b"total-cpu-time-user-ms", <int64_t>(used.user * 1000))
        number(c, b"total-cpu-time-sys-ms", <int64_t>(used.system * 1000))
    if h.wish.metrics & HOT_NET:
        number(c, b"total-net-bytes", used.net)
    if h.wish.metrics & HOT_CPU:
        reply_keys(c, b"by-cpu-time-us", &h.by_time, h.wish.count, True)
    if h.wish.metrics & HOT_NET:
        reply_keys(c, b"by-net-bytes", &h.by_bytes, h.wish.count, False)
