"""Time, four ways: wall milliseconds (deadlines), monotonic microseconds (waiting), coarse ones (a first look), ticks (measuring).

The coarse clock costs 5 ns where the exact one costs 24, and lags by at most a jiffy. Ticks are the processor's own
counter where there is one: a third of the price of clock_gettime, and read twice for every command. Their rate is not
known here: a `pace` keeps two readings of both clocks and converts when INFO or SLOWLOG needs microseconds.
"""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "kvd/core/clock.h" nogil:
    int64_t wall_us "kvd_wall_us" () noexcept   # microseconds since 1970
    int64_t mono_us "kvd_mono_us" () noexcept   # microseconds, never goes back
    int64_t coarse_us "kvd_coarse_us" () noexcept   # as mono_us, up to COARSE_LAG behind it
    const int64_t COARSE_LAG "KVD_COARSE_LAG"   # microseconds
    uint64_t ticks "kvd_ticks" () noexcept      # unknown but steady rate


cdef extern from "<stdint.h>" nogil:
    int64_t NEVER "INT64_MAX"                   # a time later than any deadline


cdef struct pace:
    uint64_t tick0
    int64_t us0
    double ticks_per_us


cdef inline int64_t wall_ms() noexcept nogil:
    return wall_us() // 1000


cdef inline void pace_start(pace *p) noexcept nogil:
    p.tick0 = ticks()
    p.us0 = mono_us()
    p.ticks_per_us = 2000.0   # a guess for the first millisecond


cdef inline void pace_update(pace *p) noexcept nogil:
    """Measure the rate again over all time since pace_start; to be called regularly."""
    cdef int64_t us = mono_us() - p.us0
    if us >= 1000:
        p.ticks_per_us = <double>(ticks() - p.tick0) / <double>us


cdef inline double pace_us(pace *p, uint64_t n) noexcept nogil:
    """n ticks as microseconds."""
    return <double>n / p.ticks_per_us
