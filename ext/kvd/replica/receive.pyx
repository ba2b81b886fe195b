"""The snapshot that a master sends: received, loaded, installed.

    $length | that many bytes
    $EOF:mark | bytes | mark           the snapshot's own end tells where it ends

repl-diskless-load decides the order of things:

    disabled              into a file without a name; then what the store holds is dropped, and the file is loaded. Clients read the
                          old data until then, and are told LOADING while it loads
    flush-before-load     dropped at once, and loaded as it comes
    on-empty-db           the latter if there is nothing to drop, else the former
    swapdb                loaded as it comes, beside the old data, which clients go on reading: it needs memory for both

In each case the data is installed with its id and offset at one instant, when all of it has been read and its checksum is right. Then a
log, if there is one, is written anew from it; the stream goes on after that, so that a crash leaves either history whole.

Loading and writing the log take longer than repl-timeout if the data set is large: the master is sent a line break once a second, by
which it knows that this replica is alive.
"""

from libc.errno cimport ENOMEM, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memmove, strerror

from kvd.core.clock cimport wall_ms
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_of, view_str
from kvd.net.plain cimport set_errno
from kvd.persist.file cimport file_nameless, file_write
from kvd.persist.journal cimport journal_of
from kvd.persist.load cimport (
    LOADING_LENDS, LOADING_PREAMBLE, LOADING_UNCHECKED, LOADING_WHOLE, bytes_source, loading, loading_drop,
    loading_feed, loading_finish, loading_offset, loading_open_source, loading_rest, loading_some,
)
from kvd.persist.nap cimport nap_for
from kvd.persist.progress cimport progress_at, progress_begin, progress_end, progress_of
from kvd.persist.rewrite cimport log_is_stale
from kvd.replica.handshake cimport lock_between_commands, tell
from kvd.replica.master cimport replicas_disconnect
from kvd.replica.replication cimport ID_ROOM, stream_end, stream_move
from kvd.replica.wire cimport ECANCELED, wire_line, wire_read, wire_send_now
from kvd.run.after cimport after
from kvd.store.change cimport changes_are_saved, changes_made
from kvd.store.config cimport OPT_DATABASES, OPT_DIR, OPT_RDBCHECKSUM, OPT_REPL_DISKLESS_LOAD, cfg, config_text
from kvd.store.keyspace cimport keyspace_flush
from kvd.store.lock cimport guard_yield
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport store, store_lock, store_unlock

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    ssize_t pread(int fd, void *p, size_t n, long at)

cdef enum load_mode:           # repl-diskless-load, in the order of its words
    LOAD_DISABLED
    LOAD_ON_EMPTY
    LOAD_SWAPDB
    LOAD_FLUSH_FIRST

cdef enum:
    SLICE = 1 << 18            # bytes loaded under the lock at once
    CHUNK = 1 << 18            # bytes written to the file at once
    WAIT_MS = 50               # between two looks at a rewrite of the log
    ALIVE_MS = 1000            # between two signs of life

cdef struct receiving:
    bytes_source source        # of the loading
    attempt *a
    int64_t length             # -1: it ends with the mark
    char mark[ID_ROOM]
    uint64_t arrived
    int file                   # or -1: straight from the connection
    uint64_t at                # of the file
    uint64_t size


cdef bint give_up(attempt *a, const char *why, int code) noexcept nogil:
    """False."""
    if code != ECANCELED:
        tell(a, LOG_WARNING, why, view_str(strerror(code)))
    return False


# ---- from the connection -----------------------------------------------------------------------------

cdef bint read_header(receiving *v) noexcept nogil:
    cdef attempt *a = v.a
    cdef view line
    line.len = 0
    while line.len == 0:
        if not wire_line(&a.w, &line):
            return give_up(a, b"I/O error reading bulk count from MASTER: %.*s", a.w.error)
    if line.len == 5 + ID_ROOM - 1 and memcmp(line.ptr, b"$EOF:", 5) == 0:
        memcpy(v.mark, line.ptr + 5, ID_ROOM - 1)
        v.length = -1
        return True
    if line.ptr[0] == c'$' and parse_int(view_of(line.ptr + 1, line.len - 1), &v.length) and v.length >= 0:
        return True
    if line.ptr[0] == c'-':
        tell(a, LOG_WARNING, b"MASTER aborted replication with an error: %.*s", line)
    else:
        tell(a, LOG_WARNING, b"Bad protocol from MASTER, the first byte is not '$' (we received '%.*s'), are you sure the host and port are right?", line)
    return False


cdef void note_arrival(receiving *v, ssize_t n) noexcept nogil:
    v.arrived += n
    v.a.r.up.arrived = v.arrived
    v.a.r.up.heard_ms = wall_ms()


cdef ssize_t take_received(bytes_source *self, char *p, size_t n) noexcept nogil:
    cdef receiving *v = <receiving *>self
    cdef ssize_t got
    if v.length >= 0:
        n = min(<uint64_t>n, <uint64_t>v.length - v.arrived)
        if n == 0:
            return 0
    got = wire_read(&v.a.w, p, n)
    if got < 0:
        set_errno(v.a.w.error)
    else:
        note_arrival(v, got)
    return got


cdef ssize_t take_filed(bytes_source *self, char *p, size_t n) noexcept nogil:
    cdef receiving *v = <receiving *>self
    cdef ssize_t got = pread(v.file, p, min(<uint64_t>n, v.size - v.at), <long>v.at)
    if got > 0:
        v.at += got
    return got


cdef bint read_rest(receiving *v, view have) noexcept nogil:
    """After the snapshot: the mark, of which some bytes have been read already, or nothing."""
    cdef char found[ID_ROOM]
    cdef ssize_t n
    if v.file >= 0:
        return have.len == 0 and v.at == v.size
    if v.length >= 0:
        return have.len == 0 and v.arrived == <uint64_t>v.length
    if have.len > ID_ROOM - 1:
        return False
    memcpy(found, have.ptr, have.len)
    while have.len < ID_ROOM - 1:
        n = wire_read(&v.a.w, found + have.len, ID_ROOM - 1 - have.len)
        if n < 0:
            return False
        have.len += n
    return memcmp(found, v.mark, ID_ROOM - 1) == 0


# ---- into a file -------------------------------------------------------------------------------------

cdef bint is_end(receiving *v, const char *tail) noexcept nogil:
    return v.length < 0 and v.arrived >= ID_ROOM - 1 and memcmp(tail, v.mark, ID_ROOM - 1) == 0


cdef bint copy_to_file(receiving *v, char *room) noexcept nogil:
    """room: the last bytes before, and a chunk."""
    cdef ssize_t n
    cdef int error
    cdef size_t keep = ID_ROOM - 1
    while v.length < 0 or v.arrived < <uint64_t>v.length:
        n = take_received(&v.source, room + keep, CHUNK)
        if n <= 0:
            return give_up(v.a, b"I/O error trying to sync with MASTER: %.*s", v.a.w.error)
        error = file_write(v.file, room + keep, n)
        if error:
            return give_up(v.a, b"Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA synchronization: %.*s", error)
        v.size += n
        if is_end(v, room + n):
            v.size -= keep
            return True
        memmove(room, room + n, keep)
    return True


cdef bint receive_file(receiving *v) noexcept nogil:
    cdef char folder[4096]
    cdef char *room
    cdef bint ok
    store_lock(v.a.s)
    snprintf(folder, sizeof(folder), b"%s", config_text(&v.a.s.config, OPT_DIR))
    store_unlock(v.a.s)
    v.file = file_nameless(folder)
    if v.file < 0:
        return give_up(v.a, b"Opening the temp file needed for MASTER <-> REPLICA synchronization: %.*s", errno)
    room = <char *>calloc(1, CHUNK + ID_ROOM)
    if room == NULL:
        return give_up(v.a, b"%.*s", ENOMEM)
    log_line(v.a.s, LOG_NOTICE, b"MASTER <-> REPLICA sync: receiving data from master to disk")
    ok = copy_to_file(v, room)
    free(room)
    v.source.take = take_filed
    return ok


# ---- loading -----------------------------------------------------------------------------------------

cdef bint is_empty(store *s) noexcept nogil:
    cdef int i
    for i in range(cfg(&s.config, OPT_DATABASES)):
        if s.dbs[i].keys.items:
            return False
    return True


cdef bint drop_old(attempt *a) noexcept nogil:
    """Clients are refused from now on, and the history ends: if the load fails, nothing can be continued. False: no memory."""
    cdef store *s = a.s
    cdef int i
    cdef bint ok
    lock_between_commands(a)
    ok = not a.r.up.changed and progress_begin(s)
    if ok:
        log_line(s, LOG_NOTICE, b"MASTER <-> REPLICA sync: Flushing old data")
        for i in range(cfg(&s.config, OPT_DATABASES)):
            keyspace_flush(s, &s.dbs[i], True)
        replicas_disconnect(a.r)
        stream_end(a.r)                # if the load fails, there is no history to continue
    store_unlock(s)
    return ok


cdef bint install(attempt *a, loading *l) noexcept nogil:
    """Under the lock: the instant at which this store becomes its master's copy."""
    cdef store *s = a.s
    if a.r.up.changed or not loading_finish(l):
        return False
    replicas_disconnect(a.r)
    stream_move(a.r, view_str(a.id), a.offset)
    a.r.up.mistrusted = False
    a.r.up.c.db = <int>l.origin.db if 0 <= l.origin.db < cfg(&s.config, OPT_DATABASES) else 0
    changes_are_saved(s, changes_made(s))
    log_is_stale(s, True)
    after(s)
    return True


cdef void give_sign_of_life(attempt *a) noexcept nogil:
    if wall_ms() - a.alive_ms >= ALIVE_MS:
        a.alive_ms = wall_ms()
        wire_send_now(&a.w, b"\n", 1)


cdef bint load_slices(receiving *v, loading *l) noexcept nogil:
    cdef store *s = v.a.s
    cdef bint going = True
    cdef bint ok = False
    while going:
        loading_feed(l)
        give_sign_of_life(v.a)
        lock_between_commands(v.a)
        going = not v.a.r.up.changed and loading_some(l, SLICE)
        progress_at(s, loading_offset(l))
        store_unlock(s)
        guard_yield(&s.guard)
    ok = l.state == LOADING_WHOLE and read_rest(v, loading_rest(l))
    lock_between_commands(v.a)
    ok = ok and install(v.a, l)
    loading_drop(l)
    if progress_of(s) != NULL:
        progress_end(s)
    store_unlock(s)
    return ok


cdef bint load(receiving *v) noexcept nogil:
    cdef store *s = v.a.s
    cdef loading *l = <loading *>calloc(1, sizeof(loading))
    cdef char text[500]
    cdef bint ok
    if l == NULL:
        return give_up(v.a, b"%.*s", ENOMEM)
    log_line(s, LOG_NOTICE, b"MASTER <-> REPLICA sync: Loading DB in memory")
    store_lock(s)
    loading_open_source(l, s, &v.source, LOADING_PREAMBLE | LOADING_LENDS | (0 if cfg(&s.config, OPT_RDBCHECKSUM) else LOADING_UNCHECKED))
    l.size = v.size if v.file >= 0 else <uint64_t>max(v.length, <int64_t>0)
    store_unlock(s)
    ok = load_slices(v, l)
    if ok:
        snprintf(text, sizeof(text), b"Done loading RDB, keys loaded: %llu, keys expired: %llu.", <unsigned long long>l.keys, <unsigned long long>l.expired)
        log_line(s, LOG_NOTICE, text)
        log_line(s, LOG_NOTICE, b"MASTER <-> REPLICA sync: Finished with success")
    elif not v.a.r.up.changed:
        snprintf(text, sizeof(text), b"Failed trying to load the MASTER synchronization DB: %s", <const char *>l.error if l.error[0] else <const char *>b"its end is wrong")
        log_line(s, LOG_WARNING, text)
    free(l)
    return ok


cdef bint wait_for_log(attempt *a) noexcept nogil:
    cdef bint whole = False
    while not whole and not a.r.up.changed:
        store_lock(a.s)
        whole = journal_of(a.s) == NULL or not journal_of(a.s).stale
        store_unlock(a.s)
        if not whole:
            give_sign_of_life(a)
            nap_for(&a.r.up.nap, WAIT_MS)
    return whole


# ---- all of it ---------------------------------------------------------------------------------------

cdef bint goes_to_file(attempt *a) noexcept nogil:
    """Decides by repl-diskless-load; what is loaded into an empty store is dropped first."""
    cdef int64_t mode
    cdef bint empty
    store_lock(a.s)
    mode = cfg(&a.s.config, OPT_REPL_DISKLESS_LOAD)
    empty = is_empty(a.s)
    store_unlock(a.s)
    return mode == LOAD_DISABLED or (mode == LOAD_ON_EMPTY and not empty)


cdef bint receive_with(receiving *v) noexcept nogil:
    cdef attempt *a = v.a
    cdef bint by_file = goes_to_file(a)
    if not read_header(v):
        return False
    a.r.up.total = v.length
    if by_file and not receive_file(v):
        return False
    if (by_file or cfg(&a.s.config, OPT_REPL_DISKLESS_LOAD) != LOAD_SWAPDB) and not drop_old(a):
        return False
    return load(v) and wait_for_log(a)


cdef bint receive_snapshot(attempt *a) noexcept nogil:
    cdef receiving *v = <receiving *>calloc(1, sizeof(receiving))
    cdef bint ok
    if v == NULL:
        return give_up(a, b"%.*s", ENOMEM)
    v.a = a
    v.file = -1
    v.source.take = take_received
    a.alive_ms = wall_ms()
    ok = receive_with(v)
    if v.file >= 0:
        close(v.file)
    free(v)
    a.r.up.total = -1
    return ok
