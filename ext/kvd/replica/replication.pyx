"""The replication of a store: its history, as a stream of commands, which replicas receive and a master sends.

    command -> effects (store/effects.pyx) -> stream -> backlog -> replicas
    master -> link -> run, and relayed as it came -> stream -> backlog -> replicas of this replica

A history has an id and an offset, the number of its bytes. Two stores with the same id and offset hold the same data. A replica takes
over the id of its master; when it is promoted it continues the stream with an id of its own, and remembers the former one up to that
offset, so that the replicas of its former master can go on with it.

Nothing is kept before the first replica comes, or this store becomes one: then a change costs what it costs without replication.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport calloc
from libc.string cimport memcpy, memset, strlen

from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view_str
from kvd.persist.nap cimport nap_init
from kvd.replica.backlog cimport backlog_add, backlog_begin, backlog_end, backlog_trim, reader_end
from kvd.session.session cimport running_session, session_kill, session_within_limits
from kvd.store.change cimport consume, consume_stop
from kvd.store.config cimport OPT_REPL_BACKLOG_SIZE, cfg
from kvd.store.effects cimport TO_REPLICAS, effect, effect_bytes, effect_next, effects
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport store_report

cdef extern from "kvd/replica/id.h" nogil:
    void make_id "kvd_make_id" (char *out)


cdef replication *replication_open(store *s) noexcept nogil:
    cdef replication *r = replication_of(s)
    if r != NULL:
        return r
    r = <replication *>calloc(1, sizeof(replication))
    if r == NULL:
        return NULL
    r.s = s
    memcpy(r.id, s.run_id, ID_ROOM)
    memset(r.former, c'0', ID_ROOM - 1)
    r.former_upto = -1
    r.db = -1
    r.alone_ms = r.up.down_ms = wall_ms()
    r.up.fd = -1
    r.up.total = -1
    nap_init(&r.up.nap)
    r.consumer.take = take
    s.parts[<int>PART_REPLICATION] = r
    return r


cdef void replication_wake(store *s) noexcept nogil:
    if replication_of(s) != NULL:
        replication_of(s).due_ms = 0
    s.due = wall_ms()
    if s.on_deadline != NULL:
        s.on_deadline(s, s.due)


# ---- the stream --------------------------------------------------------------------------------------

cdef inline size_t size_of_backlog(replication *r) noexcept nogil:
    return <size_t>cfg(&r.s.config, OPT_REPL_BACKLOG_SIZE)


cdef inline void add(replication *r, view bytes) noexcept nogil:
    backlog_add(&r.stream, bytes, size_of_backlog(r))


cdef void report(replication *r) noexcept nogil:
    """What slow replicas keep above the configured size is not counted against maxmemory: eviction would make it more."""
    store_report(r.s, PART_REPLICATION, min(r.stream.memory, size_of_backlog(r) + sizeof(replication)))


cdef bint stream_begin(replication *r) noexcept nogil:
    if r.kept:
        return True
    if not backlog_begin(&r.stream, r.stream.offset):
        return False
    r.kept = True
    r.db = -1
    r.alone_ms = wall_ms()
    consume(r.s, &r.consumer)
    report(r)
    return True


cdef void forget_readers(replication *r) noexcept nogil:
    """Before what they read is freed: their connections are to be closed."""
    cdef replica *one = r.first
    while one != NULL:
        reader_end(&one.at)
        one.who.feed = NULL
        one.who.behind = 0
        one = one.next


cdef void stream_end(replication *r) noexcept nogil:
    forget_readers(r)
    if r.kept:
        consume_stop(r.s, &r.consumer)
    r.kept = False
    backlog_end(&r.stream)
    report(r)


cdef void stream_new_id(replication *r, bint keeps_former) noexcept nogil:
    if keeps_former:
        memcpy(r.former, r.id, ID_ROOM)
        r.former_upto = r.stream.offset + 1
    else:
        memset(r.former, c'0', ID_ROOM - 1)
        r.former_upto = -1
    make_id(r.id)


cdef void stream_move(replication *r, view id, int64_t offset) noexcept nogil:
    snprintf(r.id, ID_ROOM, b"%.*s", <int>id.len, id.ptr)
    memset(r.former, c'0', ID_ROOM - 1)
    r.former_upto = -1
    if not r.kept:
        r.stream.offset = offset
        stream_begin(r)
    else:
        forget_readers(r)
        backlog_begin(&r.stream, offset)
    report(r)


cdef void add_select(replication *r, int db) noexcept nogil:
    cdef char digits[16]
    cdef char text[64]
    if r.db != db:
        snprintf(digits, sizeof(digits), b"%d", db)
        snprintf(text, sizeof(text), b"*2\r\n$6\r\nSELECT\r\n$%zu\r\n%s\r\n", strlen(digits), digits)
        add(r, view_str(text))
        r.db = db


cdef int count_for_replicas(effects *unit) noexcept nogil:
    cdef effect *e = effect_next(unit, NULL)
    cdef int n = 0
    while e != NULL:
        n += e.targets & TO_REPLICAS != 0
        e = effect_next(unit, e)
    return n


cdef void take(consumer *self, effects *unit) noexcept nogil:
    """A replica's own effects are those of its master's stream, which is relayed as it is."""
    cdef replication *r = <replication *>self
    cdef effect *e = effect_next(unit, NULL)
    cdef int n = count_for_replicas(unit)
    if is_replica(r.s):
        return
    r.stream.failed = r.stream.failed or unit.bytes.failed
    if n == 0 and not r.stream.failed:
        return
    if n > 1:
        add(r, view_str(b"*1\r\n$5\r\nMULTI\r\n"))
    while e != NULL:
        if e.targets & TO_REPLICAS:
            add_select(r, e.db)
            add(r, effect_bytes(e))
        e = effect_next(unit, e)
    if n > 1:
        add(r, view_str(b"*1\r\n$4\r\nEXEC\r\n"))
    if running_session(r.s) != NULL:
        running_session(r.s).written = r.stream.offset
    stream_told(r)


cdef void stream_command(replication *r, const char *resp) noexcept nogil:
    add(r, view_str(resp))
    stream_told(r)


cdef void stream_relay(replication *r, view bytes) noexcept nogil:
    add(r, bytes)
    stream_told(r)


# ---- replicas ----------------------------------------------------------------------------------------

cdef void cut(replication *r, replica *one) noexcept nogil:
    """It synchronizes again when it comes back."""
    log_line(r.s, LOG_WARNING, b"Client scheduled to be closed ASAP for overcoming of output buffer limits.")
    r.s.stats.output_limit_closed += not one.who.killed
    session_kill(one.who)


cdef void stream_told(replication *r) noexcept nogil:
    cdef replica *one = r.first
    if r.stream.memory > size_of_backlog(r):
        backlog_trim(&r.stream, size_of_backlog(r))
    report(r)
    while one != NULL:
        if one.state > REPLICA_WAITING and one.at.at != NULL:
            one.who.behind = r.stream.offset - one.at.offset
            if r.stream.failed or not session_within_limits(one.who):
                cut(r, one)
            elif one.state == REPLICA_ONLINE and one.who.wake != NULL:
                one.who.wake(one.who)
        one = one.next
