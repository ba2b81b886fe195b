/* The parts of a log line, and syslog. */

#ifndef KVD_STORE_LOG_H
#define KVD_STORE_LOG_H

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* format: 0 as Redis, 1 ISO 8601 with the offset from UTC, 2 Unix milliseconds; the choices of log-timestamp-format */
static void kvd_log_time(char *out, size_t n, long long us, int format) {
    time_t t = (time_t)(us / 1000000);
    int ms = (int)(us / 1000 % 1000);
    struct tm parts;
    long minutes;
    size_t at;
    if (format == 2) {
        snprintf(out, n, "%lld", us / 1000);
        return;
    }
    localtime_r(&t, &parts);
    at = strftime(out, n, format ? "%Y-%m-%dT%H:%M:%S." : "%d %b %Y %H:%M:%S.", &parts);
    at += snprintf(out + at, n - at, "%03d", ms);
    if (format) {
        minutes = labs(parts.tm_gmtoff) / 60;
        snprintf(out + at, n - at, "%c%02ld:%02ld", parts.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
    }
}

/* A text between quotation marks, as Valkey writes it: those in it become apostrophes, line breaks blanks. */
static void kvd_logfmt_text(FILE *f, const char *text) {
    for (; *text; text++)
        fputc(*text == '"' ? '\'' : *text == '\n' || *text == '\r' ? ' ' : *text, f);
}

static void kvd_syslog(const char *ident, int facility, int level, const char *text) {
    static const int levels[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    openlog(ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility == 0 ? LOG_USER : LOG_LOCAL0 + ((facility - 1) << 3));
    syslog(levels[level], "%s", text);
}

#endif
