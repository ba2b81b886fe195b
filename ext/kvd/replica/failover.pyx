"""FAILOVER: a replica takes over, and nothing is lost.

    writes are paused -> a replica has acknowledged everything -> this store becomes its replica, by PSYNC ... FAILOVER -> that promotes itself

With a timeout it is given up, or, if forced and a replica is named, goes on without what that replica lacks.
"""

from libc.stdio cimport snprintf

from kvd.core.clock cimport NEVER, wall_ms
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_of, view_str
from kvd.replica.link cimport link_follow, link_promote
from kvd.replica.master cimport replica_text, replicas_ask
from kvd.replica.replication cimport (
    HANDOVER_DONE, HANDOVER_REFUSED, HOST_ROOM, REPLICA_ONLINE, is_replica, replica, replication_wake,
)
from kvd.session.session cimport pause_set
from kvd.store.log cimport LOG_NOTICE, log_line

from libc.string cimport memcpy, memset, strcmp, strrchr


cdef const char *failover_text(replication *r) noexcept nogil:
    if r == NULL or r.failover.state == FAILOVER_NONE:
        return b"no-failover"
    return b"waiting-for-sync" if r.failover.state == FAILOVER_WAITING else b"failover-in-progress"


cdef void ask(replication *r) noexcept nogil:
    """Once for what there is: the question is itself a part of the stream, so that a slow replica would never have everything."""
    replicas_ask(r)
    r.failover.asked = r.stream.offset


cdef void failover_begin(replication *r, view host, int port, int64_t timeout_ms, bint forced) noexcept nogil:
    r.failover.state = FAILOVER_WAITING
    r.failover.forced = forced
    snprintf(r.failover.host, HOST_ROOM, b"%.*s", <int>min(host.len, <size_t>HOST_ROOM - 1), host.ptr)
    r.failover.port = port
    r.failover.until_ms = wall_ms() + timeout_ms if timeout_ms else 0
    log_line(r.s, LOG_NOTICE, b"FAILOVER requested.")
    pause_set(r.s, NEVER, True)
    ask(r)
    replication_wake(r.s)


cdef void end(replication *r) noexcept nogil:
    memset(&r.failover, 0, sizeof(r.failover))
    pause_set(r.s, 0, False)


cdef void failover_abort(replication *r, const char *why) noexcept nogil:
    cdef char text[128]
    snprintf(text, sizeof(text), b"Aborting a failover: %s", why)
    log_line(r.s, LOG_NOTICE, text)
    if r.failover.state == FAILOVER_RUNNING and is_replica(r.s):
        link_promote(r.s)
    end(r)


cdef bint is_named(replication *r, replica *one) noexcept nogil:
    cdef char name[400]
    cdef char wanted[400]
    replica_text(one, name, sizeof(name))
    snprintf(wanted, sizeof(wanted), b"%s:%d", r.failover.host, r.failover.port)
    return r.failover.host[0] == 0 or strcmp(name, wanted) == 0


cdef replica *candidate(replication *r) noexcept nogil:
    """A replica that may take over, and has everything."""
    cdef replica *one = r.first
    while one != NULL:
        if one.state == REPLICA_ONLINE and is_named(r, one) and one.acknowledged == r.stream.offset:
            return one
        one = one.next
    return NULL


cdef void hand_over(replication *r, const char *address) noexcept nogil:
    """address: host:port."""
    cdef char host[HOST_ROOM]
    cdef int64_t port = 0
    cdef const char *colon = strrchr(address, c':')
    cdef size_t n = min(<size_t>(colon - address), <size_t>HOST_ROOM - 1)
    memcpy(host, address, n)
    host[n] = 0
    parse_int(view_str(colon + 1), &port)
    r.failover.state = FAILOVER_RUNNING
    log_line(r.s, LOG_NOTICE, b"Failover target is synced, failing over.")
    link_follow(r.s, view_of(host, n), <int>port, True)


cdef void failover_tick(replication *r, int64_t now) noexcept nogil:
    cdef replica *one
    cdef char name[400]
    if r.failover.state == FAILOVER_RUNNING and r.up.handover == HANDOVER_DONE:
        end(r)
    elif r.failover.state == FAILOVER_RUNNING and r.up.handover == HANDOVER_REFUSED:
        failover_abort(r, b"Failover target rejected psync request")
    if r.failover.state != FAILOVER_WAITING:
        return
    one = candidate(r)
    if one != NULL:
        replica_text(one, name, sizeof(name))
        hand_over(r, name)
    elif r.failover.until_ms and now > r.failover.until_ms and r.failover.forced:
        log_line(r.s, LOG_NOTICE, b"Failover target was not synced in time: it takes over by force.")
        snprintf(name, sizeof(name), b"%s:%d", r.failover.host, r.failover.port)
        hand_over(r, name)
    elif r.failover.until_ms and now > r.failover.until_ms:
        failover_abort(r, b"Replica never caught up before timeout")
    elif r.stream.offset != r.failover.asked:
        ask(r)
