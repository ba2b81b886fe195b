"""The link of a replica to its master: a thread that connects, synchronizes, follows, and begins again.

    REPLICAOF -> `changed` -> connect -> PSYNC -> snapshot, or nothing -> stream
                    ^                                                       |
                    +---- waits 100 ms, 200 ms ... up to a second <---------+

The role changes at once, under the lock, in `link_follow` and `link_promote`; the thread learns it by `changed`, which it looks at
whenever it has taken the lock, and in every wait. So what it has received of a former master is never applied.
"""

from libc.stdio cimport snprintf

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.threads cimport pthread_join, thread_start
from kvd.core.view cimport view_str
from kvd.persist.nap cimport nap_end, nap_for, nap_init, nap_wake
from kvd.persist.progress cimport progress_end, progress_of
from kvd.replica.apply cimport apply_stream
from kvd.replica.handshake cimport SYNC_CONTINUED, SYNC_FULL, ask_for_stream, attempt, shake_hands
from kvd.replica.master cimport replicas_count, replicas_disconnect
from kvd.replica.receive cimport receive_snapshot, wait_for_log
from kvd.replica.replication cimport (
    HANDOVER_ASKED, HANDOVER_NONE, HOST_ROOM, ID_ROOM, LINK_CONNECT, LINK_CONNECTED, LINK_CONNECTING, is_replica,
    replication_of, replication_open, replication_wake, stream_new_id, upstream,
)
from kvd.replica.wire cimport wire_close, wire_shutdown
from kvd.run.after cimport end_wait
from kvd.session.clients cimport session_new
from kvd.session.session cimport clients_of, session
from kvd.store.config cimport OPT_REPLICAOF, config_set
from kvd.store.log cimport LOG_NOTICE, log_line
from kvd.store.store cimport SPECIAL_REPLICA, SPECIAL_STALE, special_set, store_lock, store_share, store_unlock
from kvd.store.tick cimport store_next

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cdef enum:
    IDLE_MS = 1000
    FIRST_RETRY_MS = 100
    LAST_RETRY_MS = 1000


# ---- the thread --------------------------------------------------------------------------------------

cdef bint begin(attempt *a) noexcept nogil:
    """Takes up the master that is in force. False: there is none."""
    cdef bint on
    store_lock(a.s)
    a.r.up.changed = a.r.up.ended
    on = is_replica(a.s) and not a.r.up.ended
    if on:
        snprintf(a.host, HOST_ROOM, b"%s", a.r.up.host)
        a.port = a.r.up.port
        a.r.up.state = LINK_CONNECTING
    store_unlock(a.s)
    return on


cdef void adopt_id(attempt *a) noexcept nogil:
    """The master continues the history by another id: replicas of this one have to ask for that."""
    store_lock(a.s)
    if a.id[0] and not a.r.up.changed and memcmp_id(a.id, a.r.id) != 0:
        memcpy(a.r.former, a.r.id, ID_ROOM)
        a.r.former_upto = a.r.stream.offset + 1
        memcpy(a.r.id, a.id, ID_ROOM)
        log_line(a.s, LOG_NOTICE, b"Master replication ID changed")
        replicas_disconnect(a.r)
    store_unlock(a.s)


cdef bint memcmp_id(const char *a, const char *b) noexcept nogil:
    cdef int i
    for i in range(ID_ROOM - 1):
        if a[i] != b[i]:
            return True
    return False


cdef void synchronize(attempt *a) noexcept nogil:
    cdef int kind
    if not shake_hands(a):
        return
    kind = ask_for_stream(a)
    if kind == SYNC_CONTINUED:
        adopt_id(a)
        if wait_for_log(a):
            apply_stream(a)
    elif kind == SYNC_FULL and receive_snapshot(a):
        apply_stream(a)


cdef int64_t finish(attempt *a) noexcept nogil:
    """Returns for how long to wait."""
    cdef upstream *u = &a.r.up
    cdef int64_t ms
    store_lock(a.s)
    u.fd = -1
    if u.c != NULL:
        u.c.fd = 0
    if u.state == LINK_CONNECTED or u.down_ms == 0:
        u.down_ms = wall_ms()
    u.state = LINK_CONNECT
    special_set(&a.s.special, SPECIAL_STALE, is_replica(a.s))
    ms = 0 if u.changed else min(<int64_t>FIRST_RETRY_MS << min(u.retries, <int64_t>8), <int64_t>LAST_RETRY_MS)
    u.retries += 1
    store_unlock(a.s)
    wire_close(&a.w)
    return ms


cdef void *thread_main(void *context) noexcept nogil:
    cdef replication *r = <replication *>context
    cdef attempt *a = <attempt *>calloc(1, sizeof(attempt))
    cdef int64_t ms = 0
    if a == NULL:
        return NULL
    a.r = r
    a.s = r.s
    while not r.up.ended:
        ms = IDLE_MS
        if begin(a):
            synchronize(a)
            ms = finish(a)
        if ms and not r.up.changed:
            nap_for(&r.up.nap, <int>ms)
    free(a)
    return NULL


# ---- roles -------------------------------------------------------------------------------------------

cdef void interrupt(replication *r) noexcept nogil:
    r.up.changed = True
    if r.up.fd >= 0:
        wire_shutdown(r.up.fd)
    nap_wake(&r.up.nap)


cdef void keep_option(replication *r) noexcept nogil:
    """CONFIG GET and REWRITE show the role that is in force."""
    cdef char text[HOST_ROOM + 16]
    cdef buf ignored
    memset(&ignored, 0, sizeof(buf))
    text[0] = 0
    if is_replica(r.s):
        snprintf(text, sizeof(text), b"%s %d", r.up.host, r.up.port)
    config_set(&r.s.config, OPT_REPLICAOF, view_str(text), &ignored)
    buf_release(&ignored)


cdef void unblock(replication *r) noexcept nogil:
    """What they wait for is the master's to change."""
    cdef session *c = clients_of(r.s).first
    cdef session *following
    while c != NULL:
        following = c.next
        if c.wait != NULL:
            end_wait(c, b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")
        c = following


cdef bint ready(replication *r) noexcept nogil:
    """The thread and the session of the link."""
    if r.up.c == NULL:
        r.up.c = session_new(r.s, True)
        if r.up.c == NULL:
            return False
        r.up.c.master = True
    if not r.up.has_thread:
        store_share(r.s)
        r.up.ended = False
        r.up.has_thread = thread_start(&r.up.thread, thread_main, r) == 0
    return r.up.has_thread


cdef bint link_follow(store *s, view host, int port, bint hands_over) noexcept nogil:
    cdef replication *r = replication_open(s)
    cdef bint was_master = not is_replica(s)
    if r == NULL or not ready(r):
        return False
    snprintf(r.up.host, HOST_ROOM, b"%.*s", <int>min(host.len, <size_t>HOST_ROOM - 1), host.ptr)
    r.up.port = port
    r.up.state = LINK_CONNECT
    r.up.down_ms = wall_ms()
    r.up.retries = 0
    r.up.handover = HANDOVER_ASKED if hands_over else HANDOVER_NONE
    if was_master:
        r.up.c.db = max(r.db, 0)       # its history goes on where it ended
        unblock(r)
    special_set(&s.special, SPECIAL_REPLICA | SPECIAL_STALE, True)
    replicas_disconnect(r)
    replicas_count(s)
    keep_option(r)
    interrupt(r)
    replication_wake(s)
    return True


cdef bint link_promote(store *s) noexcept nogil:
    cdef replication *r = replication_of(s)
    if not is_replica(s):
        return False
    special_set(&s.special, SPECIAL_REPLICA | SPECIAL_STALE, False)
    r.up.host[0] = 0
    r.up.handover = HANDOVER_NONE
    r.up.mistrusted = False            # what it holds is a history of its own from now on
    stream_new_id(r, r.kept)
    r.db = -1
    r.alone_ms = wall_ms()
    replicas_disconnect(r)
    replicas_count(s)
    keep_option(r)
    interrupt(r)
    if s.on_deadline != NULL:          # keys expire again
        s.on_deadline(s, store_next(s))
    replication_wake(s)
    return True


cdef const char *link_state_text(replication *r) noexcept nogil:
    return (b"connected" if r.up.state == LINK_CONNECTED else b"connect" if r.up.state == LINK_CONNECT
            else b"connecting" if r.up.state == LINK_CONNECTING else b"sync")


# ---- end ---------------------------------------------------------------------------------------------

cdef void link_stop(replication *r) noexcept nogil:
    if r.up.has_thread:
        store_lock(r.s)
        r.up.ended = True
        interrupt(r)
        store_unlock(r.s)
        nap_end(&r.up.nap)
        pthread_join(r.up.thread, NULL)
        r.up.has_thread = False


cdef void link_abandon(replication *r) noexcept nogil:
    if is_replica(r.s) and progress_of(r.s) != NULL:
        progress_end(r.s)              # its thread was loading
    nap_init(&r.up.nap)                # it may have had that
    r.up.has_thread = False
    r.up.fd = -1
    special_set(&r.s.special, SPECIAL_REPLICA | SPECIAL_STALE, False)
