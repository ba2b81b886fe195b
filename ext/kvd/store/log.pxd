"""The server's log, in Redis's line format. See log.pyx."""

from kvd.store.store cimport store

cdef enum log_level:
    LOG_DEBUG
    LOG_VERBOSE
    LOG_NOTICE
    LOG_WARNING
    LOG_NOTHING

cdef void log_line(store *s, int level, const char *text) noexcept nogil      # to store.on_log, if it is set
cdef void log_to_configured(store *s, int level, const char *text) noexcept nogil   # an on_log: logfile or stdout, and syslog
