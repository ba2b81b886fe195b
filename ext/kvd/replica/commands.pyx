"""REPLICAOF, SLAVEOF, FAILOVER, ROLE, WAIT, WAITAOF, and what replicas say: PSYNC, SYNC, REPLCONF."""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.core.buf cimport buf_printf
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_equal, view_is, view_str
from kvd.core.word cimport view_is_word
from kvd.persist.commands cimport shutdown_waits
from kvd.persist.journal cimport journal_of, journal_sync
from kvd.replica.failover cimport FAILOVER_NONE, failover_abort, failover_begin
from kvd.replica.link cimport link_follow, link_promote, link_state_text
from kvd.replica.master cimport (
    replica_acknowledge, replica_continue, replica_host, replica_open, replica_text, replica_wait, replicas_ask,
    replicas_with,
)
from kvd.replica.replication cimport (
    CAPA_EOF, CAPA_NEWEST, CAPA_PSYNC2, HOST_ROOM, LINK_CONNECTED, REPLICA_NONE, REPLICA_ONLINE, is_replica, replica, replica_of,
    replication, replication_of,
)
from kvd.resp.writer cimport write_status
from kvd.run.after cimport wait_until, waits_again
from kvd.run.args cimport (
    arg_int, reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_ok, reply_text,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.session cimport pause_set
from kvd.session.waiters cimport wait_of
from kvd.store.config cimport OPT_CLUSTER_ENABLED, OPT_SHUTDOWN_TIMEOUT, cfg
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport store


# ---- roles -------------------------------------------------------------------------------------------

cdef void log_request(call *c, const char *what) noexcept nogil:
    cdef char text[700]
    snprintf(text, sizeof(text), b"%s (user request from 'id=%lld addr=%.*s name=%.*s')", what, <long long>c.session.id,
             <int>min(c.session.addr.len, <size_t>100), c.session.addr.ptr, <int>min(c.session.name.len, <size_t>100), c.session.name.ptr)
    log_line(c.store, LOG_NOTICE, text)


cdef bint follows_already(store *s, view host, int64_t port) noexcept nogil:
    cdef replication *r = replication_of(s)
    return is_replica(s) and view_equal(host, view_str(r.up.host)) and port == r.up.port


cdef void follow(call *c) noexcept nogil:
    cdef char text[HOST_ROOM + 64]
    cdef int64_t port
    if view_is(c.argv[1], b"no") and view_is(c.argv[2], b"one"):
        if link_promote(c.store):
            log_request(c, b"MASTER MODE enabled")
        reply_ok(c)
        return
    if not parse_int(c.argv[2], &port) or not 0 <= port <= 65535:
        reply_error(c, b"ERR Invalid master port")
        return
    if c.argv[1].len >= HOST_ROOM or not view_is_word(c.argv[1]):
        reply_error(c, b"ERR Invalid master host")
    elif replica_of(c.session) != NULL and replica_of(c.session).state != REPLICA_NONE:
        reply_error(c, b"ERR Command is not valid when client is a replica.")
    elif follows_already(c.store, c.argv[1], port):
        log_line(c.store, LOG_NOTICE, b"REPLICAOF would result into synchronization with the master we are already connected with. No operation performed.")
        write_status(c.out, b"OK Already connected to specified master")
    elif not link_follow(c.store, c.argv[1], <int>port, False):
        reply_error(c, NO_MEMORY)
    else:
        snprintf(text, sizeof(text), b"REPLICAOF %.*s:%d enabled", <int>c.argv[1].len, c.argv[1].ptr, <int>port)
        log_request(c, text)
        reply_ok(c)


cdef void replicaof(call *c) noexcept nogil:
    if cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR REPLICAOF not allowed in cluster mode.")
    elif replication_of(c.store) != NULL and replication_of(c.store).failover.state != FAILOVER_NONE:
        reply_error(c, b"ERR REPLICAOF not allowed while failing over.")
    else:
        follow(c)


define(replicaof_command, """
    REPLICAOF <host port | NO ONE>
    admin noscript stale no_async_loading | server | 5.0.0 | O(1)
    Make the server a replica of another one, or a master.
""")
cdef void replicaof_command(call *c) noexcept nogil:
    replicaof(c)


define(slaveof_command, """
    SLAVEOF <host port | NO ONE>
    admin noscript stale no_async_loading | server | 1.0.0 | O(1)
    The same as REPLICAOF.
""")
cdef void slaveof_command(call *c) noexcept nogil:
    replicaof(c)


cdef int count_online(replication *r) noexcept nogil:
    cdef replica *one = r.first if r != NULL else NULL
    cdef int n = 0
    while one != NULL:
        n += one.state == REPLICA_ONLINE
        one = one.next
    return n


cdef void reply_number(call *c, int64_t n) noexcept nogil:
    cdef char text[32]
    snprintf(text, sizeof(text), b"%lld", <long long>n)
    reply_text(c, text)


cdef void reply_replica(call *c, replica *one) noexcept nogil:
    reply_array(c, 3)
    reply_bulk(c, replica_host(one))
    reply_number(c, one.port)
    reply_number(c, one.acknowledged)


define(role_command, """
    ROLE
    noscript loading stale fast | server | 2.8.12 | O(1)
    Return the role in replication: master with its replicas, or replica with its master, and offsets.
    categories: admin fast dangerous
""")
cdef void role_command(call *c) noexcept nogil:
    cdef replication *r = replication_of(c.store)
    cdef replica *one
    if is_replica(c.store):
        reply_array(c, 5)
        reply_text(c, b"slave")
        reply_text(c, r.up.host)
        reply_int(c, r.up.port)
        reply_text(c, link_state_text(r))
        reply_int(c, r.stream.offset if r.up.state == LINK_CONNECTED else -1)
        return
    reply_array(c, 3)
    reply_text(c, b"master")
    reply_int(c, r.stream.offset if r != NULL else 0)
    reply_array(c, count_online(r))
    one = r.first if r != NULL else NULL
    while one != NULL:
        if one.state == REPLICA_ONLINE:
            reply_replica(c, one)
        one = one.next


# ---- FAILOVER ----------------------------------------------------------------------------------------

cdef struct handover:
    view host
    int64_t port
    int64_t timeout_ms
    bint abort
    bint forced


cdef bint read_handover(call *c, handover *h) noexcept nogil:
    cdef int i = 1
    memset(h, 0, sizeof(handover))
    while i < c.argc:
        if view_is(c.argv[i], b"abort") and c.argc == 2:
            h.abort = True
        elif view_is(c.argv[i], b"timeout") and i + 1 < c.argc and h.timeout_ms == 0:
            if not arg_int(c, i + 1, &h.timeout_ms):
                return False
            if h.timeout_ms <= 0:
                reply_error(c, b"ERR FAILOVER timeout must be greater than 0")
                return False
            i += 1
        elif view_is(c.argv[i], b"to") and i + 2 < c.argc and h.host.len == 0:
            if not arg_int(c, i + 2, &h.port):
                return False
            h.host = c.argv[i + 1]
            i += 2
        elif view_is(c.argv[i], b"force"):
            h.forced = True
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    return True


cdef replica *attached(replication *r, view host, int64_t port) noexcept nogil:
    """NULL: it is none of the replicas."""
    cdef replica *one = r.first
    cdef char name[400]
    cdef char wanted[400]
    snprintf(wanted, sizeof(wanted), b"%.*s:%lld", <int>min(host.len, <size_t>HOST_ROOM), host.ptr, <long long>port)
    while one != NULL:
        replica_text(one, name, sizeof(name))
        if one.state != REPLICA_NONE and view_equal(view_str(name), view_str(wanted)):
            return one
        one = one.next
    return NULL


define(failover_command, """
    FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]
    admin noscript stale | server | 6.2.0 | O(1)
    Let a replica take over: this server becomes its replica.
    arity: -1
""")
cdef void failover_command(call *c) noexcept nogil:
    cdef replication *r = replication_of(c.store)
    cdef handover h
    if cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR FAILOVER not allowed in cluster mode.")
        return
    if not read_handover(c, &h):
        return
    if h.abort:
        if r == NULL or r.failover.state == FAILOVER_NONE:
            reply_error(c, b"ERR No failover in progress.")
            return
        failover_abort(r, b"Failover manually aborted")
        reply_ok(c)
        return
    if r != NULL and r.failover.state != FAILOVER_NONE:
        reply_error(c, b"ERR FAILOVER already in progress.")
    elif is_replica(c.store):
        reply_error(c, b"ERR FAILOVER is not valid when server is a replica.")
    elif r == NULL or count_online(r) == 0:
        reply_error(c, b"ERR FAILOVER requires connected replicas.")
    elif h.forced and (h.timeout_ms == 0 or h.host.len == 0):
        reply_error(c, b"ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
    elif h.host.len and attached(r, h.host, h.port) == NULL:
        reply_error(c, b"ERR FAILOVER target HOST and PORT is not a replica.")
    elif h.host.len and attached(r, h.host, h.port).state != REPLICA_ONLINE:
        reply_error(c, b"ERR FAILOVER target replica is not online.")
    else:
        failover_begin(r, h.host, <int>h.port, h.timeout_ms, h.forced)
        reply_ok(c)


# ---- what replicas say -------------------------------------------------------------------------------

cdef bint may_synchronize(call *c) noexcept nogil:
    """False: it has been answered."""
    cdef replication *r = replication_of(c.store)
    if c.session.monitor or (c.session.replica != NULL and replica_of(c.session).state != REPLICA_NONE):
        return False
    if is_replica(c.store) and r.up.state != LINK_CONNECTED:
        reply_error(c, b"NOMASTERLINK Can't SYNC while not connected with my master")
        return False
    if r != NULL and r.failover.state != FAILOVER_NONE:
        reply_error(c, b"NOMASTERLINK Can't SYNC while failing over")
        return False
    if c.session.in_process or c.session.fd <= 0:
        reply_error(c, b"ERR only a connection can be a replica")
        return False
    if c.out.len > c.reply_at or c.session.pending:
        reply_error(c, b"ERR SYNC and PSYNC are invalid with pending output")
        return False
    return True


cdef void log_asked(call *c, replica *one) noexcept nogil:
    cdef char name[400]
    cdef char text[512]
    replica_text(one, name, sizeof(name))
    snprintf(text, sizeof(text), b"Replica %s asks for synchronization", name)
    log_line(c.store, LOG_NOTICE, text)


cdef void wait_for_snapshot(call *c, replica *one) noexcept nogil:
    if not replica_wait(one):
        reply_error(c, NO_MEMORY)


cdef bint take_over(call *c) noexcept nogil:
    """PSYNC id offset FAILOVER: its sender was the master, and is going to be a replica of this store. False: it has been answered."""
    cdef replication *r = replication_of(c.store)
    if not is_replica(c.store) and r != NULL and view_equal(c.argv[1], view_str(r.former)):
        return True                    # it has taken over already: its answer was lost
    if not is_replica(c.store):
        reply_error(c, b"ERR PSYNC FAILOVER can't be sent to a master.")
        return False
    if not view_equal(c.argv[1], view_str(r.id)):
        reply_error(c, b"ERR PSYNC FAILOVER replid must match my replid.")
        return False
    link_promote(c.store)
    log_request(c, b"MASTER MODE enabled")
    return True


define(psync_command, """
    PSYNC replicationid offset
    admin noscript no_async_loading no_multi | server | 2.8.0 | O(1)
    Become a replica of the server: it continues the stream, or sends a snapshot first. Used by replicas.
    arity: -3
""")
cdef void psync_command(call *c) noexcept nogil:
    cdef replica *one
    cdef int64_t wanted
    if c.argc > 3 and view_is(c.argv[3], b"failover") and not take_over(c):
        return
    if not arg_int(c, 2, &wanted) or not may_synchronize(c):
        return
    one = replica_open(c.session)
    if one == NULL:
        reply_error(c, NO_MEMORY)
        return
    log_asked(c, one)
    if not replica_continue(one, c.argv[1], wanted):
        wait_for_snapshot(c, one)
        return
    if one.capabilities & CAPA_PSYNC2:
        buf_printf(c.out, b"+CONTINUE %s\r\n", one.of.id)
    else:
        buf_printf(c.out, b"+CONTINUE\r\n")
    c.reply_at = c.out.len             # replies are discarded from now on, but not this one


define(sync_command, """
    SYNC
    admin noscript no_async_loading no_multi | server | 1.0.0 | O(1)
    Become a replica of the server: it sends a snapshot, and the stream. Used by old replicas.
""")
cdef void sync_command(call *c) noexcept nogil:
    cdef replica *one
    if not may_synchronize(c):
        return
    one = replica_open(c.session)
    if one == NULL:
        reply_error(c, NO_MEMORY)
        return
    log_asked(c, one)
    one.old = True
    wait_for_snapshot(c, one)


cdef void set_version(replica *one, view text) noexcept nogil:
    """major.minor.patch of Valkey, which is the one that says it. Redis's own numbers are below 9."""
    cdef int part = 0
    cdef int n = 0
    cdef size_t i
    cdef int found[3]
    memset(found, 0, sizeof(found))
    for i in range(text.len):
        if text.ptr[i] == c'.':
            part += 1
            n = 0
        elif part < 3 and c'0' <= text.ptr[i] <= c'9' and n < 4:
            found[part] = found[part] * 10 + text.ptr[i] - c'0'
            n += 1
    one.valkey = found[0] * 10000 + min(found[1], 99) * 100 + min(found[2], 99)


cdef int capability(view name) noexcept nogil:
    """0: it is unknown, and ignored."""
    if view_is(name, b"eof"):
        return CAPA_EOF
    if view_is(name, b"psync2"):
        return CAPA_PSYNC2
    return CAPA_NEWEST if view_is(name, b"kvd") else 0


cdef bint set_option(call *c, replica *one, view option, view value) noexcept nogil:
    """False: the error is replied."""
    cdef int64_t n
    cdef char text[128]
    if view_is(option, b"listening-port"):
        if not parse_int(value, &n):
            reply_error(c, b"ERR value is not an integer or out of range")
            return False
        one.port = <int>n
    elif view_is(option, b"ip-address"):
        if value.len >= HOST_ROOM:
            snprintf(text, sizeof(text), b"ERR REPLCONF ip-address provided by replica instance is too long: %zu bytes", value.len)
            reply_error(c, text)
            return False
        if not view_is_word(value):
            reply_error(c, b"ERR REPLCONF ip-address provided by replica instance has spaces, newlines or special characters")
            return False
        snprintf(one.ip, HOST_ROOM, b"%.*s", <int>value.len, value.ptr)
    elif view_is(option, b"capa"):
        one.capabilities |= capability(value)
    elif view_is(option, b"version"):
        set_version(one, value)
    elif view_is(option, b"rdb-only"):
        one.only_data = parse_int(value, &n) and n != 0
    elif view_is(option, b"rdb-filter-only"):
        if value.len and not view_is(value, b"functions"):
            reply_error_about(c, b"ERR Unsupported rdb-filter-only option: %.*s", value)
            return False
        one.filters = True
        one.wants_libraries = value.len != 0
    else:
        reply_error_about(c, b"ERR Unrecognized REPLCONF option: %.*s", option)
        return False
    return True


cdef void acknowledge(call *c) noexcept nogil:
    """No reply."""
    cdef replica *one = replica_of(c.session)
    cdef int64_t offset
    cdef int64_t synced = 0
    if one == NULL or not parse_int(c.argv[2], &offset):
        return
    if c.argc > 4 and view_is(c.argv[3], b"fack"):
        parse_int(c.argv[4], &synced)
    replica_acknowledge(one, offset, synced)
    waits_again(c.store, b"wait")
    waits_again(c.store, b"waitaof")
    waits_again(c.store, b"shutdown")


define(replconf_command, """
    REPLCONF
    admin noscript loading stale allow_busy | server | 3.0.0 | O(1)
    What replicas and masters tell each other. Used by them.
    arity: -1
""")
cdef void replconf_command(call *c) noexcept nogil:
    cdef replica *one
    cdef int i = 1
    if c.argc % 2 == 0:
        reply_error(c, SYNTAX)
        return
    if c.argc > 2 and view_is(c.argv[1], b"ack"):
        acknowledge(c)
        return
    if c.argc > 2 and view_is(c.argv[1], b"getack"):
        if c.session.master:
            replication_of(c.store).up.acks = True
        return
    one = replica_open(c.session) if not c.session.in_process else NULL
    if one == NULL:
        reply_ok(c)
        return
    while i < c.argc:
        if not set_option(c, one, c.argv[i], c.argv[i + 1]):
            return
        i += 2
    reply_ok(c)


# ---- waiting -----------------------------------------------------------------------------------------

cdef bint arg_timeout(call *c, int i, int64_t *ms) noexcept nogil:
    if not parse_int(c.argv[i], ms):
        reply_error(c, b"ERR timeout is not an integer or out of range")
    elif ms[0] < 0:
        reply_error(c, b"ERR timeout is negative")
    else:
        return True
    return False


define(wait_command, """
    WAIT numreplicas timeout
    blocking | generic | 3.0.0 | O(1)
    Wait until replicas have acknowledged the writes of this connection.
    categories: connection blocking slow
    tips: request_policy:all_shards response_policy:agg_min
""")
cdef void wait_command(call *c) noexcept nogil:
    cdef int64_t wanted, timeout
    cdef int found
    if is_replica(c.store):
        reply_error(c, b"ERR WAIT cannot be used with replica instances. "
                       b"Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.")
        return
    if not arg_int(c, 1, &wanted) or not arg_timeout(c, 2, &timeout):
        return
    found = count_with(c, False)
    if found >= wanted or not wait_until(c, timeout):
        reply_int(c, found)
    else:
        ask_replicas(c)


cdef int count_with(call *c, bint synced) noexcept nogil:
    """Replicas that have the writes of the connection."""
    cdef replication *r = replication_of(c.store)
    return replicas_with(r, c.session.written, synced) if r != NULL else 0


cdef void ask_replicas(call *c) noexcept nogil:
    """When a client begins to wait."""
    if replication_of(c.store) != NULL and not c.again:
        replicas_ask(replication_of(c.store))


define(waitaof_command, """
    WAITAOF numlocal numreplicas timeout
    blocking | generic | 7.2.0 | O(1)
    Wait until the writes of this connection are in the append-only log and synced, here and on replicas.
    categories: connection blocking slow
    tips: request_policy:all_shards response_policy:agg_min
""")
cdef void waitaof_command(call *c) noexcept nogil:
    """The sync of the own log is done at once."""
    cdef int64_t local, replicas, timeout
    cdef int mine, theirs
    if is_replica(c.store):
        reply_error(c, b"ERR WAITAOF cannot be used with replica instances. "
                       b"Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.")
        return
    if not arg_int(c, 1, &local):
        return
    if not 0 <= local <= 1:
        reply_error(c, b"ERR value is out of range, must be between 0 and 1")
        return
    if not arg_int(c, 2, &replicas):
        return
    if replicas < 0:
        reply_error(c, b"ERR value is out of range, must be positive")
        return
    if not arg_timeout(c, 3, &timeout):
        return
    if local and journal_of(c.store) == NULL:
        reply_error(c, b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
    else:
        mine = journal_of(c.store) != NULL and journal_sync(journal_of(c.store))
        theirs = count_with(c, True)
        if (mine >= local and theirs >= replicas) or not wait_until(c, timeout):
            reply_array(c, 2)
            reply_int(c, mine)
            reply_int(c, theirs)
        else:
            ask_replicas(c)


# ---- SHUTDOWN ----------------------------------------------------------------------------------------

cdef bint lags(replication *r) noexcept nogil:
    cdef replica *one = r.first
    while one != NULL:
        if one.state == REPLICA_ONLINE and not one.old and one.acknowledged < r.stream.offset:
            return True
        one = one.next
    return False


cdef bint wait_for_replicas(call *c) noexcept nogil:
    """Writes are paused until they have everything, or the time is over; the pause ends by itself if nothing ends the server."""
    cdef replication *r = replication_of(c.store)
    cdef int64_t ms = 1000 * cfg(&c.store.config, OPT_SHUTDOWN_TIMEOUT)
    if r == NULL or is_replica(c.store):
        return False
    if not c.again and ms and lags(r):
        log_line(c.store, LOG_NOTICE, b"Waiting for replicas before shutting down.")
        pause_set(c.store, c.store.now + ms + 1000, True)
        replicas_ask(r)
    if ms and lags(r) and wait_until(c, ms):
        wait_of(c.session).goes_on = True
        return True
    if lags(r):
        log_line(c.store, LOG_WARNING, b"Lagging replicas do not have all writes when shutting down.")
    return False


shutdown_waits(wait_for_replicas)
