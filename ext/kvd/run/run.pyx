"""Runs calls that have passed the gate: the one place that measures, tracks, monitors and propagates.

dispatch.pyx passes commands of clients; the handlers of EXEC and of scripts theirs; after.pyx blocked
commands.

A call that blocks is neither measured nor propagated: that is done when it is run again and replies, with the
time of both runs.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_printf, buf_release
from kvd.core.clock cimport pace_update, ticks
from kvd.core.view cimport view
from kvd.run.accounts cimport account
from kvd.run.args cimport reply_arity, reply_error
from kvd.run.call cimport (
    F_ADMIN, F_KEEPS_CACHING, F_NESTS, F_READONLY, F_SHOWN_FIRST, F_SKIP_MONITOR, F_SKIP_SLOWLOG, F_WRITE, KEY_NOT_KEY,
    key_at, key_walk, newer_word,
)
from kvd.run.emulation cimport newer_used
from kvd.run.errors cimport SYNTAX
from kvd.run.figures cimport (
    LARGE_REPLY, LARGE_REQUEST, SLOW, figure_call, figure_latency, figure_logged, is_large_reply, may_be_large,
)
from kvd.run.registry cimport keys_next, keys_start, shown_word
from kvd.session.session cimport REPLY_ON, clients_of, in_multi, session
from kvd.session.tracking cimport tracker, tracker_of, tracking_add
from kvd.session.waiters cimport wait_of
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_SLOWLOG_LOG_SLOWER_THAN, cfg
from kvd.store.effects cimport effect_words
from kvd.store.store cimport (
    SPECIAL_ACCOUNTS, SPECIAL_EFFECTS, SPECIAL_EMULATES, SPECIAL_FROM_SOURCE, SPECIAL_IMPORT, SPECIAL_MONITORS, SPECIAL_PAUSED, SPECIAL_REPLICA, SPECIAL_TRACKS,
    store,
)

cdef enum:
    SLOW_TICKS = 1000000       # a call of more ticks (some 400 us) is examined closer
    LONG_US = 1000             # after a longer call the time is read again
    HIDES = SPECIAL_PAUSED | SPECIAL_REPLICA | SPECIAL_IMPORT      # only a write removes what has expired
    AROUND = SPECIAL_EFFECTS | SPECIAL_MONITORS | SPECIAL_TRACKS | SPECIAL_EMULATES | HIDES     # the call needs more work than its handler


# ---- MONITOR ----------------------------------------------------------------------------------------

cdef void quote_byte(buf *line, unsigned char ch) noexcept nogil:
    if ch == c'"' or ch == c'\\':
        buf_add_char(line, c'\\')
        buf_add_char(line, <char>ch)
    elif ch == c'\n':
        buf_printf(line, b"\\n")
    elif ch == c'\r':
        buf_printf(line, b"\\r")
    elif ch == c'\t':
        buf_printf(line, b"\\t")
    elif ch == 7:
        buf_printf(line, b"\\a")
    elif ch == 8:
        buf_printf(line, b"\\b")
    elif 32 <= ch < 127:
        buf_add_char(line, <char>ch)
    else:
        buf_printf(line, b"\\x%02x", ch)


cdef void print_line(call *c, buf *line) noexcept nogil:
    """Time, database, address, quoted arguments without secrets."""
    cdef session *who = c.session
    cdef int64_t us = c.store.now * 1000
    cdef int i
    cdef size_t k
    cdef view word
    buf_printf(line, b"+%lld.%06lld [%d ", <long long>(us // 1000000), <long long>(us % 1000000), who.db)
    if c.from_script:
        buf_printf(line, b"lua")
    else:
        buf_add(line, who.addr.ptr, who.addr.len)
    buf_add_char(line, c']')
    for i in range(c.argc):
        word = shown_word(c.command, c.argv, c.argc, i)
        buf_printf(line, b" \"")
        for k in range(word.len):
            quote_byte(line, <unsigned char>word.ptr[k])
        buf_add_char(line, c'"')
    buf_add(line, b"\r\n", 2)


cdef void show(call *c) noexcept nogil:
    cdef session *m = clients_of(c.store).first
    cdef buf line
    if not c.store.special & SPECIAL_MONITORS:
        return
    memset(&line, 0, sizeof(line))
    print_line(c, &line)
    while m != NULL:
        if m.monitor and not line.failed:
            buf_add(&m.out, line.ptr, line.len)
            if m != c.session and m.wake != NULL:
                m.wake(m)
        m = m.next
    buf_release(&line)


# ---- client-side caching ----------------------------------------------------------------------------

cdef void track_reads(call *c) noexcept nogil:
    """Registers the keys that the session has read, for invalidations."""
    cdef tracker *t = tracker_of(c.session)
    cdef key_walk w
    cdef key_at key
    if c.flags & F_READONLY and not c.flags & F_NESTS and not t.bcast and t.caching == t.optin:
        keys_start(&w, c.command, c.argv, c.argc)
        while keys_next(&w, &key):
            if not key.flags & KEY_NOT_KEY:
                tracking_add(c.session, c.argv[key.at])
    if t.caching and not c.session.executing and not in_multi(c.session) and not c.flags & F_KEEPS_CACHING:
        t.caching = False


# ---- running ----------------------------------------------------------------------------------------

cdef void look_closer(call *c, uint64_t spent) noexcept nogil:
    """The call was slow enough to possibly belong in the slow log."""
    cdef int64_t us
    cdef int64_t threshold = cfg(&c.store.config, OPT_SLOWLOG_LOG_SLOWER_THAN)
    pace_update(&c.store.clock.pace)
    us = <int64_t>(spent / c.store.clock.pace.ticks_per_us)
    if us > LONG_US and not c.session.scripting:      # in a script, time does not advance
        store_time(c.store)
    if threshold >= 0 and us >= threshold and not c.flags & F_SKIP_SLOWLOG:
        figure_logged(c, SLOW, us)
    figure_latency(c.store, b"command", us // 1000)


cdef void look_at_size(call *c) noexcept nogil:
    """The reply is large, or the request is, in which the call may be one of many."""
    cdef size_t size = c.out.len - c.reply_at if c.out.len >= c.reply_at else 0
    if c.flags & F_SKIP_SLOWLOG:
        return
    if c.session.request and may_be_large(c.store, c.session.request) and not c.session.executing:
        figure_logged(c, LARGE_REQUEST, c.session.request)
    if is_large_reply(c.store, size) and c.session.reply == REPLY_ON:
        figure_logged(c, LARGE_REPLY, size)


cdef void measure(call *c, uint64_t spent) noexcept nogil:
    cdef store *s = c.store
    cdef int64_t threshold = cfg(&s.config, OPT_SLOWLOG_LOG_SLOWER_THAN)
    s.stats.commands += 1
    s.stats.spent += spent
    figure_call(s, c.command.id, spent, c.session.failed)
    if spent > SLOW_TICKS or (threshold >= 0 and spent >= threshold * s.clock.pace.ticks_per_us):
        look_closer(c, spent)
    if c.session.request or is_large_reply(s, c.out.len - c.reply_at):
        look_at_size(c)
    if s.special & SPECIAL_ACCOUNTS:
        account(c, spent)


cdef bint refuses_newer(call *c) noexcept nogil:
    """Has the call a token that the emulated server does not know? The error is replied."""
    cdef const newer_word *w = newer_used(c)
    if w == NULL:
        return False
    if w.widens:
        reply_arity(c)
    else:
        reply_error(c, SYNTAX)
    return True


cdef void run_special(call *c) noexcept nogil:
    """The slow path of `run`."""
    cdef store *s = c.store
    cdef bint said = s.effects.said
    cdef bint moved = s.effects.moved
    cdef uint32_t outer = s.special & SPECIAL_FROM_SOURCE      # of a script or transaction
    s.effects.moved = False
    s.effects.said = c.flags & F_NESTS
    s.hides = s.special & HIDES and not c.flags & F_WRITE
    if s.special & SPECIAL_IMPORT and c.session.import_source:
        s.special |= SPECIAL_FROM_SOURCE
    if not s.special & SPECIAL_EMULATES or not refuses_newer(c):
        c.command.run(c)
    s.special = (s.special & ~<uint32_t>SPECIAL_FROM_SOURCE) | outer
    s.hides = False
    if s.special & SPECIAL_EFFECTS and s.effects.moved and not s.effects.said:
        effect_words(&s.effects, c.db.id, c.argv, c.argc)
    s.effects.said = said
    s.effects.moved = moved
    if s.special & SPECIAL_MONITORS and not c.again and not c.flags & (F_ADMIN | F_SKIP_MONITOR | F_SHOWN_FIRST):
        show(c)
    if c.session.special & SPECIAL_TRACKS:
        track_reads(c)


cdef void run(call *c) noexcept nogil:
    cdef uint64_t begun = ticks()
    c.session.failed = False
    if (c.store.special | c.session.special) & AROUND:
        run_special(c)
    else:
        c.command.run(c)
    if c.waits:
        wait_of(c.session).spent += ticks() - begun
    else:
        measure(c, ticks() - begun + (wait_of(c.session).spent if c.again else 0))


cdef void run_quietly(call *c) noexcept nogil:
    c.session.failed = False
    c.command.run(c)


cdef void run_ended(call *c, uint64_t spent, bint failed) noexcept nogil:
    c.session.failed = failed
    measure(c, spent)
