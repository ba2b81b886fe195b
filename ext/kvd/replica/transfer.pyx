"""A snapshot on its way to replicas: one walk for all that wait.

    +FULLRESYNC id offset | $EOF:mark  snapshot  mark      straight to the sockets
    +FULLRESYNC id offset | $length    file                through a file without a name, if repl-diskless-sync is no, or one of
                                                            the replicas does not know the mark

A thread alternates between a slice of the snapshot, under the lock, and its bytes, which it writes without. The network threads go on;
they do not write to these sockets meanwhile. Each connection's channel is shared (net/channel.pyx), so that one that is closed meanwhile
is noticed here, and an encrypted one is never used by two threads at once. The slowest replica sets the pace; one that takes no byte for repl-timeout is cut.

The offset is that of the snapshot's instant. What follows it waits in the backlog, and is sent when the replica has acknowledged the
snapshot: the bytes of the stream must not mix with the mark, which ends a read.
"""

from libc.errno cimport errno
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.stdint cimport uint64_t
from libc.string cimport memset, strerror, strlen

from kvd.core.buf cimport buf, buf_release, buf_reserve
from kvd.core.clock cimport NEVER, mono_us, wall_ms
from kvd.core.crc64 cimport crc64
from kvd.core.threads cimport pthread_join, pthread_t, thread_start
from kvd.net.channel cimport channel
from kvd.net.plain cimport would_block
from kvd.persist.file cimport RDB_HEADER, file_nameless, file_write, rdb_magic
from kvd.persist.rdb.forms cimport RDB_AUX, RDB_LEAST, RDB_USUAL, RDB_VERSION, RDB_VERSION_VALKEY
from kvd.persist.saves cimport is_busy
from kvd.persist.snapshot cimport (
    snapshot, snapshot_abandon, snapshot_asked, snapshot_delete, snapshot_filter, snapshot_give_up, snapshot_new,
    snapshot_some,
)
from kvd.replica.backlog cimport reader_begin
from kvd.replica.master cimport replica_online, replica_text
from kvd.replica.replication cimport (
    CAPA_EOF, CAPA_NEWEST, ID_ROOM, REPLICA_SENDING, REPLICA_SENT, REPLICA_WAITING, replica, replication_wake,
)
from kvd.replica.wire cimport wire_wait
from kvd.session.session cimport session_end, session_kill
from kvd.store.config cimport (
    OPT_DATABASES, OPT_DIR, OPT_RDBCHECKSUM, OPT_REPL_DISKLESS_SYNC, OPT_REPL_DISKLESS_SYNC_DELAY,
    OPT_REPL_DISKLESS_SYNC_MAX_REPLICAS, OPT_REPL_TIMEOUT, cfg, config_text,
)
from kvd.store.lock cimport guard_yield
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport store_lock, store_share, store_unlock

cdef extern from "kvd/replica/id.h" nogil:
    void make_id "kvd_make_id" (char *out)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    ssize_t pread(int fd, void *p, size_t n, long at)

cdef enum:
    SLICE = 32768              # bytes of the snapshot written under the lock at once
    CHUNK = 262144             # bytes written to the sockets at once
    STEP_MS = 100              # between two looks at whether it is cancelled
    ALIVE_MS = 1000            # between two signs of life while a file is written
    NAME_ROOM = 400

cdef struct target:
    replica *one               # NULL: it is gone. Under the lock
    channel line               # a second one for its connection
    bint old                   # it came by SYNC
    bint failed

cdef struct transfer:
    replication *of
    store *s
    pthread_t thread
    bint running
    bint cancelled
    bint by_file
    int file
    uint64_t length            # of the file
    int version
    bint checks                # the snapshot ends with a checksum
    uint64_t crc
    char mark[ID_ROOM]
    char head[128]             # the answer to PSYNC
    int64_t timeout_ms
    int64_t alive_ms           # the last sign of life
    snapshot *walk
    int count
    target targets[1]


# ---- whom --------------------------------------------------------------------------------------------

cdef bint has_timed_fields(store *s) noexcept nogil:
    cdef int i
    for i in range(cfg(&s.config, OPT_DATABASES)):
        if s.dbs[i].fields != NULL and s.dbs[i].fields.count:
            return True
    return False


cdef int version_for(replica *one) noexcept nogil:
    """The RDB version that it reads. Deadlines of fields need a newer one, which differs between Redis and Valkey, and arrays one that only Redis has."""
    cdef store *s = one.of.s
    if snapshot_asked(s):
        return snapshot_asked(s)
    if one.capabilities & CAPA_NEWEST or (s.arrays and not one.valkey):
        return RDB_VERSION
    if not has_timed_fields(s):
        return RDB_LEAST
    return RDB_VERSION_VALKEY if one.valkey >= 90000 else RDB_USUAL


cdef bint fits(replica *one, replica *first) noexcept nogil:
    """Can one snapshot serve both?"""
    return (one.state == REPLICA_WAITING and one.filters == first.filters and one.wants_libraries == first.wants_libraries
            and one.who.out.len == 0 and one.who.pending == 0 and not one.who.killed and version_for(one) == version_for(first))


cdef replica *first_waiting(replication *r) noexcept nogil:
    """The one that has waited longest."""
    cdef replica *one = r.first
    cdef replica *found = NULL
    while one != NULL:
        if one.state == REPLICA_WAITING and not one.who.killed:
            found = one
        one = one.next
    return found


cdef int count_waiting(replication *r, bint *all_know_mark) noexcept nogil:
    cdef replica *one = r.first
    cdef int n = 0
    all_know_mark[0] = True
    while one != NULL:
        if one.state == REPLICA_WAITING:
            n += 1
            all_know_mark[0] = all_know_mark[0] and one.capabilities & CAPA_EOF != 0
        one = one.next
    return n


cdef int64_t transfer_due_ms(replication *r, int64_t now) noexcept nogil:
    cdef replica *first = first_waiting(r)
    cdef bint diskless
    cdef int n = count_waiting(r, &diskless)
    cdef int64_t most = cfg(&r.s.config, OPT_REPL_DISKLESS_SYNC_MAX_REPLICAS)
    if first == NULL:
        return NEVER
    if not diskless or not cfg(&r.s.config, OPT_REPL_DISKLESS_SYNC) or (most and n >= most) or first.only_data:
        return now
    return first.since_ms + 1000 * cfg(&r.s.config, OPT_REPL_DISKLESS_SYNC_DELAY)


# ---- sending -----------------------------------------------------------------------------------------

cdef bint send(transfer *t, target *to, const char *p, size_t n) noexcept nogil:
    cdef int64_t moved = mono_us()
    cdef ssize_t k
    while (n or to.line.unsent) and not to.failed:
        k = to.line.by.write(&to.line, p, n) if n else to.line.by.flush(&to.line)
        if k < 0 and not would_block():
            to.failed = True
        elif k > 0:
            moved = mono_us()
            p += k
            n -= k
        elif k == 0 and not to.line.unsent:
            break
        elif t.cancelled or mono_us() - moved > t.timeout_ms * 1000 or to.one == NULL:
            to.failed = True
        else:
            wire_wait(to.line.fd, True, STEP_MS)
    return not to.failed


cdef bint send_all(transfer *t, const char *p, size_t n) noexcept nogil:
    """False: no replica is left."""
    cdef int i
    cdef bint some = False
    for i in range(t.count):
        some |= send(t, &t.targets[i], p, n)
    return some


cdef bint send_bytes(transfer *t, const char *p, size_t n) noexcept nogil:
    """Of the snapshot, to where it goes."""
    cdef int error
    if t.checks:
        t.crc = crc64(t.crc, p, n)
    if not t.by_file:
        return send_all(t, p, n)
    error = file_write(t.file, p, n)
    if error:
        log_failure(t, b"Write error while a snapshot for replicas is written", error)
        return False
    t.length += n
    if wall_ms() - t.alive_ms > ALIVE_MS:
        t.alive_ms = wall_ms()
        return send_all(t, b"\n", 1)
    return True


cdef void log_failure(transfer *t, const char *what, int error) noexcept nogil:
    cdef char text[256]
    snprintf(text, sizeof(text), b"%s: %s", what, strerror(error))
    log_line(t.s, LOG_WARNING, text)


cdef bint send_head(transfer *t) noexcept nogil:
    """False: no replica is left."""
    cdef char mark[64]
    cdef target *to
    cdef bint some = False
    cdef int i
    snprintf(mark, sizeof(mark), b"$EOF:%s\r\n", t.mark)
    for i in range(t.count):
        to = &t.targets[i]
        some |= (to.old or send(t, to, t.head, strlen(t.head))) and (t.by_file or send(t, to, mark, strlen(mark)))
    return some


cdef bint send_walk(transfer *t, buf *chunk) noexcept nogil:
    cdef bint whole = False
    cdef bint ok = True
    cdef buf taken
    while not whole:
        store_lock(t.s)
        if (t.cancelled or not ok) and not t.walk.muted:
            snapshot_give_up(t.walk)
        whole = snapshot_some(t.walk, SLICE)
        if t.walk.out.len >= CHUNK or whole:
            taken = t.walk.out
            t.walk.out = chunk[0]
            chunk[0] = taken
        store_unlock(t.s)
        if chunk.len and ok:
            ok = send_bytes(t, chunk.ptr, chunk.len)
        chunk.len = 0
        guard_yield(&t.s.guard)
    return ok and not t.walk.muted and not t.walk.failed


cdef bint send_end(transfer *t) noexcept nogil:
    cdef uint64_t crc = t.crc if t.checks else 0
    t.checks = False
    return send_bytes(t, <const char *>&crc, 8) and (t.by_file or send_all(t, t.mark, ID_ROOM - 1))


cdef bint send_file(transfer *t, buf *chunk) noexcept nogil:
    cdef char head[32]
    cdef uint64_t at = 0
    cdef ssize_t n
    snprintf(head, sizeof(head), b"$%llu\r\n", <unsigned long long>t.length)
    chunk.len = 0
    if not buf_reserve(chunk, CHUNK) or not send_all(t, head, strlen(head)):
        return False
    while at < t.length:
        n = pread(t.file, chunk.ptr, min(<uint64_t>CHUNK, t.length - at), <long>at)
        if n <= 0 or not send_all(t, chunk.ptr, n):
            return False
        at += n
    return True


# ---- the thread --------------------------------------------------------------------------------------

cdef void end_target(transfer *t, target *to, bint ok) noexcept nogil:
    """Under the lock."""
    cdef char name[NAME_ROOM]
    cdef char text[512]
    to.line.by.close(&to.line)
    if to.one == NULL:
        return
    to.one.transfer_at = NULL
    if not ok or to.failed:
        replica_text(to.one, name, sizeof(name))
        snprintf(text, sizeof(text), b"The snapshot could not be sent to replica %s: it is disconnected", name)
        log_line(t.s, LOG_WARNING, text)
        session_kill(to.one.who)
        return
    to.one.heard_ms = wall_ms()
    if to.one.only_data:
        session_end(to.one.who)
        if to.one.who.wake != NULL:
            to.one.who.wake(to.one.who)
    elif t.by_file or to.one.early:
        replica_online(to.one)
    else:
        to.one.state = REPLICA_SENT


cdef void *thread_main(void *context) noexcept nogil:
    cdef transfer *t = <transfer *>context
    cdef store *s = t.s
    cdef buf chunk
    cdef bint ok
    cdef int i
    memset(&chunk, 0, sizeof(chunk))
    ok = send_head(t)
    t.cancelled = t.cancelled or not ok
    ok = send_walk(t, &chunk) and send_end(t) and (not t.by_file or send_file(t, &chunk))
    buf_release(&chunk)
    if t.file >= 0:
        close(t.file)
    store_lock(s)
    if t.walk.unfit != NULL:
        log_line(s, LOG_WARNING, t.walk.unfit)
    snapshot_delete(t.walk)
    t.walk = NULL
    for i in range(t.count):
        end_target(t, &t.targets[i], ok)
    log_line(s, LOG_NOTICE, b"Streamed replication transfer terminated with success" if ok else b"Streamed replication transfer failed")
    t.running = False
    replication_wake(s)
    store_unlock(s)
    return NULL


# ---- begin and end -----------------------------------------------------------------------------------

cdef inline transfer *transfer_of(replication *r) noexcept nogil:
    return <transfer *>r.transfer


cdef void join_ended(replication *r) noexcept nogil:
    if transfer_of(r) != NULL and not transfer_of(r).running:
        pthread_join(transfer_of(r).thread, NULL)
        free(r.transfer)
        r.transfer = NULL


cdef transfer *transfer_new(replication *r, replica *first) noexcept nogil:
    """With those that wait, as far as one snapshot serves all of them."""
    cdef transfer *t = <transfer *>calloc(1, sizeof(transfer) + r.count * sizeof(target))
    cdef replica *one = r.first
    cdef channel *line
    if t == NULL:
        return NULL
    t.of = r
    t.s = r.s
    t.file = -1
    t.version = version_for(first)
    t.checks = cfg(&r.s.config, OPT_RDBCHECKSUM)
    t.by_file = not cfg(&r.s.config, OPT_REPL_DISKLESS_SYNC)
    t.timeout_ms = 1000 * cfg(&r.s.config, OPT_REPL_TIMEOUT)
    make_id(t.mark)
    while one != NULL:
        if fits(one, first):
            line = one.who.line
            if line != NULL and line.by.share(line, &t.targets[t.count].line):
                t.targets[t.count].one = one
                t.targets[t.count].old = one.old
                t.count += 1
                t.by_file = t.by_file or not one.capabilities & CAPA_EOF
        one = one.next
    return t


cdef void drop(transfer *t, bint forked) noexcept nogil:
    cdef channel *line
    cdef int i
    for i in range(t.count):
        if t.targets[i].one != NULL:
            t.targets[i].one.transfer_at = NULL
        line = &t.targets[i].line
        if forked:
            line.by.forget(line)
        else:
            line.by.close(line)
    if t.file >= 0:
        close(t.file)
    free(t)


cdef bint begin_walk(transfer *t, replica *first) noexcept nogil:
    """The instant."""
    cdef replica *one
    cdef int i
    t.walk = snapshot_new(t.s, False, t.version)
    if t.walk == NULL:
        return False
    t.walk.lenient = True
    if first.filters:
        snapshot_filter(t.walk, first.wants_libraries)
    rdb_magic(t.walk.out.ptr, t.version)
    t.walk.out.ptr[RDB_HEADER] = <char>RDB_AUX       # where rdb_magic has ended its text
    t.of.db = -1
    snprintf(t.head, sizeof(t.head), b"+FULLRESYNC %s %lld\r\n", t.of.id, <long long>t.of.stream.offset)
    for i in range(t.count):
        one = t.targets[i].one
        if not reader_begin(&t.of.stream, &one.at, t.of.stream.offset):
            return False
        one.state = REPLICA_SENDING
        one.early = False
        one.transfer_at = &t.targets[i].one
    return True


cdef bint launch(transfer *t, replica *first) noexcept nogil:
    if t.by_file:
        t.file = file_nameless(config_text(&t.s.config, OPT_DIR))
        if t.file < 0:
            log_failure(t, b"Can't create a file for a snapshot for replicas", errno)
            return False
    store_share(t.s)
    if not begin_walk(t, first):
        return False
    t.running = True
    t.of.transfer = t
    if thread_start(&t.thread, thread_main, t) != 0:
        t.of.transfer = NULL
        return False
    log_line(t.s, LOG_NOTICE, b"Starting BGSAVE for SYNC with target: disk" if t.by_file else b"Starting BGSAVE for SYNC with target: replicas sockets")
    return True


cdef void refuse(transfer *t) noexcept nogil:
    """It could not be begun: the replicas come again."""
    cdef int i
    if t.walk != NULL:
        snapshot_abandon(t.walk)
    log_line(t.s, LOG_WARNING, b"BGSAVE for replication failed")
    for i in range(t.count):
        session_kill(t.targets[i].one.who)
    drop(t, False)


cdef void transfer_begin_due(replication *r, int64_t now) noexcept nogil:
    cdef replica *first
    cdef transfer *t
    join_ended(r)
    if r.transfer != NULL or is_busy(r.s) or transfer_due_ms(r, now) > now:
        return
    first = first_waiting(r)
    t = transfer_new(r, first)
    if t == NULL:
        return
    if t.count == 0:
        drop(t, False)                        # a sign of life is on its way to them
    elif not launch(t, first):
        refuse(t)


cdef void transfer_stop(replication *r) noexcept nogil:
    if r.transfer != NULL:
        transfer_of(r).cancelled = True
        pthread_join(transfer_of(r).thread, NULL)
        free(r.transfer)
        r.transfer = NULL


cdef void transfer_abandon(replication *r) noexcept nogil:
    if r.transfer != NULL:
        drop(transfer_of(r), True)
        r.transfer = NULL
