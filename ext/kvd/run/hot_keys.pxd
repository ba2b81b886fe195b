"""The keys that cost most time or bytes, while HOTKEYS looks for them. See hot_keys.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from kvd.core.topk cimport topk
from kvd.run.call cimport call
from kvd.store.parts cimport PART_HOT_KEYS
from kvd.store.store cimport store

cdef enum hot_metric:
    HOT_CPU = 1
    HOT_NET = 2

cdef enum:
    HOT_MOST = 64              # keys that may be asked for
    SLOT_BYTES = 2048          # a bit for each slot

cdef struct hot_costs:
    uint64_t ticks
    uint64_t bytes

cdef struct hot_search:        # as START asks for it
    int metrics                # HOT_ bits
    int count                  # of the result
    int64_t ratio              # one of so many calls is looked at
    int64_t seconds            # 0: until STOP
    bint picks                 # only keys of the picked slots
    uint8_t slots[SLOT_BYTES]

cdef struct hot_usage:         # of the process and the store
    double user                # seconds
    double system
    uint64_t net

cdef struct hot_keys:          # part PART_HOT_KEYS of a store
    hot_search wish
    bint active
    int64_t began_ms
    int64_t ends_ms            # of a search that has ended, when it did; NEVER: until STOP
    hot_usage before           # when it began; of a search that has ended, what it used
    hot_costs all              # of all calls
    hot_costs picked           # of all calls for picked slots
    hot_costs sampled          # of those of them that were looked at
    topk by_time               # ticks
    topk by_bytes

cdef bint hot_start(store *s, hot_search *wish) noexcept nogil     # in place of the last search, which must have ended; False: no memory
cdef void hot_stop(store *s) noexcept nogil
cdef void hot_settle(store *s) noexcept nogil                      # ends a search whose time is over; before it is looked at
cdef void hot_release(store *s) noexcept nogil
cdef hot_usage hot_used(store *s) noexcept nogil                   # by the search, until now or its end
cdef void hot_book(call *c, uint64_t ticks, uint64_t bytes, int slot) noexcept nogil      # slot -1: it has no keys


cdef inline hot_keys *hot_keys_of(store *s) noexcept nogil:
    """Or NULL."""
    return <hot_keys *>s.parts[<int>PART_HOT_KEYS]


cdef inline bint hot_picked(hot_search *wish, int slot) noexcept nogil:
    return wish.slots[slot >> 3] >> (slot & 7) & 1
