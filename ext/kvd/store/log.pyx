"""The server's log.

    12345:M 23 Nov 2026 21:04:05.678 * Ready to accept connections tcp

Process id, role, local time, a mark for the level (. - * #), text. Tools wait for certain lines, so the
format is Redis's. Options give the time in other forms, and lines in logfmt, both as Valkey writes them:

    pid=12345 role=primary timestamp="23 Nov 2026 21:04:05.678" level=notice message="Ready to accept connections tcp"

A library must not write to standard output: nothing is logged until
`store.on_log` is set, as `kvd serve` does.
"""

from libc.stdio cimport FILE, fclose, fflush, fopen, fprintf, stdout

from kvd.core.clock cimport wall_us
from kvd.store.config cimport (
    OPT_LOGFILE, OPT_LOGLEVEL, OPT_LOG_FORMAT, OPT_LOG_TIMESTAMP_FORMAT, OPT_SYSLOG_ENABLED, OPT_SYSLOG_FACILITY, OPT_SYSLOG_IDENT, cfg, config_text,
)
from kvd.store.store cimport SPECIAL_REPLICA

cdef extern from "kvd/store/log.h" nogil:
    void log_time "kvd_log_time" (char *out, size_t n, long long us, int format) noexcept
    void logfmt_text "kvd_logfmt_text" (FILE *f, const char *text) noexcept
    void to_syslog "kvd_syslog" (const char *ident, int facility, int level, const char *text) noexcept
    int getpid()


cdef const char *LEVELS[4]
LEVELS[:] = [b"debug", b"verbose", b"notice", b"warning"]


cdef void log_line(store *s, int level, const char *text) noexcept nogil:
    if s.on_log != NULL and level >= cfg(&s.config, OPT_LOGLEVEL):
        s.on_log(s, level, text)


cdef void log_to_configured(store *s, int level, const char *text) noexcept nogil:
    cdef char when[64]
    cdef const char *path = config_text(&s.config, OPT_LOGFILE)
    cdef FILE *f = stdout
    if level < cfg(&s.config, OPT_LOGLEVEL):
        return
    if path[0]:
        f = fopen(path, b"a")
        if f == NULL:
            return
    log_time(when, sizeof(when), wall_us(), <int>cfg(&s.config, OPT_LOG_TIMESTAMP_FORMAT))
    if cfg(&s.config, OPT_LOG_FORMAT):
        fprintf(f, b"pid=%d role=%s timestamp=\"%s\" level=%s message=\"", getpid(),
                <const char *>b"replica" if s.special & SPECIAL_REPLICA else <const char *>b"primary", when, LEVELS[level])
        logfmt_text(f, text)
        fprintf(f, b"\"\n")
    else:
        fprintf(f, b"%d:%c %s %c %s\n", getpid(), c'S' if s.special & SPECIAL_REPLICA else c'M', when, (<const char *>b".-*#")[level], text)
    if path[0]:
        fclose(f)
    else:
        fflush(f)
    if cfg(&s.config, OPT_SYSLOG_ENABLED):
        to_syslog(config_text(&s.config, OPT_SYSLOG_IDENT), <int>cfg(&s.config, OPT_SYSLOG_FACILITY), level, text)
