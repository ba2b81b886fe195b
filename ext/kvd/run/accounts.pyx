"""Books the costs of each call - time, bytes of the request and of the reply - to its slot, and to its keys while HOTKEYS looks for hot ones.

A call costs one test of a bit while neither is wanted. Calls of a script are not booked: they are part of its own call. Of a transaction each
command is booked when it runs, and EXEC is not; so MULTI, EXEC and the replies QUEUED belong to no slot.

The costs of slots take 384 kB, from the first moment that a cluster is to show them.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from kvd.core.slots cimport SLOTS, key_slot
from kvd.run.call cimport F_ENDS_MULTI, key_at, key_walk
from kvd.run.figures cimport request_size
from kvd.run.hot_keys cimport hot_book, hot_keys_of, hot_release, hot_settle
from kvd.run.registry cimport keys_next, keys_start
from kvd.store.config cimport OPT_CLUSTER_ENABLED, OPT_CLUSTER_SLOT_STATS_ENABLED, cfg
from kvd.store.store cimport SPECIAL_ACCOUNTS, special_set, store_report


cdef bint books_slots(store *s) noexcept nogil:
    cdef int wanted = cfg(&s.config, OPT_CLUSTER_SLOT_STATS_ENABLED)
    return cfg(&s.config, OPT_CLUSTER_ENABLED) and wanted != SLOT_STATS_NO and wanted != SLOT_STATS_MEM


cdef void accounts_applied(store *s) noexcept nogil:
    if books_slots(s) and slot_costs_of(s) == NULL:
        s.parts[<int>PART_SLOTS] = calloc(SLOTS, sizeof(slot_costs))
        if slot_costs_of(s) != NULL:
            store_report(s, PART_SLOTS, SLOTS * sizeof(slot_costs))
    special_set(&s.special, SPECIAL_ACCOUNTS, books_slots(s) or (hot_keys_of(s) != NULL and hot_keys_of(s).active))


cdef void accounts_reset(store *s) noexcept nogil:
    if slot_costs_of(s) != NULL:
        memset(slot_costs_of(s), 0, SLOTS * sizeof(slot_costs))


cdef void accounts_release(store *s) noexcept nogil:
    hot_release(s)
    free(slot_costs_of(s))
    s.parts[<int>PART_SLOTS] = NULL


cdef int slot_of(call *c) noexcept nogil:
    """Of its first key; -1: it has none."""
    cdef key_walk w
    cdef key_at key
    keys_start(&w, c.command, c.argv, c.argc)
    return key_slot(c.argv[key.at]) if keys_next(&w, &key) else -1


cdef void account(call *c, uint64_t spent) noexcept nogil:
    cdef slot_costs *slots = slot_costs_of(c.store) if books_slots(c.store) else NULL
    cdef size_t received, sent
    cdef int slot
    if c.from_script or c.flags & F_ENDS_MULTI:
        return
    received = request_size(c.argv, c.argc)
    sent = c.out.len - c.reply_at if c.out.len >= c.reply_at else 0
    slot = slot_of(c)
    if slots != NULL and slot >= 0:
        slots[slot].ticks += spent
        slots[slot].received += received
        slots[slot].sent += sent
    hot_settle(c.store)
    if hot_keys_of(c.store) == NULL:
        return
    if hot_keys_of(c.store).active:
        hot_book(c, spent, received + sent, slot)
    else:
        accounts_applied(c.store)      # its time is over
