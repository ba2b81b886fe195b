"""The store's clock: the wall clock, or, for tests of expiry, a shifted or frozen one. See clock.pyx.

`store.now` is set once per batch of commands, so time does not advance within a batch or a script.
"""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.clock cimport ticks, wall_us
from kvd.store.store cimport CLOCK_FROZEN, CLOCK_WALL, store

cdef void store_time_measured(store *s) noexcept nogil             # the slow path of store_time_cheap


cdef inline int64_t store_wall_us(store *s) noexcept nogil:
    """Microseconds since 1970 by the store's clock."""
    if s.clock.mode == CLOCK_WALL:
        return wall_us()
    return s.clock.us if s.clock.mode == CLOCK_FROZEN else wall_us() + s.clock.us


cdef inline void store_time(store *s) noexcept nogil:
    """Sets store.now for the batch that begins."""
    s.now = store_wall_us(s) // 1000


cdef inline uint64_t store_time_cheap(store *s) noexcept nogil:
    """The same for callers of single commands: up to 100 us late. Returns the ticks it has read."""
    cdef uint64_t now = ticks()
    if now - s.clock.mark >= s.clock.window:
        store_time_measured(s)
    return now
