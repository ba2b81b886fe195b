"""Accounts of what calls cost: by slot, for CLUSTER SLOT-STATS, and by key, for HOTKEYS. See accounts.pyx."""

from libc.stdint cimport uint64_t

from kvd.run.call cimport call
from kvd.store.parts cimport PART_SLOTS
from kvd.store.store cimport store

cdef enum slot_stats:          # choices of the option cluster-slot-stats-enabled
    SLOT_STATS_NO
    SLOT_STATS_YES
    SLOT_STATS_CPU
    SLOT_STATS_NET
    SLOT_STATS_MEM

cdef struct slot_costs:
    uint64_t ticks
    uint64_t received          # bytes
    uint64_t sent

cdef void accounts_applied(store *s) noexcept nogil            # after options have changed, and a search for hot keys has begun or ended
cdef void accounts_reset(store *s) noexcept nogil              # as CONFIG RESETSTAT
cdef void accounts_release(store *s) noexcept nogil
cdef void account(call *c, uint64_t spent) noexcept nogil      # after the call; spent: ticks. Only if SPECIAL_ACCOUNTS is set


cdef inline slot_costs *slot_costs_of(store *s) noexcept nogil:
    """Of all slots; or NULL: none were ever booked."""
    return <slot_costs *>s.parts[<int>PART_SLOTS]
