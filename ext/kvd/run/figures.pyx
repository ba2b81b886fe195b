"""Statistics of commands.

Time is counted in ticks and converted when it is shown, so that a call costs one reading of the
counter and a few additions. A latency histogram has 16 buckets to an octave and is made when a command
is first called. Command logs and latency events copy what they keep.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset, strcmp, strlen

from kvd.run.registry cimport shown_word
from kvd.session.session cimport session
from kvd.store.config cimport (
    OPT_COMMANDLOG_LARGE_REPLY_MAX_LEN, OPT_COMMANDLOG_LARGE_REQUEST_MAX_LEN, OPT_LATENCY_MONITOR_THRESHOLD, OPT_LATENCY_TRACKING,
    OPT_SLOWLOG_ENTRY_MAX_ARGC, OPT_SLOWLOG_ENTRY_MAX_STRING_LEN, OPT_SLOWLOG_MAX_LEN, cfg,
)
from kvd.store.store cimport stats

cdef enum:
    NOTE = 64                  # bytes for a remark of what is left out

cdef extern from * nogil:
    """
    static inline int kvd_top_bit(uint64_t v) { return 63 - __builtin_clzll(v | 1); }
    """
    int top_bit "kvd_top_bit" (uint64_t v) noexcept


cdef bint figures_init(store *s) noexcept nogil:
    s.parts[<int>PART_FIGURES] = calloc(1, sizeof(figures))
    return figures_of(s) != NULL


cdef void figures_release(store *s) noexcept nogil:
    cdef int i
    if figures_of(s) == NULL:
        return
    for i in range(COMMAND_LOGS):
        command_log_clear(s, i)
    for i in range(MAX_COMMANDS):
        free(figures_of(s).commands[i].histogram)
    free(figures_of(s))
    s.parts[<int>PART_FIGURES] = NULL


cdef void figures_reset(store *s) noexcept nogil:
    cdef figures *f = figures_of(s)
    cdef int i
    for i in range(MAX_COMMANDS):
        free(f.commands[i].histogram)
    memset(f.commands, 0, sizeof(f.commands))
    f.error_kinds = 0
    memset(&s.stats, 0, sizeof(stats))
    s.mem.peak = s.mem.used
    s.stats_reset_ms = s.now


cdef int bucket_of(uint64_t ticks) noexcept nogil:
    cdef int octave = top_bit(ticks)
    cdef int sub
    if octave < 4:
        return <int>ticks
    sub = <int>((ticks >> (octave - 4)) & (SUBDIVISIONS - 1))
    octave -= 3
    if octave >= OCTAVES:
        return OCTAVES * SUBDIVISIONS - 1
    return octave * SUBDIVISIONS + sub


cdef uint64_t bucket_top(int bucket) noexcept nogil:
    cdef int octave = bucket // SUBDIVISIONS
    cdef uint64_t sub = bucket % SUBDIVISIONS
    if octave == 0:
        return sub
    return ((SUBDIVISIONS + sub + 1) << (octave - 1)) - 1


cdef void add(store *s, command_figures *f, uint64_t ticks, uint64_t calls) noexcept nogil:
    """Adds n calls of that time each."""
    f.ticks += ticks * calls
    if cfg(&s.config, OPT_LATENCY_TRACKING):
        if f.histogram == NULL:
            f.histogram = <uint32_t *>calloc(OCTAVES * SUBDIVISIONS, sizeof(uint32_t))
            if f.histogram == NULL:
                return
        f.histogram[bucket_of(ticks)] += <uint32_t>calls


cdef void figure_call(store *s, int command, uint64_t ticks, bint failed) noexcept nogil:
    cdef command_figures *f = &figures_of(s).commands[command]
    f.calls += 1
    f.failed += failed
    add(s, f, ticks, 1 + f.unmeasured)
    f.unmeasured = 0


cdef void figures_settle(store *s, int command) noexcept nogil:
    cdef command_figures *f = &figures_of(s).commands[command]
    if f.unmeasured:
        add(s, f, f.ticks // (f.calls - f.unmeasured), f.unmeasured)
        f.unmeasured = 0


cdef void figure_error(store *s, view text) noexcept nogil:
    cdef figures *f = figures_of(s)
    cdef char name[ERROR_NAME]
    cdef int i = 0
    s.stats.errors += 1
    while i < ERROR_NAME - 1 and <size_t>i < text.len and text.ptr[i] != c' ':
        name[i] = text.ptr[i]
        i += 1
    name[i] = 0
    for i in range(f.error_kinds):
        if strcmp(f.errors[i].name, name) == 0:
            f.errors[i].count += 1
            return
    if f.error_kinds < ERROR_KINDS:
        strcpy_in(f.errors[f.error_kinds].name, ERROR_NAME, name)
        f.errors[f.error_kinds].count = 1
        f.error_kinds += 1


cdef void strcpy_in(char *out, size_t room, const char *text) noexcept nogil:
    cdef size_t n = min(strlen(text), room - 1)
    memcpy(out, text, n)
    out[n] = 0


cdef void free_logged(log_entry *e) noexcept nogil:
    free(e.argv)
    free(e)


cdef void command_log_clear(store *s, int kind) noexcept nogil:
    trim_log(&figures_of(s).logs[kind], 0)


cdef void trim_log(command_log *log, int64_t keep) noexcept nogil:
    cdef log_entry **link = &log.first
    cdef log_entry *e
    cdef int64_t n = 0
    while link[0] != NULL and n < keep:
        link = &link[0].next
        n += 1
    while link[0] != NULL:
        e = link[0]
        link[0] = e.next
        free_logged(e)
    log.count = n


cdef void copy_words(log_entry *e, call *c) noexcept nogil:
    """Copies as many arguments, and as many bytes of each, as the options allow; notes how many are left out."""
    cdef int n = <int>min(<int64_t>c.argc, cfg(&c.store.config, OPT_SLOWLOG_ENTRY_MAX_ARGC))
    cdef size_t most = <size_t>cfg(&c.store.config, OPT_SLOWLOG_ENTRY_MAX_STRING_LEN)
    cdef size_t total = 0
    cdef size_t kept
    cdef int i
    cdef char *p
    cdef view word
    e.words = c.argc
    for i in range(n):
        word = shown_word(c.command, c.argv, c.argc, i)
        total += min(word.len, most) + NOTE
    e.argv = <view *>malloc(n * sizeof(view) + total)
    e.argc = n if e.argv != NULL else 0
    p = <char *>e.argv + n * sizeof(view)
    for i in range(e.argc):
        word = shown_word(c.command, c.argv, c.argc, i)
        e.argv[i].ptr = p
        if c.argc > n and i == n - 1:
            p += snprintf(p, NOTE, b"... (%d more arguments)", c.argc - n + 1)
        else:
            kept = min(word.len, most)
            memcpy(p, word.ptr, kept)
            p += kept
            if word.len > kept:
                p += snprintf(p, NOTE, b"... (%zu more bytes)", word.len - kept)
        e.argv[i].len = p - e.argv[i].ptr


cdef int64_t most_entries(store *s, int kind) noexcept nogil:
    if kind == SLOW:
        return cfg(&s.config, OPT_SLOWLOG_MAX_LEN)
    return cfg(&s.config, OPT_COMMANDLOG_LARGE_REQUEST_MAX_LEN if kind == LARGE_REQUEST else OPT_COMMANDLOG_LARGE_REPLY_MAX_LEN)


cdef void figure_logged(call *c, int kind, int64_t amount) noexcept nogil:
    cdef command_log *log = &figures_of(c.store).logs[kind]
    cdef session *who = c.session
    cdef int64_t most = most_entries(c.store, kind)
    cdef log_entry *e
    cdef size_t n
    if most == 0:                  # the log is off, and keeps what it has
        return
    e = <log_entry *>calloc(1, sizeof(log_entry))
    if e == NULL:
        return
    e.id = log.next_id
    log.next_id += 1
    e.time_s = c.store.now // 1000
    e.amount = amount
    n = min(who.addr.len, <size_t>63)
    memcpy(e.addr, who.addr.ptr, n)
    n = min(who.name.len, <size_t>63)
    memcpy(e.name, who.name.ptr, n)
    copy_words(e, c)
    e.next = log.first
    log.first = e
    log.count += 1
    trim_log(log, most)


cdef size_t request_size(view *argv, int argc) noexcept nogil:
    cdef size_t size = header_size(argc)
    cdef int i
    for i in range(argc):
        size += header_size(argv[i].len) + argv[i].len + 2
    return size


cdef void weigh(session *who, view *argv, int argc) noexcept nogil:
    cdef size_t size = request_size(argv, argc)
    who.request = size if may_be_large(who.store, size) else 0


cdef void figure_latency(store *s, const char *event, int64_t ms) noexcept nogil:
    cdef figures *f = figures_of(s)
    cdef latency_event *e
    cdef latency_sample *last
    cdef int i = 0
    cdef int64_t threshold = cfg(&s.config, OPT_LATENCY_MONITOR_THRESHOLD)
    if threshold == 0 or ms < threshold:
        return
    while i < f.latency_kinds and strcmp(f.latency[i].name, event) != 0:
        i += 1
    if i == LATENCY_EVENTS:
        return
    e = &f.latency[i]
    if i == f.latency_kinds:
        memset(e, 0, sizeof(latency_event))
        strcpy_in(e.name, sizeof(e.name), event)
        f.latency_kinds += 1
    e.worst = max(e.worst, ms)
    last = &e.samples[(e.next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES]
    if e.count and last.time_s == s.now // 1000:
        last.ms = max(last.ms, ms)
        return
    e.samples[e.next].time_s = s.now // 1000
    e.samples[e.next].ms = ms
    e.next = (e.next + 1) % LATENCY_SAMPLES
    e.count = min(e.count + 1, LATENCY_SAMPLES)
