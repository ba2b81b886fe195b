"""The append-only log of a store: effects as they are delivered, a buffer, a file.

    command -> effects (store/effects.pyx) -> pending -> write, before the reply is sent -> fsync

`journal_flush` runs between the commands of a round and their replies. With appendfsync always it also syncs, once for all
clients of the round, so that a reply means that the write is on the disk. With everysec the log's thread syncs (attach.pyx).
Writing happens under the store's lock, syncing without: descriptors are duplicated, and after the lock was taken again the log may
be another one (`journal_is`).

What is written counts as synced when all that it needs after a loss of power is: the file, the file before it (`retired`), and the
names in the folder (`listed`), in the order in which a log is read. During the end of the rewrite of a log in one file, writes go to
its successor, too (`next`), and so does a sync.

A crash at any instruction leaves files that load: effects are written only to the last file that is valid, so only that one can end
in the middle of a command.
"""

from libc.errno cimport EBADF, ENOMEM
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport strerror

from kvd.core.buf cimport buf_add, buf_drop_front, buf_printf, buf_release
from kvd.core.clock cimport mono_us
from kvd.persist.file cimport file_sync, file_truncate, file_write, file_write_some, folder_sync
from kvd.persist.latency cimport latency_begin, latency_ms, latency_note
from kvd.persist.manifest cimport manifest_release
from kvd.persist.nap cimport nap_init
from kvd.persist.saves cimport is_saving
from kvd.store.config cimport OPT_AOF_TIMESTAMP_ENABLED, OPT_APPENDFSYNC, cfg
from kvd.store.effects cimport TO_LOG, effect, effect_bytes, effect_next, effects
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport SPECIAL_UNLOGGED, special_set, store_lock, store_unlock

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    int dup(int fd)

cdef enum:
    LAZY_BYTES = 1048576       # a lazy log writes when so much is pending

cdef struct syncing:           # what is synced without the lock, as of the instant at which it was released
    int retired                # descriptors of our own
    int fd
    int next
    bint has_retired           # what is to be synced
    bint has_names
    bint has_current
    bint has_next
    int64_t seq                # which file the retired one is
    uint64_t renames
    uint64_t upto
    int retired_error          # errno, or 0
    int names_error
    int error
    int next_error
    char folder[PATH_ROOM]


cdef int journal_policy_of(journal *j) noexcept nogil:
    return j.sync if j.single[0] else <int>cfg(&j.s.config, OPT_APPENDFSYNC)


cdef bint journal_is_strict(store *s) noexcept nogil:
    return journal_of(s) != NULL and journal_policy_of(journal_of(s)) == SYNC_ALWAYS


# ---- appending ---------------------------------------------------------------------------------------

cdef int count_for_log(effects *unit) noexcept nogil:
    cdef effect *e = effect_next(unit, NULL)
    cdef int n = 0
    while e != NULL:
        n += e.targets & TO_LOG != 0
        e = effect_next(unit, e)
    return n


cdef void add_select(journal *j, int db) noexcept nogil:
    cdef char text[16]
    cdef int n
    if j.db != db:
        n = snprintf(text, sizeof(text), b"%d", db)
        buf_printf(&j.pending, b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%s\r\n", n, text)
        j.db = db


cdef void add_time(journal *j) noexcept nogil:
    """aof-timestamp-enabled: a line that tells when what follows was done, once a second."""
    cdef int64_t now = j.s.now // 1000
    if cfg(&j.s.config, OPT_AOF_TIMESTAMP_ENABLED) and now > j.stamped:
        j.stamped = now
        buf_printf(&j.pending, b"#TS:%lld\r\n", <long long>now)


cdef void take(consumer *self, effects *unit) noexcept nogil:
    cdef journal *j = <journal *>self
    cdef effect *e = effect_next(unit, NULL)
    cdef view v
    cdef int n = count_for_log(unit)
    cdef size_t begin = j.pending.len
    if n:
        add_time(j)
    if n > 1:
        buf_add(&j.pending, b"*1\r\n$5\r\nMULTI\r\n", 15)
    while e != NULL:
        if e.targets & TO_LOG:
            add_select(j, e.db)
            v = effect_bytes(e)
            buf_add(&j.pending, v.ptr, v.len)
        e = effect_next(unit, e)
    if n > 1:
        buf_add(&j.pending, b"*1\r\n$4\r\nEXEC\r\n", 14)
    if j.collects:
        buf_add(&j.since, j.pending.ptr + begin, j.pending.len - begin)
    if unit.bytes.failed or j.pending.failed:
        journal_fail(j, ENOMEM)
    j.s.unwritten = j.s.unwritten or (n != 0 and (not j.lazy or j.pending.len > LAZY_BYTES))


cdef bint journal_fail(journal *j, int error) noexcept nogil:
    """Writes are refused from now on, until what failed has succeeded (settle). True: error is 0."""
    cdef char text[256]
    if error and j.error == 0:
        snprintf(text, sizeof(text), b"Error writing to the AOF file: %s", strerror(error))
        log_line(j.s, LOG_WARNING, text)
    j.error = j.s.log_error = error
    if error:
        j.s.unwritten = False              # the thread tries again
    special_set(&j.s.special, SPECIAL_UNLOGGED, error != 0)
    return error == 0


cdef bint settle(journal *j) noexcept nogil:
    """After a success: writes are accepted again if nothing is left to be repeated. True."""
    if j.error and not j.pending.len and not j.unsynced and not j.unlisted and not j.unretired:
        log_line(j.s, LOG_WARNING, b"AOF write error looks solved. The server can write again.")
        journal_fail(j, 0)
    j.s.unwritten = j.pending.len != 0 or (journal_policy_of(j) == SYNC_ALWAYS and j.synced < j.written)
    return True


# ---- writing -----------------------------------------------------------------------------------------

cdef void note_write(journal *j, int64_t ms) noexcept nogil:
    latency_note(j.s, b"aof-write-pending-fsync" if j.syncing else b"aof-write-active-child" if is_saving(j.s) else b"aof-write-alone", ms)
    latency_note(j.s, b"aof-write", ms)


cdef void write_next(journal *j, size_t n) noexcept nogil:
    """What was written to the file goes to its successor as well. A failure ends the rewrite, not the log."""
    if not j.doubles:
        return
    j.doubles = file_write(j.next, j.pending.ptr, n) == 0
    j.next_size += n


cdef bint journal_write(journal *j) noexcept nogil:
    cdef size_t done
    cdef int error
    cdef int64_t begun = latency_begin(j.s)
    if j.pending.len == 0:
        return True
    error = file_write_some(j.fd, j.pending.ptr, j.pending.len, &done)
    note_write(j, latency_ms(begun))
    if error:
        if done and file_truncate(j.fd, j.size):   # half a command must not be followed by others: its rest is written next
            log_line(j.s, LOG_WARNING, b"Could not remove short write from the append-only file")
            write_next(j, done)
            buf_drop_front(&j.pending, done)
            j.size += done
            j.written += done
        return journal_fail(j, error)
    write_next(j, j.pending.len)
    j.size += j.pending.len
    j.written += j.pending.len
    j.pending.len = 0
    if j.pending.cap > LAZY_BYTES:
        buf_release(&j.pending)
    return settle(j)


# ---- syncing -----------------------------------------------------------------------------------------

cdef bint note_sync(journal *j, uint64_t upto, int error) noexcept nogil:
    j.unsynced = error != 0
    if error:
        return journal_fail(j, error)
    j.synced = max(j.synced, upto)
    return settle(j)


cdef bint journal_note_names(journal *j, uint64_t upto, int error) noexcept nogil:
    """After the folder was synced. What a rename replaced is in use, but may be back after a loss of power: the thread tries again."""
    j.unlisted = error != 0
    if error:
        return journal_fail(j, error)
    j.listed = max(j.listed, upto)
    return settle(j)


cdef bint journal_note_retired(journal *j, int error) noexcept nogil:
    """The file before this one is closed if its sync succeeded, else kept and tried again."""
    j.unretired = error != 0
    if error:
        return journal_fail(j, error)
    close(j.retired)
    j.retired = -1
    return settle(j)


cdef void note_always(journal *j, int64_t begun) noexcept nogil:
    """A sync that replies wait for."""
    if journal_policy_of(j) == SYNC_ALWAYS:
        latency_note(j.s, b"aof-fsync-always", latency_ms(begun))


cdef void plan(journal *j, syncing *y, bint current) noexcept nogil:
    y.has_retired = j.retired >= 0
    y.has_names = j.listed < j.renames
    y.has_current = current
    y.has_next = current and j.doubles
    y.retired = dup(j.retired) if y.has_retired else -1
    y.fd = dup(j.fd) if y.has_current else -1
    y.next = dup(j.next) if y.has_next else -1
    y.seq = j.files.increment_seq
    y.renames = j.renames
    y.upto = j.written
    snprintf(y.folder, PATH_ROOM, b"%s", j.folder)


cdef int sync_copy(bint wanted, int fd) noexcept nogil:
    """Closes it."""
    cdef int error
    if not wanted:
        return 0
    if fd < 0:
        return EBADF
    error = file_sync(fd)
    close(fd)
    return error


cdef void sync_all(syncing *y) noexcept nogil:
    """In order: a file is not synced before what has to be read before it."""
    y.retired_error = sync_copy(y.has_retired, y.retired)
    y.names_error = folder_sync(y.folder) if y.has_names else 0
    y.error = sync_copy(y.has_current, y.fd)
    y.next_error = sync_copy(y.has_next, y.next)


cdef bint note_all(journal *j, syncing *y) noexcept nogil:
    cdef bint ok = True
    if y.has_retired and j.retired >= 0 and y.seq == j.files.increment_seq:
        ok = journal_note_retired(j, y.retired_error)
    if y.has_names:
        ok = journal_note_names(j, y.renames, y.names_error) and ok
    if y.has_next and y.next_error:
        j.doubles = False
    return ok and (not y.has_current or note_sync(j, y.upto, y.error))


cdef bint journal_sync_unlocked(journal *j, bint current) noexcept nogil:
    cdef syncing y
    cdef int64_t begun = mono_us()
    cdef int64_t born = j.born
    cdef store *s = j.s
    plan(j, &y, current)
    j.syncing = j.syncing or current
    store_unlock(s)
    sync_all(&y)
    store_lock(s)
    if not journal_is(s, born):
        return True
    if current:
        j.syncing = False
        note_always(j, begun)
        j.delayed += mono_us() - begun > 1000000
    return note_all(j, &y)


cdef bint is_synced(journal *j) noexcept nogil:
    return j.synced == j.written and j.retired < 0 and j.listed == j.renames


cdef bint sync_before(journal *j) noexcept nogil:
    """What has to be read before the file, and the names. Under the lock, which is kept."""
    return (j.retired < 0 or journal_note_retired(j, file_sync(j.retired))) and (
        j.listed == j.renames or journal_note_names(j, j.renames, folder_sync(j.folder)))


cdef bint journal_sync(journal *j) noexcept nogil:
    cdef int64_t begun
    cdef int error
    if not journal_write(j) or not sync_before(j):
        return False
    if j.synced == j.written:
        return True
    begun = mono_us()
    error = file_sync(j.fd)
    if j.doubles and file_sync(j.next):
        j.doubles = False
    note_always(j, begun)
    return note_sync(j, j.written, error)


cdef void journal_repair(journal *j) noexcept nogil:
    if journal_write(j) and (j.unsynced or j.unlisted or j.unretired):
        journal_sync_unlocked(j, j.unsynced)


cdef bint journal_flush(store *s, bint sync) noexcept nogil:
    cdef journal *j
    cdef bint ok = True
    store_lock(s)
    j = journal_of(s)
    if j != NULL:
        ok = journal_write(j)
        if ok and (sync or journal_policy_of(j) == SYNC_ALWAYS) and not is_synced(j):
            ok = journal_sync_unlocked(j, True)
    store_unlock(s)
    return ok


# ---- its memory --------------------------------------------------------------------------------------

cdef journal *journal_new(store *s) noexcept nogil:
    cdef journal *j = <journal *>calloc(1, sizeof(journal))
    if j != NULL:
        j.s = s
        j.born = mono_us()
        j.fd = j.retired = j.next = -1
        j.db = -1
        j.consumer.take = take
        nap_init(&j.nap)
    return j


cdef void journal_release(journal *j) noexcept nogil:
    if j.fd >= 0:
        close(j.fd)
    if j.retired >= 0:
        close(j.retired)
    buf_release(&j.pending)
    buf_release(&j.since)
    manifest_release(&j.files)
    manifest_release(&j.outdated)
    free(j)
