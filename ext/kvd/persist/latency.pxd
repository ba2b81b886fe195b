"""Latency events of persistence: how long a call of the system has kept other clients waiting, by Redis's names."""

from libc.stdint cimport int64_t

from kvd.core.clock cimport mono_us
from kvd.run.figures cimport figure_latency
from kvd.store.config cimport OPT_LATENCY_MONITOR_THRESHOLD, cfg
from kvd.store.store cimport store


cdef inline int64_t latency_begin(store *s) noexcept nogil:
    """0: events are not recorded."""
    return mono_us() if cfg(&s.config, OPT_LATENCY_MONITOR_THRESHOLD) else 0


cdef inline int64_t latency_ms(int64_t begun) noexcept nogil:
    return (mono_us() - begun) // 1000 if begun else 0


cdef inline void latency_note(store *s, const char *event, int64_t ms) noexcept nogil:
    """Under the lock. Below the threshold it is not recorded."""
    if ms:
        figure_latency(s, event, ms)
