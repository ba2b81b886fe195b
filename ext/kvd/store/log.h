/* The time of a log line, and syslog. */

#ifndef KVD_STORE_LOG_H
#define KVD_STORE_LOG_H

#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static void kvd_log_time(char *out, size_t n, long long us) {
    time_t t = (time_t)(us / 1000000);
    struct tm parts;
    size_t at;
    localtime_r(&t, &parts);
    at = strftime(out, n, "%d %b %Y %H:%M:%S.", &parts);
    snprintf(out + at, n - at, "%03d", (int)(us / 1000 % 1000));
}

static void kvd_syslog(const char *ident, int facility, int level, const char *text) {
    static const int levels[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    openlog(ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility == 0 ? LOG_USER : LOG_LOCAL0 + ((facility - 1) << 3));
    syslog(levels[level], "%s", text);
}

#endif
