"""The stream of a master: received, run, relayed to replicas of this one, acknowledged.

A unit (a command, or all of MULTI ... EXEC) is run when it has arrived whole, not while a script has lent the lock, and what was run is
relayed as it came, under the same hold of the lock: so the offset always says exactly what the data holds. After a lost connection the stream goes on behind
the last unit that was run; half a transaction is received again.

No deadline passes while the stream is applied (expiry_now): what expires is a deletion in it.
"""


from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport strlen

from kvd.core.buf cimport buf_add, buf_printf
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view, view_is, view_of, view_str
from kvd.persist.journal cimport journal_flush, journal_of
from kvd.persist.replay cimport replay_at, replay_drop, replay_init, replay_release, replay_unit, replayed, replaying
from kvd.replica.handshake cimport lock_between_commands, make_printable, tell
from kvd.replica.replication cimport LINK_CONNECTED, stream_relay
from kvd.replica.wire cimport ECANCELED, wire_data, wire_fill, wire_send
from kvd.resp.parser cimport PARSE_COMMAND, PARSE_ERROR
from kvd.run.after cimport after
from kvd.run.call cimport F_ADMIN, arity_fits, call, call_init, command
from kvd.run.registry cimport command_of
from kvd.run.run cimport run
from kvd.session.session cimport clients_of, session
from kvd.store.clock cimport store_time
from kvd.store.effects cimport unit_close, unit_open
from kvd.store.lock cimport guard_yield
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport (
    SPECIAL_APPLYING, SPECIAL_CLOSED, SPECIAL_STALE, special_set, store, store_lock, store_unlock,
)

cdef enum:
    SLICE = 256                # units run under the lock at once
    ACK_MS = 1000


# ---- commands ----------------------------------------------------------------------------------------

cdef void tell_failure(store *s, const char *what, view name, view why) noexcept nogil:
    cdef char text[400]
    snprintf(text, sizeof(text), b"== CRITICAL == %s '%.*s': %.*s", what, <int>min(name.len, <size_t>64), name.ptr, <int>min(why.len, <size_t>200), why.ptr)
    make_printable(text)
    log_line(s, LOG_WARNING, text)


cdef bint run_streamed(replaying *y) noexcept nogil:
    """Whatever it replies, the stream goes on: the master has done it."""
    cdef call c
    cdef const command *container
    cdef session *outer = clients_of(y.s).running
    call_init(&c, y.c)
    c.argv = y.p.argv
    c.argc = y.p.argc
    c.command = command_of(c.argv, c.argc, &container)
    if c.command == NULL or not arity_fits(c.command, c.argc) or (c.command.flags & F_ADMIN and not view_is(c.argv[0], b"replconf")):
        tell_failure(y.s, b"The master has sent a command that this replica does not run", c.argv[0], view_of(NULL, 0))
        return True
    c.flags = c.command.flags
    if c.command.narrow != NULL:
        c.flags = c.command.narrow(&c)
    clients_of(y.s).running = y.c
    y.c.executing = True               # it must not wait for a key
    run(&c)
    y.c.executing = False
    clients_of(y.s).running = outer
    if y.c.out.len and y.c.out.ptr[0] == c'-':
        tell_failure(y.s, b"This replica cannot do what its master has done: the command", c.argv[0], view_of(y.c.out.ptr, y.c.out.len))
    y.c.out.len = 0
    y.result.commands += 1
    return True


cdef int apply_slice(attempt *a, replaying *y) noexcept nogil:
    """Under the lock. The last PARSE_ result."""
    cdef store *s = a.s
    cdef size_t begin = replay_at(y)
    cdef size_t end = begin
    cdef int state = PARSE_COMMAND
    cdef int _
    store_time(s)
    special_set(&s.special, SPECIAL_APPLYING, True)
    for _ in range(SLICE):
        unit_open(&s.effects)
        state = replay_unit(y)
        unit_close(&s.effects)
        if state != PARSE_COMMAND:
            break
        end = y.p.used
    stream_relay(a.r, view_of(y.data.ptr + begin, end - begin))
    special_set(&s.special, SPECIAL_APPLYING, False)
    after(s)
    return state


cdef bint apply_all(attempt *a, replaying *y) noexcept nogil:
    """What has arrived whole. False: the link is to end."""
    cdef store *s = a.s
    cdef int state = PARSE_COMMAND
    while state == PARSE_COMMAND:
        lock_between_commands(a)
        if a.r.up.changed or y.c.killed:
            store_unlock(s)
            return False
        state = apply_slice(a, y)
        store_unlock(s)
        if s.unwritten:
            journal_flush(s, False)
        guard_yield(&s.guard)
    if state == PARSE_ERROR:
        tell(a, LOG_WARNING, b"Protocol error from the master: %.*s", view_str(y.result.error))
        store_lock(s)
        a.r.up.mistrusted = a.r.up.mistrusted or y.result.malformed        # bytes are missing, or the offset is not the master's
        store_unlock(s)
        return False
    replay_drop(y)
    a.r.up.retries = 0
    return True


# ---- acknowledgements --------------------------------------------------------------------------------

cdef bint acknowledge(attempt *a) noexcept nogil:
    cdef char text[160]
    cdef char offset[32]
    cdef char synced[32]
    cdef bint logs
    store_lock(a.s)
    if a.r.up.changed:                 # the offset may be that of another history by now
        store_unlock(a.s)
        return False
    logs = journal_of(a.s) != NULL
    if logs and journal_of(a.s).synced == journal_of(a.s).written and journal_of(a.s).pending.len == 0:
        a.r.up.synced = a.r.stream.offset
    snprintf(offset, sizeof(offset), b"%lld", <long long>a.r.stream.offset)
    snprintf(synced, sizeof(synced), b"%lld", <long long>a.r.up.synced)
    a.r.up.acks = False
    store_unlock(a.s)
    if logs:
        snprintf(text, sizeof(text), b"*5\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%zu\r\n%s\r\n$4\r\nFACK\r\n$%zu\r\n%s\r\n", strlen(offset), offset, strlen(synced), synced)
    else:
        snprintf(text, sizeof(text), b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%zu\r\n%s\r\n", strlen(offset), offset)
    return wire_send(&a.w, text, strlen(text))


# ---- the stream --------------------------------------------------------------------------------------

cdef bint take_received(attempt *a, replaying *y, int64_t now) noexcept nogil:
    cdef view have = wire_data(&a.w)
    if have.len == 0:
        return True
    buf_add(&y.data, have.ptr, have.len)
    a.w.at += have.len
    a.r.up.heard_ms = now
    a.s.stats.replicated_in += have.len
    a.r.up.received = a.r.stream.offset + y.data.len
    return not y.data.failed and apply_all(a, y)


cdef void follow(attempt *a, replaying *y) noexcept nogil:
    cdef int64_t next_ack = wall_ms()
    cdef int64_t now
    if not take_received(a, y, next_ack):      # what came with the answer to PSYNC
        return
    while True:
        now = wall_ms()
        if now >= next_ack or a.r.up.acks:
            if not acknowledge(a):
                break
            next_ack = now + ACK_MS
        if wire_fill(&a.w, next_ack - now) < 0 or not take_received(a, y, wall_ms()):
            break
        if y.c.killed:                         # CLIENT KILL
            break
        if wall_ms() - a.r.up.heard_ms > a.w.timeout_ms:
            log_line(a.s, LOG_WARNING, b"MASTER timeout: no data nor PING received...")
            break
    if a.w.error != ECANCELED and not a.r.up.changed:
        log_line(a.s, LOG_NOTICE, b"Connection with master lost.")


cdef void apply_stream(attempt *a) noexcept nogil:
    cdef replaying y
    cdef replayed result
    replay_init(&y, a.s, &result)
    y.run = run_streamed
    store_lock(a.s)
    y.c = a.r.up.c
    if not a.r.up.changed and y.c != NULL:
        y.before = a.r.stream.offset
        a.r.up.state = LINK_CONNECTED
        y.c.fd = a.w.line.fd
        y.c.killed = y.c.closing = False
        special_set(&y.c.special, SPECIAL_CLOSED, False)
        y.c.addr.len = 0
        buf_printf(&y.c.addr, b"%s:%d", a.host, a.port)
        a.r.up.received = a.r.stream.offset
        a.r.up.heard_ms = wall_ms()
        a.r.up.why[0] = 0
        special_set(&a.s.special, SPECIAL_STALE, False)
    store_unlock(a.s)
    if y.c != NULL:
        follow(a, &y)
    replay_release(&y)
