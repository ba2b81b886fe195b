"""The store's clock.

Reading the wall clock costs a third of a GET in process, the processor's tick counter a tenth of that. So
callers of single commands read ticks, and the time only when a window of 100 us has passed; the number of
ticks in the window is measured once, a millisecond after the store was made.
"""

from libc.stdint cimport uint64_t

from kvd.core.clock cimport mono_us, pace_update

cdef enum:
    WINDOW_US = 100
    MEASURED_US = 1000         # time over which the rate of the ticks is measured


cdef void store_time_measured(store *s) noexcept nogil:
    s.clock.mark = ticks()
    store_time(s)
    if s.clock.window == 0 and mono_us() - s.clock.pace.us0 >= MEASURED_US:
        pace_update(&s.clock.pace)
        s.clock.window = <uint64_t>(s.clock.pace.ticks_per_us * WINDOW_US)
