"""Timing wheel: finds due timers without examining others. See wheel.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.entry cimport timer
from kvd.core.mem cimport heap
from kvd.core.random cimport rng

cdef enum:
    WHEEL_LEVELS = 6
    WHEEL_SLOTS = 64
    WHEEL_TICK = 16            # units of time that fire together; ms in the keyspace

cdef struct lane:
    timer ***blocks
    uint32_t directory
    uint32_t count

cdef struct wheel:
    heap *mem
    int64_t tick               # the first tick that is not over yet
    size_t count
    uint64_t occupied[WHEEL_LEVELS]
    lane lanes[WHEEL_LEVELS * WHEEL_SLOTS]

cdef wheel *wheel_new(heap *h, int64_t now) noexcept nogil                    # or NULL
cdef void wheel_delete(wheel *w) noexcept nogil                               # the timers themselves are not touched
cdef bint wheel_add(wheel *w, timer *t) noexcept nogil                        # by t.deadline, which may be raised later: then it fires early; False: no memory
cdef void wheel_cancel(wheel *w, timer *t) noexcept nogil
cdef void wheel_moved(wheel *w, timer *t) noexcept nogil                      # t is the same timer at a new address
cdef timer *wheel_due(wheel *w, int64_t now, int *budget) noexcept nogil      # removes one that is due; NULL: none, or budget spent
cdef int64_t wheel_next(wheel *w) noexcept nogil                              # ms at which wheel_due may have work; INT64_MAX: never
cdef size_t wheel_sample(wheel *w, rng *r, timer **out, size_t n) noexcept nogil   # uniform, may repeat
cdef size_t wheel_soonest(wheel *w, timer **out, size_t n) noexcept nogil     # some of those that end first
cdef size_t wheel_bytes(wheel *w) noexcept nogil
cdef bint wheel_holds(wheel *w, timer *t) noexcept nogil                       # is it at its recorded position?
cdef const char *wheel_check(wheel *w) noexcept nogil
