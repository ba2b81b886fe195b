"""SLOWLOG, COMMANDLOG, LATENCY and MONITOR: records of run/figures.pyx, and the stream of commands."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.core.clock cimport pace_update
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_header_at, write_verbatim
from kvd.run.args cimport (
    reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_map, reply_ok, reply_text,
)
from kvd.run.call cimport call, command
from kvd.run.figures cimport (
    LARGE_REPLY, LARGE_REQUEST, LATENCY_SAMPLES, OCTAVES, SLOW, SUBDIVISIONS, bucket_top, command_figures,
    command_log_clear, figures, figures_of, latency_event, latency_sample, log_entry,
)
from kvd.run.registry cimport command_at, command_count, define
from kvd.run.renames cimport called_named
from kvd.session.session cimport clients_of
from kvd.store.config cimport OPT_LATENCY_MONITOR_THRESHOLD, cfg
from kvd.store.store cimport SPECIAL_MONITORS, special_set


# ---- SLOWLOG and COMMANDLOG ----------------------------------------------------------------------------

cdef void reply_logged(call *c, const log_entry *e, bint whole) noexcept nogil:
    """whole: with the number of words that the command had, as Redis 8.8's SLOWLOG."""
    cdef int i
    reply_array(c, 7 if whole else 6)
    reply_int(c, e.id)
    reply_int(c, e.time_s)
    reply_int(c, e.amount)
    reply_array(c, e.argc)
    for i in range(e.argc):
        reply_bulk(c, e.argv[i])
    reply_text(c, e.addr)
    reply_text(c, e.name)
    if whole:
        reply_int(c, e.words)


cdef void reply_log(call *c, int kind, view number) noexcept nogil:
    """The newest entries: `number` of them, or all for -1."""
    cdef log_entry *e = figures_of(c.store).logs[kind].first
    cdef int64_t count
    cdef int64_t n = 0
    cdef size_t at = c.out.len
    if not parse_int(number, &count) or count < -1:
        reply_error(c, b"ERR count should be greater than or equal to -1")
        return
    while e != NULL and (count == -1 or n < count):
        reply_logged(c, e, kind == SLOW)
        n += 1
        e = e.next
    write_header_at(c.out, at, c'*', n)


define(slowlog_get, """
    SLOWLOG|GET [count]
    admin loading stale | server | 2.2.12 | O(N) where N is the number of entries
    Return the latest entries of the slow log, by default ten; -1 for all.
    tips: request_policy:all_nodes nondeterministic_output
""")
cdef void slowlog_get(call *c) noexcept nogil:
    reply_log(c, SLOW, c.argv[2] if c.argc == 3 else view_of(b"10", 2))


define(slowlog_len, """
    SLOWLOG|LEN
    admin loading stale | server | 2.2.12 | O(1)
    Return the number of entries in the slow log.
    tips: request_policy:all_nodes response_policy:agg_sum nondeterministic_output
""")
cdef void slowlog_len(call *c) noexcept nogil:
    reply_int(c, figures_of(c.store).logs[<int>SLOW].count)


define(slowlog_reset, """
    SLOWLOG|RESET
    admin loading stale | server | 2.2.12 | O(N) where N is the number of entries
    Remove all entries of the slow log.
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void slowlog_reset(call *c) noexcept nogil:
    command_log_clear(c.store, SLOW)
    reply_ok(c)


cdef int read_log_kind(call *c, view word) noexcept nogil:
    """A command_log_kind; -1: none, and the error is replied."""
    if view_is(word, b"slow"):
        return SLOW
    if view_is(word, b"large-request"):
        return LARGE_REQUEST
    if view_is(word, b"large-reply"):
        return LARGE_REPLY
    reply_error(c, b"ERR type should be one of the following: slow, large-request, large-reply")
    return -1


define(commandlog_get, """
    COMMANDLOG|GET count <SLOW | LARGE-REQUEST | LARGE-REPLY>
    admin loading stale | server | 8.1.0 | O(N) where N is the number of entries
    Return the latest entries of the log of slow commands, or of commands with large requests or replies; -1 for all.
    valkey: only
    tips: request_policy:all_nodes nondeterministic_output
""")
cdef void commandlog_get(call *c) noexcept nogil:
    cdef int kind = read_log_kind(c, c.argv[3])
    if kind >= 0:
        reply_log(c, kind, c.argv[2])


define(commandlog_len, """
    COMMANDLOG|LEN <SLOW | LARGE-REQUEST | LARGE-REPLY>
    admin loading stale | server | 8.1.0 | O(1)
    Return the number of entries in a command log.
    valkey: only
    tips: request_policy:all_nodes response_policy:agg_sum nondeterministic_output
""")
cdef void commandlog_len(call *c) noexcept nogil:
    cdef int kind = read_log_kind(c, c.argv[2])
    if kind >= 0:
        reply_int(c, figures_of(c.store).logs[kind].count)


define(commandlog_reset, """
    COMMANDLOG|RESET <SLOW | LARGE-REQUEST | LARGE-REPLY>
    admin loading stale | server | 8.1.0 | O(N) where N is the number of entries
    Remove all entries of a command log.
    valkey: only
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void commandlog_reset(call *c) noexcept nogil:
    cdef int kind = read_log_kind(c, c.argv[2])
    if kind >= 0:
        command_log_clear(c.store, kind)
        reply_ok(c)


# ---- LATENCY ----------------------------------------------------------------------------------------

cdef latency_event *event_named(call *c, view name) noexcept nogil:
    cdef figures *f = figures_of(c.store)
    cdef int i
    for i in range(f.latency_kinds):
        if view_is(name, f.latency[i].name):
            return &f.latency[i]
    return NULL


cdef latency_sample *sample_at(latency_event *e, int i) noexcept nogil:
    """The i-th of the kept samples, oldest first."""
    return &e.samples[(e.next + LATENCY_SAMPLES - e.count + i) % LATENCY_SAMPLES]


define(latency_latest, """
    LATENCY|LATEST
    admin noscript loading stale | server | 2.8.13 | O(1)
    Return the latest and the worst sample of each event.
    tips: nondeterministic_output request_policy:all_nodes response_policy:special
""")
cdef void latency_latest(call *c) noexcept nogil:
    cdef figures *f = figures_of(c.store)
    cdef latency_event *e
    cdef int i
    reply_array(c, f.latency_kinds)
    for i in range(f.latency_kinds):
        e = &f.latency[i]
        reply_array(c, 4)
        reply_text(c, e.name)
        reply_int(c, sample_at(e, e.count - 1).time_s)
        reply_int(c, sample_at(e, e.count - 1).ms)
        reply_int(c, e.worst)


define(latency_history, """
    LATENCY|HISTORY event
    admin noscript loading stale | server | 2.8.13 | O(1)
    Return the kept samples of an event.
    tips: nondeterministic_output request_policy:all_nodes response_policy:special
""")
cdef void latency_history(call *c) noexcept nogil:
    cdef latency_event *e = event_named(c, c.argv[2])
    cdef int i
    reply_array(c, e.count if e != NULL else 0)
    if e != NULL:
        for i in range(e.count):
            reply_array(c, 2)
            reply_int(c, sample_at(e, i).time_s)
            reply_int(c, sample_at(e, i).ms)


define(latency_reset, """
    LATENCY|RESET [event [event ...]]
    admin noscript loading stale | server | 2.8.13 | O(1)
    Remove the samples of some events, or of all.
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void latency_reset(call *c) noexcept nogil:
    cdef figures *f = figures_of(c.store)
    cdef latency_event *e
    cdef int64_t n = 0
    cdef int i
    if c.argc == 2:
        n = f.latency_kinds
        f.latency_kinds = 0
    for i in range(2, c.argc):
        e = event_named(c, c.argv[i])
        if e != NULL:
            f.latency_kinds -= 1
            e[0] = f.latency[f.latency_kinds]
            n += 1
    reply_int(c, n)


define(latency_graph, """
    LATENCY|GRAPH event
    admin noscript loading stale | server | 2.8.13 | O(1)
    Return an ASCII graph of the samples of an event.
    tips: nondeterministic_output request_policy:all_nodes response_policy:special
""")
cdef void latency_graph(call *c) noexcept nogil:
    cdef latency_event *e = event_named(c, c.argv[2])
    cdef buf text
    cdef int row, i, height
    if e == NULL:
        reply_error_about(c, b"ERR No samples available for event '%.*s'", c.argv[2])
        return
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"%s - worst %lld ms\n", e.name, <long long>e.worst)
    for row in range(4, 0, -1):
        for i in range(e.count):
            height = <int>(sample_at(e, i).ms * 4 // e.worst) if e.worst else 0
            buf_add_char(&text, c'#' if height >= row else c'_' if row == 1 else c' ')
        buf_add_char(&text, c'\n')
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


define(latency_doctor, """
    LATENCY|DOCTOR
    admin noscript loading stale | server | 2.8.13 | O(1)
    Return a report about latency problems.
    tips: nondeterministic_output request_policy:all_nodes response_policy:special
""")
cdef void latency_doctor(call *c) noexcept nogil:
    cdef figures *f = figures_of(c.store)
    cdef buf text
    cdef int i
    memset(&text, 0, sizeof(text))
    if cfg(&c.store.config, OPT_LATENCY_MONITOR_THRESHOLD) == 0:
        buf_printf(&text, b"Latency monitoring is disabled. Enable it with CONFIG SET latency-monitor-threshold <milliseconds>.\n")
    elif f.latency_kinds == 0:
        buf_printf(&text, b"No latency above the threshold was recorded.\n")
    for i in range(f.latency_kinds):
        buf_printf(&text, b"%d. %s: %d samples, worst %lld ms.", i + 1, f.latency[i].name, f.latency[i].count,
                   <long long>f.latency[i].worst)
        buf_printf(&text, b" SLOWLOG GET lists the slowest commands.\n")
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


cdef void reply_histogram(call *c, const command *d) noexcept nogil:
    """Cumulative counts at powers of two of microseconds, without those equal to the previous one."""
    cdef command_figures *f = &figures_of(c.store).commands[d.id]
    cdef uint64_t seen = 0
    cdef int64_t bound = 1
    cdef int64_t n = 0
    cdef int i
    cdef size_t at
    cdef double us
    reply_text(c, d.name)
    reply_map(c, 2)
    reply_text(c, b"calls")
    reply_int(c, f.calls)
    reply_text(c, b"histogram_usec")
    at = c.out.len
    for i in range(OCTAVES * SUBDIVISIONS):
        if f.histogram[i] == 0:
            continue
        us = bucket_top(i) / c.store.clock.pace.ticks_per_us
        if us > bound and seen:
            reply_int(c, bound)
            reply_int(c, seen)
            n += 1
        while us > bound:
            bound *= 2
        seen += f.histogram[i]
    if seen:
        reply_int(c, bound)
        reply_int(c, seen)
        n += 1
    write_header_at(c.out, at, c'%' if c.proto >= 3 else c'*', n if c.proto >= 3 else n * 2)


define(latency_histogram, """
    LATENCY|HISTOGRAM [command [command ...]]
    admin noscript loading stale | server | 7.0.0 | O(N) where N is the number of commands
    Return histograms of the execution time of commands.
    tips: nondeterministic_output request_policy:all_nodes response_policy:special
""")
cdef void latency_histogram(call *c) noexcept nogil:
    cdef int i
    cdef int64_t n = 0
    cdef size_t at = c.out.len
    cdef const command *d
    pace_update(&c.store.clock.pace)
    for i in range(command_count()):
        d = command_at(i)
        if figures_of(c.store).commands[i].histogram != NULL and (c.argc == 2 or named(c, d)):
            reply_histogram(c, d)
            n += 1
    write_header_at(c.out, at, c'%' if c.proto >= 3 else c'*', n if c.proto >= 3 else n * 2)


cdef bint named(call *c, const command *d) noexcept nogil:
    """Is d, or its container, among the arguments?"""
    cdef int i
    cdef const command *wanted
    for i in range(2, c.argc):
        wanted = called_named(c.store, c.argv[i])
        if wanted == d or (wanted != NULL and d.container == wanted):
            return True
    return False


define(monitor_command, """
    MONITOR
    admin noscript loading stale | server | 1.0.0 | O(1)
    Stream all commands that the server processes.
""")
cdef void monitor_command(call *c) noexcept nogil:
    if c.session.executing:
        reply_error(c, b"ERR MONITOR isn't allowed for DENY BLOCKING client")
        return
    if c.session.in_process and c.session.wake == NULL:
        reply_error(c, b"ERR MONITOR needs a connection")
        return
    if not c.session.monitor:
        c.session.monitor = True
        clients_of(c.store).monitors += 1
        special_set(&c.store.special, SPECIAL_MONITORS, True)
    reply_ok(c)
