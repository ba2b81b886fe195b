"""CLUSTER SLOT-STATS: what each slot holds and costs.

The costs are booked with every call (run/accounts.pyx). Keys and memory are counted by a walk over all keys, when the command asks for them.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memset

from kvd.commands.cluster cimport arg_slot, cluster_enabled
from kvd.core.clock cimport pace_update
from kvd.core.entry cimport entry, entry_key
from kvd.core.slots cimport SLOTS, key_slot
from kvd.core.table cimport table_cursor, table_next
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_is
from kvd.run.accounts cimport (
    SLOT_STATS_CPU, SLOT_STATS_MEM, SLOT_STATS_NET, SLOT_STATS_YES, slot_costs, slot_costs_of,
)
from kvd.run.args cimport reply_array, reply_error, reply_error_about, reply_int, reply_map, reply_text
from kvd.run.call cimport call
from kvd.run.emulation cimport valkey_version
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport OPT_CLUSTER_SLOT_STATS_ENABLED, cfg
from kvd.types.value cimport value_bytes

cdef enum:
    KEYS = 0
    CPU = 1
    MEMORY = 2
    RECEIVED = 3
    SENT = 4
    METRICS = 5
    SAMPLES = 5                # elements that the memory of a value is estimated from
    BUCKET_SHARE = 11          # bytes of the table for each key, on average

cdef const char *NAMES[METRICS]
NAMES[:] = [b"key-count", b"cpu-usec", b"memory-bytes", b"network-bytes-in", b"network-bytes-out"]

cdef struct slot_row:
    uint64_t values[METRICS]
    uint64_t rank              # what it is sorted by
    int slot

cdef struct wish:
    bint shown[METRICS]
    int first                  # slots
    int last
    int metric                 # that they are sorted by; -1: they are not
    bint ascending
    int64_t limit              # 0: not given


cdef void find_shown(call *c, wish *w) noexcept nogil:
    cdef int option = cfg(&c.store.config, OPT_CLUSTER_SLOT_STATS_ENABLED)
    w.shown[<int>KEYS] = True
    w.shown[<int>CPU] = option == SLOT_STATS_YES or option == SLOT_STATS_CPU
    w.shown[<int>RECEIVED] = w.shown[<int>SENT] = option == SLOT_STATS_YES or option == SLOT_STATS_NET
    w.shown[<int>MEMORY] = option == SLOT_STATS_MEM or (option == SLOT_STATS_YES and valkey_version(c.store) == NULL)


# ---- arguments --------------------------------------------------------------------------------------

cdef bint read_range(call *c, wish *w) noexcept nogil:
    cdef char text[80]
    if not arg_slot(c, 3, &w.first) or not arg_slot(c, 4, &w.last):
        return False
    if w.first > w.last:
        snprintf(text, sizeof(text), b"ERR Start slot number %d is greater than end slot number %d", w.first, w.last)
        reply_error(c, text)
        return False
    return True


cdef bint read_order(call *c, wish *w) noexcept nogil:
    cdef int i = 4
    cdef bint ordered = False
    w.metric = 0
    while w.metric < METRICS and not (w.shown[w.metric] and view_is(c.argv[3], NAMES[w.metric])):
        w.metric += 1
    if w.metric == METRICS:
        reply_error(c, b"ERR Unrecognized sort metric for ORDERBY.")
        return False
    while i < c.argc:
        if (w.limit and view_is(c.argv[i], b"limit")) or (ordered and (view_is(c.argv[i], b"asc") or view_is(c.argv[i], b"desc"))):
            reply_error(c, b"ERR Multiple filters of the same type are disallowed.")
            return False
        if view_is(c.argv[i], b"limit") and i + 1 < c.argc:
            i += 1
            if not parse_int(c.argv[i], &w.limit) or not 1 <= w.limit <= SLOTS:
                reply_error(c, b"ERR Limit has to lie in between 1 and 16384 (maximum number of slots).")
                return False
        elif view_is(c.argv[i], b"asc") or view_is(c.argv[i], b"desc"):
            ordered = True
            w.ascending = view_is(c.argv[i], b"asc")
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    return True


# ---- rows -------------------------------------------------------------------------------------------

cdef void count_keys(call *c, slot_row *rows, bint memory) noexcept nogil:
    cdef table_cursor at
    cdef entry *e
    cdef slot_row *row
    memset(&at, 0, sizeof(at))
    e = table_next(&c.db.keys, &at)
    while e != NULL:
        row = &rows[key_slot(entry_key(e))]
        row.values[<int>KEYS] += 1
        if memory:
            row.values[<int>MEMORY] += value_bytes(e, SAMPLES) + BUCKET_SHARE
        e = table_next(&c.db.keys, &at)


cdef slot_row *make_rows(call *c, wish *w) noexcept nogil:
    """Of all slots; or NULL: no memory."""
    cdef slot_row *rows = <slot_row *>calloc(SLOTS, sizeof(slot_row))
    cdef slot_costs *costs = slot_costs_of(c.store)
    cdef int i
    if rows == NULL:
        return NULL
    count_keys(c, rows, w.shown[<int>MEMORY])
    pace_update(&c.store.clock.pace)
    for i in range(SLOTS):
        rows[i].slot = i
        if costs != NULL:
            rows[i].values[<int>CPU] = <uint64_t>(costs[i].ticks / c.store.clock.pace.ticks_per_us)
            rows[i].values[<int>RECEIVED] = costs[i].received
            rows[i].values[<int>SENT] = costs[i].sent
        if w.metric >= 0:
            rows[i].rank = rows[i].values[w.metric]
    return rows


cdef int ascending(const void *a, const void *b) noexcept nogil:
    """Equal ranks by slot, in both directions."""
    cdef slot_row *one = <slot_row *>a
    cdef slot_row *other = <slot_row *>b
    if one.rank != other.rank:
        return -1 if one.rank < other.rank else 1
    return one.slot - other.slot


cdef int descending(const void *a, const void *b) noexcept nogil:
    cdef slot_row *one = <slot_row *>a
    cdef slot_row *other = <slot_row *>b
    return one.slot - other.slot if one.rank == other.rank else ascending(b, a)


cdef void reply_row(call *c, wish *w, slot_row *row) noexcept nogil:
    cdef int i
    cdef int n = 0
    for i in range(METRICS):
        n += w.shown[i]
    reply_array(c, 2)
    reply_int(c, row.slot)
    reply_map(c, n)
    for i in range(METRICS):
        if w.shown[i]:
            reply_text(c, NAMES[i])
            reply_int(c, row.values[i])


define(cluster_slot_stats, """
    CLUSTER|SLOT-STATS <SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>
    loading stale | cluster | 8.2.0 | O(K) where K is the number of keys, and O(N log N) with ORDERBY where N is the number of slots
    Return how many keys slots hold, and what their commands cost if that is counted.
    valkey: 8.0.0
    tips: nondeterministic_output request_policy:all_shards
""")
cdef void cluster_slot_stats(call *c) noexcept nogil:
    cdef wish w
    cdef slot_row *rows
    cdef int i
    memset(&w, 0, sizeof(w))
    w.last = SLOTS - 1
    w.metric = -1
    if not cluster_enabled(c):
        return
    find_shown(c, &w)
    if view_is(c.argv[2], b"slotsrange") and c.argc == 5:
        if not read_range(c, &w):
            return
    elif view_is(c.argv[2], b"orderby") and c.argc >= 4:
        if not read_order(c, &w):
            return
    else:
        reply_error_about(c, b"ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLUSTER HELP.", c.argv[1])
        return
    rows = make_rows(c, &w)
    if rows == NULL:
        reply_error(c, NO_MEMORY)
        return
    if w.metric >= 0:
        qsort(rows, SLOTS, sizeof(slot_row), ascending if w.ascending else descending)
        w.last = <int>(w.limit or SLOTS) - 1
    reply_array(c, w.last - w.first + 1)
    for i in range(w.first, w.last + 1):
        reply_row(c, &w, &rows[i])
    free(rows)
