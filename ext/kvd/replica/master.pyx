"""The replicas of a store: synchronization, stream, acknowledgements.

    REPLCONF ... -> PSYNC -> WAITING -> SENDING -> SENT -> ONLINE
                       \\________ +CONTINUE _________________/

A replica is a session of a connection. Its output is the stream: the connection takes more of it when all that was taken is sent
(`feed`). Replies to what it says are discarded; the transfer (transfer.pyx) writes to its socket while it is SENDING.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free

from kvd.core.buf cimport buf_add
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view_equal, view_of, view_str
from kvd.replica.backlog cimport reader_begin, reader_end, reader_take
from kvd.replica.replication cimport (
    REPLICA_NONE, REPLICA_ONLINE, REPLICA_SENDING, REPLICA_SENT, REPLICA_WAITING, is_replica, replica_of, replication_of,
    replication_open, replication_wake, stream_begin, stream_command, stream_end, stream_new_id,
)
from kvd.session.session cimport REPLY_OFF, session_kill, session_replies
from kvd.store.config cimport (
    OPT_MIN_REPLICAS_MAX_LAG, OPT_MIN_REPLICAS_TO_WRITE, OPT_REPL_BACKLOG_TTL, OPT_REPL_PING_REPLICA_PERIOD,
    OPT_REPL_TIMEOUT, cfg,
)
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport SPECIAL_FEW_REPLICAS, special_set

cdef enum:
    FEED = 65536               # bytes of the stream taken at once


# ---- begin and end -----------------------------------------------------------------------------------

cdef replica *replica_open(session *c) noexcept nogil:
    cdef replication *r = replication_open(c.store)
    cdef replica *one
    if c.replica != NULL or r == NULL:
        return replica_of(c)
    one = <replica *>calloc(1, sizeof(replica))
    if one == NULL:
        return NULL
    one.who = c
    one.of = r
    one.next = r.first
    if r.first != NULL:
        r.first.prev = one
    r.first = one
    c.replica = one
    c.leaves = leaves
    return one


cdef void leaves(session *c) noexcept nogil:
    cdef replica *one = replica_of(c)
    cdef replication *r = one.of
    cdef char name[400]
    cdef char text[512]
    reader_end(&one.at)
    if one.transfer_at != NULL:
        one.transfer_at[0] = NULL
    if one.prev != NULL:
        one.prev.next = one.next
    else:
        r.first = one.next
    if one.next != NULL:
        one.next.prev = one.prev
    if one.state != REPLICA_NONE:
        r.count -= 1
        r.alone_ms = wall_ms()
        replica_text(one, name, sizeof(name))
        snprintf(text, sizeof(text), b"Connection with replica %s lost.", name)
        log_line(r.s, LOG_NOTICE, text)
    c.replica = NULL
    free(one)
    replicas_count(r.s)


cdef view replica_host(replica *one) noexcept nogil:
    cdef view addr = view_of(one.who.addr.ptr, one.who.addr.len)
    if one.ip[0]:
        return view_str(one.ip)
    while addr.len and addr.ptr[addr.len - 1] != c':':
        addr.len -= 1
    addr.len -= addr.len != 0
    return addr


cdef int replica_text(replica *one, char *out, size_t room) noexcept nogil:
    cdef view host = replica_host(one)
    if one.port:
        return snprintf(out, room, b"%.*s:%d", <int>host.len, host.ptr, one.port)
    return snprintf(out, room, b"client id #%lld", <long long>one.who.id)


cdef void register(replica *one, int state) noexcept nogil:
    if one.state == REPLICA_NONE:
        one.of.count += 1
    one.state = state
    one.since_ms = one.heard_ms = wall_ms()
    one.who.syncs = True
    session_replies(one.who, REPLY_OFF)            # what follows is the stream, not replies


cdef void replicas_disconnect(replication *r) noexcept nogil:
    cdef replica *one = r.first
    while one != NULL:
        if one.state != REPLICA_NONE:
            session_kill(one.who)
        one = one.next


# ---- synchronization ---------------------------------------------------------------------------------

cdef bint is_known(replication *r, view id, int64_t wanted) noexcept nogil:
    return view_equal(id, view_str(r.id)) or (view_equal(id, view_str(r.former)) and wanted <= r.former_upto)


cdef void log_refusal(replica *one, view id, int64_t wanted) noexcept nogil:
    cdef replication *r = one.of
    cdef char name[400]
    cdef char text[700]
    if id.len == 1 and id.ptr[0] == c'?':
        return
    replica_text(one, name, sizeof(name))
    if not is_known(r, id, wanted):
        snprintf(text, sizeof(text), b"Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '%.*s', my replication IDs "
                 b"are '%s' and '%s')", <int>min(id.len, <size_t>64), id.ptr, r.id, r.former)
    else:
        snprintf(text, sizeof(text), b"Unable to partial resync with replica %s for lack of backlog (Replica request was: %lld).", name, <long long>wanted)
    log_line(r.s, LOG_NOTICE, text)


cdef bint replica_continue(replica *one, view id, int64_t wanted) noexcept nogil:
    cdef replication *r = one.of
    cdef char name[400]
    cdef char text[512]
    if wanted < 1 or not is_known(r, id, wanted) or not r.kept or not reader_begin(&r.stream, &one.at, wanted - 1):
        log_refusal(one, id, wanted)
        r.s.stats.syncs_refused += not (id.len == 1 and id.ptr[0] == c'?')
        return False
    register(one, REPLICA_ONLINE)
    one.acknowledged = wanted - 1
    r.s.stats.syncs_continued += 1
    replica_text(one, name, sizeof(name))
    snprintf(text, sizeof(text), b"Partial resynchronization request from %s accepted. Sending %lld bytes of backlog starting from offset %lld.", name,
             <long long>(r.stream.offset - one.at.offset), <long long>wanted)
    log_line(r.s, LOG_NOTICE, text)
    one.who.feed = feed
    if one.who.wake != NULL:
        one.who.wake(one.who)
    replicas_count(r.s)
    return True


cdef bint replica_wait(replica *one) noexcept nogil:
    cdef replication *r = one.of
    if r.stream.failed:
        stream_end(r)
    if not r.kept:
        if not is_replica(r.s):
            stream_new_id(r, False)                # changes were made that the stream does not have
        if not stream_begin(r):
            return False
    register(one, REPLICA_WAITING)
    r.s.stats.syncs_full += 1
    replication_wake(r.s)
    return True


cdef void feed(session *c) noexcept nogil:
    cdef replica *one = replica_of(c)
    cdef replication *r = one.of
    cdef size_t had = c.out.len
    reader_take(&r.stream, &one.at, &c.out, FEED)
    c.behind = r.stream.offset - one.at.offset if one.at.at != NULL else 0
    r.s.stats.replicated_out += c.out.len - had


cdef void replica_online(replica *one) noexcept nogil:
    cdef char name[400]
    cdef char text[512]
    one.state = REPLICA_ONLINE
    one.heard_ms = wall_ms()
    one.who.feed = feed
    if one.who.wake != NULL:
        one.who.wake(one.who)
    replica_text(one, name, sizeof(name))
    snprintf(text, sizeof(text), b"Synchronization with replica %s succeeded", name)
    log_line(one.of.s, LOG_NOTICE, text)
    replicas_count(one.of.s)


# ---- acknowledgements --------------------------------------------------------------------------------

cdef void replica_acknowledge(replica *one, int64_t offset, int64_t synced) noexcept nogil:
    one.acknowledged = max(one.acknowledged, min(offset, one.of.stream.offset))
    one.synced = max(one.synced, min(synced, one.of.stream.offset))
    one.heard_ms = wall_ms()
    one.early = one.state == REPLICA_SENDING       # the transfer looks at it when it ends
    if one.state == REPLICA_SENT:
        replica_online(one)
    elif one.of.s.special & SPECIAL_FEW_REPLICAS:
        replicas_count(one.of.s)


cdef int replicas_with(replication *r, int64_t offset, bint synced) noexcept nogil:
    cdef replica *one = r.first
    cdef int n = 0
    while one != NULL:
        n += one.state == REPLICA_ONLINE and (one.synced if synced else one.acknowledged) >= offset
        one = one.next
    return n


cdef void replicas_ask(replication *r) noexcept nogil:
    if r.kept and r.count and not is_replica(r.s):
        stream_command(r, b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n")


cdef void replicas_count(store *s) noexcept nogil:
    cdef replication *r = replication_of(s)
    cdef int64_t wanted = cfg(&s.config, OPT_MIN_REPLICAS_TO_WRITE)
    cdef int64_t lag = cfg(&s.config, OPT_MIN_REPLICAS_MAX_LAG)
    cdef int64_t now = wall_ms()
    cdef replica *one = r.first if r != NULL else NULL
    cdef int64_t good = 0
    while one != NULL:
        good += one.state == REPLICA_ONLINE and (now - one.heard_ms) // 1000 <= lag
        one = one.next
    special_set(&s.special, SPECIAL_FEW_REPLICAS, wanted and lag and good < wanted and not is_replica(s))


# ---- regular work ------------------------------------------------------------------------------------

cdef void ping(replication *r, int64_t now) noexcept nogil:
    if r.count == 0 or is_replica(r.s):
        return
    if now - r.pinged_ms >= 1000 * cfg(&r.s.config, OPT_REPL_PING_REPLICA_PERIOD) and not r.failover.state:
        r.pinged_ms = now
        stream_command(r, b"*1\r\n$4\r\nPING\r\n")


cdef void keep_waiting_alive(replication *r) noexcept nogil:
    """A line break, once a second, tells that the snapshot will come."""
    cdef replica *one = r.first
    while one != NULL:
        if one.state == REPLICA_WAITING and one.who.out.len == 0 and one.who.pending == 0:
            buf_add(&one.who.out, b"\n", 1)
            if one.who.wake != NULL:
                one.who.wake(one.who)
        one = one.next


cdef void note_signs_of_life(replication *r) noexcept nogil:
    """A line break from a replica that loads what it was sent."""
    cdef replica *one = r.first
    while one != NULL:
        one.heard_ms = max(one.heard_ms, one.who.alive_ms)
        one = one.next


cdef void drop_silent(replication *r, int64_t now) noexcept nogil:
    cdef replica *one = r.first
    cdef char name[400]
    cdef char text[512]
    while one != NULL:
        if (one.state == REPLICA_ONLINE or one.state == REPLICA_SENT) and not one.old \
                and now - one.heard_ms > 1000 * cfg(&r.s.config, OPT_REPL_TIMEOUT):
            replica_text(one, name, sizeof(name))
            snprintf(text, sizeof(text), b"Disconnecting timedout replica (%s): %s",
                     <const char *>(b"streaming sync" if one.state == REPLICA_ONLINE else b"full sync"), name)
            log_line(r.s, LOG_WARNING, text)
            session_kill(one.who)
        one = one.next


cdef void end_backlog(replication *r, int64_t now) noexcept nogil:
    cdef int64_t seconds = cfg(&r.s.config, OPT_REPL_BACKLOG_TTL)
    cdef char text[128]
    if r.kept and seconds and r.count == 0 and not is_replica(r.s) and now - r.alone_ms > 1000 * seconds:
        stream_end(r)
        stream_new_id(r, False)
        snprintf(text, sizeof(text), b"Replication backlog freed after %lld seconds without connected replicas.", <long long>seconds)
        log_line(r.s, LOG_NOTICE, text)


cdef void master_tick(replication *r, int64_t now) noexcept nogil:
    ping(r, now)
    keep_waiting_alive(r)
    note_signs_of_life(r)
    drop_silent(r, now)
    end_backlog(r, now)
    replicas_count(r.s)
