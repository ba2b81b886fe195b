"""The append-only log: effects as they are delivered, a buffer, a file, and its rewrite.

    command -> effects (store/effects.pyx) -> pending -> write, before the reply is sent -> fsync

`journal_flush` runs between the commands of a round and their replies. With appendfsync always it also syncs, once for all
clients of the round, so that a reply means that the write is on the disk. With everysec the thread syncs. Writing
happens under the store's lock, syncing without.

A rewrite makes a snapshot the new base. In a folder (Redis 7's form) the instant of the snapshot is the begin of a new increment,
and the manifest names what is valid: it is replaced after each file it names is complete. A log in one file is an RDB
preamble and commands; effects since the instant are kept (`since`), appended to the new file, and that is renamed over the old one.

A crash at any instruction leaves files that load: only the last one can end in the middle of a command.
"""

from libc.errno cimport EAGAIN, EBADF, EEXIST, ENOENT, ENOMEM, errno
from libc.stdio cimport remove, snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memset, strerror, strrchr

from kvd.core.buf cimport buf_add, buf_drop_front, buf_printf, buf_release
from kvd.core.clock cimport mono_us, wall_ms
from kvd.core.threads cimport pthread_join, thread_start
from kvd.core.view cimport view_equal, view_str
from kvd.persist.file cimport (
    ERROR_ROOM, file_append, file_begin, file_create, file_is, file_lock, file_make_folder, file_rename, file_size,
    file_sync, file_truncate, file_write, file_write_some, folder_sync, path_join, rdb_file, say,
)
from kvd.persist.latency cimport latency_begin, latency_ms, latency_note
from kvd.persist.logload cimport log_load
from kvd.persist.manifest cimport manifest_add, manifest_load, manifest_print, manifest_release
from kvd.persist.nap cimport nap_end, nap_for, nap_init
from kvd.persist.progress cimport progress_expect, progress_next
from kvd.persist.saves cimport (
    is_busy, is_plain, is_saving, rewriting, saves, saves_begin, saves_of, saves_open, saves_open_file, saves_wake,
    saves_write,
)
from kvd.persist.snapshot cimport snapshot, snapshot_delete
from kvd.session.session cimport clients_of
from kvd.store.change cimport changes_are_saved, changes_made, consume, consume_stop
from kvd.store.config cimport (
    OPT_AOF_TIMESTAMP_ENABLED, OPT_APPENDDIRNAME, OPT_APPENDFILENAME, OPT_APPENDFSYNC, OPT_APPENDONLY,
    OPT_AUTO_AOF_REWRITE_MIN_SIZE, OPT_AUTO_AOF_REWRITE_PERCENTAGE, OPT_DIR, OPT_NO_APPENDFSYNC_ON_REWRITE, cfg,
    config_set, config_text,
)
from kvd.store.effects cimport TO_LOG, effect, effect_bytes, effect_next, effects
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport SPECIAL_LOADING, SPECIAL_UNLOGGED, special_set, store_lock, store_share, store_unlock

cdef extern from "<stdlib.h>" nogil:
    char *realpath(const char *path, char *out)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    int dup(int fd)

cdef enum:
    NAP_MS = 100
    SYNC_MS = 1000
    LAZY_BYTES = 1048576       # a lazy log writes when so much is pending


cdef int sync_policy(journal *j) noexcept nogil:
    return j.sync if j.single[0] else <int>cfg(&j.s.config, OPT_APPENDFSYNC)


cdef bint journal_is_strict(store *s) noexcept nogil:
    return journal_of(s) != NULL and sync_policy(journal_of(s)) == SYNC_ALWAYS


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
    if j.rewriting and j.single[0]:
        buf_add(&j.since, j.pending.ptr + begin, j.pending.len - begin)
    if unit.bytes.failed or j.pending.failed:
        fail(j, ENOMEM)
    j.s.unwritten = j.s.unwritten or (n != 0 and (not j.lazy or j.pending.len > LAZY_BYTES))


cdef bint fail(journal *j, int error) noexcept nogil:
    """Writes are refused from now on, until what failed has succeeded (settle)."""
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
        fail(j, 0)
    j.s.unwritten = j.pending.len != 0 or (sync_policy(j) == SYNC_ALWAYS and j.synced < j.written)
    return True


cdef void note_write(journal *j, int64_t ms) noexcept nogil:
    latency_note(j.s, b"aof-write-pending-fsync" if j.syncing else b"aof-write-active-child" if is_saving(j.s) else b"aof-write-alone", ms)
    latency_note(j.s, b"aof-write", ms)


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
            buf_drop_front(&j.pending, done)
            j.size += done
            j.written += done
        return fail(j, error)
    j.size += j.pending.len
    j.written += j.pending.len
    j.pending.len = 0
    if j.pending.cap > LAZY_BYTES:
        buf_release(&j.pending)
    return settle(j)


cdef bint note_sync(journal *j, uint64_t upto, int error) noexcept nogil:
    j.unsynced = error != 0
    if error:
        return fail(j, error)
    j.synced = max(j.synced, upto)
    return settle(j)


cdef bint sync_folder(journal *j) noexcept nogil:
    """After a rename. What it replaced is in use, but may be back after a loss of power: the thread tries again."""
    cdef int error = folder_sync(j.folder)
    j.unlisted = error != 0
    if j.unlogged:
        return error == 0
    return settle(j) if error == 0 else fail(j, error)


cdef bint note_retired(journal *j, int error) noexcept nogil:
    """The file before this one is closed if its sync succeeded, else kept and tried again."""
    j.unretired = error != 0
    if error:
        return fail(j, error)
    close(j.retired)
    j.retired = -1
    return settle(j)


cdef bint sync_retired(journal *j) noexcept nogil:
    """Under the lock, which is kept."""
    return j.retired < 0 or note_retired(j, file_sync(j.retired))


cdef void retire(journal *j) noexcept nogil:
    """Of the thread: syncs the file before this one. The lock is released meanwhile."""
    cdef int64_t seq = j.files.increment_seq
    cdef int fd = dup(j.retired)
    cdef int error
    store_unlock(j.s)
    error = file_sync(fd) if fd >= 0 else EBADF
    if fd >= 0:
        close(fd)
    store_lock(j.s)
    if j.retired >= 0 and seq == j.files.increment_seq:
        note_retired(j, error)
    elif error:
        fail(j, error)


cdef void note_always(journal *j, int64_t begun) noexcept nogil:
    """A sync that replies wait for."""
    if sync_policy(j) == SYNC_ALWAYS:
        latency_note(j.s, b"aof-fsync-always", latency_ms(begun))


cdef bint sync_written(journal *j) noexcept nogil:
    """Under the lock, which is released during the sync."""
    cdef int fd = dup(j.fd)
    cdef uint64_t upto = j.written
    cdef int64_t begun = mono_us()
    cdef int64_t born = j.born
    cdef store *s = j.s
    cdef int error
    j.syncing = True
    store_unlock(s)
    error = file_sync(fd) if fd >= 0 else EBADF
    close(fd)
    store_lock(s)
    j = journal_of(s)
    if j == NULL or j.born != born:
        return True
    j.syncing = False
    note_always(j, begun)
    j.delayed += mono_us() - begun > 1000000
    return note_sync(j, upto, error)


cdef bint journal_sync(journal *j) noexcept nogil:
    cdef int64_t begun
    cdef int error
    if not journal_write(j) or not sync_retired(j) or (j.unlisted and not sync_folder(j)):
        return False
    if j.synced == j.written:
        return True
    begun = mono_us()
    error = file_sync(j.fd)
    note_always(j, begun)
    return note_sync(j, j.written, error)


cdef void repair(journal *j) noexcept nogil:
    """Of the thread, after a failure. The lock may be released meanwhile."""
    if (j.unlisted and not sync_folder(j)) or not sync_retired(j):
        return
    if journal_write(j) and j.unsynced:
        sync_written(j)


cdef bint journal_flush(store *s, bint sync) noexcept nogil:
    cdef journal *j
    cdef bint ok = True
    store_lock(s)
    j = journal_of(s)
    if j != NULL:
        ok = journal_write(j)
        if ok and j.unlisted:
            ok = sync_folder(j)
        if ok and sync:
            ok = sync_retired(j)
        if ok and (sync or sync_policy(j) == SYNC_ALWAYS) and j.synced < j.written:
            ok = sync_written(j)
    store_unlock(s)
    return ok


cdef bint syncs_now(journal *j) noexcept nogil:
    """Of the thread: is there something to sync that nothing else does?"""
    return j.synced < j.written and sync_policy(j) == SYNC_EVERYSEC and not (
        j.rewriting and cfg(&j.s.config, OPT_NO_APPENDFSYNC_ON_REWRITE))


cdef void *thread_main(void *context) noexcept nogil:
    cdef journal *j = <journal *>context
    cdef store *s = j.s
    cdef int64_t next_sync = 0
    while nap_for(&j.nap, NAP_MS):
        store_lock(s)
        if j.error:
            repair(j)
        elif j.pending.len:
            journal_write(j)
        if wall_ms() >= next_sync:
            next_sync = wall_ms() + SYNC_MS
            if syncs_now(j):
                sync_written(j)
        if clients_of(s).busy == NULL:             # else a script has lent the lock: this is not between two commands
            rewrite_if_due(s)
        if j.retired >= 0 and not j.error:
            retire(j)
        store_unlock(s)
    return NULL


# ---- files of a folder -------------------------------------------------------------------------------

cdef const char *log_name(store *s) noexcept nogil:
    return config_text(&s.config, OPT_APPENDFILENAME)


cdef int rename_noted(store *s, const char *source, const char *target) noexcept nogil:
    cdef int64_t begun = latency_begin(s)
    cdef int error = file_rename(source, target)
    latency_note(s, b"aof-rename", latency_ms(begun))
    return error


cdef bint keep_manifest(journal *j) noexcept nogil:
    """Replaces the manifest. False: the old one is valid."""
    cdef char path[PATH_ROOM]
    cdef char temporary[PATH_ROOM]
    cdef char name[512]
    cdef buf text
    cdef int fd, error
    snprintf(name, sizeof(name), b"%s.manifest", log_name(j.s))
    path_join(path, j.folder, view_str(name))
    snprintf(name, sizeof(name), b"temp-%s.manifest", log_name(j.s))
    path_join(temporary, j.folder, view_str(name))
    memset(&text, 0, sizeof(text))
    manifest_print(&j.files, &text)
    fd = file_create(temporary)
    error = errno if fd < 0 else 0
    if error == 0:
        error = ENOMEM if text.failed else file_write(fd, text.ptr, text.len)
        if error == 0:
            error = file_sync(fd)
        close(fd)
    buf_release(&text)
    if error == 0:
        error = rename_noted(j.s, temporary, path)
    if error:
        log_line(j.s, LOG_WARNING, b"The manifest of the append-only log could not be written")
        return False
    sync_folder(j)
    return True


cdef bint open_increment(journal *j, int64_t seq, bint listed, char *error) noexcept nogil:
    """Appends to a new increment, which is in the list and, if listed, in the manifest. False: all is as before."""
    cdef char name[512]
    cdef char path[PATH_ROOM]
    cdef int64_t last = j.files.increment_seq
    cdef int fd
    if not sync_retired(j):
        return say(error, b"Can't sync the file before the last one in", j.folder, j.error)
    snprintf(name, sizeof(name), b"%s.%lld.incr.aof", log_name(j.s), <long long>seq)
    path_join(path, j.folder, view_str(name))
    fd = file_begin(path)
    if fd < 0:
        return say(error, b"Can't open the append-only file", path, errno)
    if not manifest_add(&j.files, c'i', seq, name):
        close(fd)
        return say(error, b"Can't list", path, ENOMEM)
    if listed and not keep_manifest(j):
        j.files.count -= 1
        j.files.increment_seq = last
        close(fd)
        remove(path)
        return say(error, b"Can't write the manifest for", path, 5)
    j.retired = j.fd
    j.fd = fd
    j.before += j.size
    j.size = j.stamped = 0
    j.db = -1
    return True


cdef void remove_file(journal *j, const char *name) noexcept nogil:
    cdef char path[PATH_ROOM]
    if path_join(path, j.folder, view_str(name)):
        remove(path)


cdef void base_name(journal *j, int64_t seq, char *out, size_t room) noexcept nogil:
    snprintf(out, room, b"%s.%lld.base.%s", log_name(j.s), <long long>seq, <const char *>b"aof" if is_plain(j.s, True) else <const char *>b"rdb")


cdef void remove_outdated(journal *j) noexcept nogil:
    cdef int i
    for i in range(j.outdated.count):
        remove_file(j, j.outdated.files[i].name)
    manifest_release(&j.outdated)


cdef bint install_base(journal *j, rdb_file *f) noexcept nogil:
    """The manifest names the new base and the increments since; then what is older is removed. False: all is as before."""
    cdef manifest old = j.files
    cdef const char *name = strrchr(f.path, c'/') + 1
    cdef int i
    memset(&j.files, 0, sizeof(manifest))
    manifest_add(&j.files, c'b', old.base_seq + 1, name)
    for i in range(old.count):
        if old.files[i].type == c'i' and old.files[i].seq >= j.first_kept:
            manifest_add(&j.files, c'i', old.files[i].seq, old.files[i].name)
    j.files.increment_seq = old.increment_seq
    if not keep_manifest(j):
        manifest_release(&j.files)
        j.files = old
        remove_file(j, name)
        return False
    for i in range(old.count):
        if not j.unlisted and (old.files[i].type == c'b' or old.files[i].seq < j.first_kept):
            remove_file(j, old.files[i].name)
    if not j.unlisted:
        remove_outdated(j)
    j.baseless = False
    j.before = f.written
    j.base_size = f.written + j.size
    manifest_release(&old)
    if j.retired >= 0:
        note_retired(j, 0)             # what is in it is in the base
    return True


# ---- rewriting ---------------------------------------------------------------------------------------

cdef bint replace_single(journal *j, rdb_file *f) noexcept nogil:
    """Appends what happened since to the new file, and renames it over the old one."""
    cdef int fd = file_append(f.path)
    cdef int error = errno if fd < 0 else 0
    if error == 0 and not file_lock(fd):
        error = EAGAIN
    if error == 0:
        error = ENOMEM if j.since.failed else file_write(fd, j.since.ptr, j.since.len)
    if error == 0:
        error = file_sync(fd)
    if error == 0:
        error = rename_noted(j.s, f.path, j.single)
    if error:
        if fd >= 0:
            close(fd)
        remove(f.path)
        return False
    close(j.fd)
    j.fd = fd
    j.before = 0
    j.size = j.base_size = f.written + j.since.len
    j.pending.len = 0                  # it is a part of what was appended
    j.synced = j.written
    j.unsynced = False
    sync_folder(j)
    return True


cdef void note_begin(store *s) noexcept nogil:
    cdef rewriting *r = &saves_of(s).rewriting
    r.begun_ms = wall_ms()
    r.scheduled = False
    r.running = True
    log_line(s, LOG_NOTICE, b"Background append only file rewriting started")


cdef bint note_failure(store *s, const char *why) noexcept nogil:
    """It could not be started. False."""
    cdef rewriting *r = &saves_of(s).rewriting
    log_line(s, LOG_WARNING, why)
    snprintf(saves_of(s).why, sizeof(saves_of(s).why), b"%s", why)
    r.begun_ms = wall_ms()
    r.scheduled = False
    r.failed = True
    r.failures += 1
    return False


cdef void note_end(store *s, bint ok) noexcept nogil:
    cdef rewriting *r = &saves_of(s).rewriting
    r.running = False
    r.took_ms = wall_ms() - r.begun_ms
    r.failed = not ok
    r.count += ok
    r.failures = 0 if ok else r.failures + 1
    if ok:
        log_line(s, LOG_NOTICE, b"Background AOF rewrite finished successfully")
    else:
        log_line(s, LOG_WARNING, b"Background AOF rewrite terminated with an error")


cdef void rewritten(store *s, rdb_file *f, bint ok) noexcept nogil:
    cdef journal *j = journal_of(s)
    if j == NULL:
        if ok:
            remove(f.path)
        saves_of(s).rewriting.running = False
        return
    if ok and j.single[0]:
        ok = replace_single(j, f)
    elif ok:
        ok = install_base(j, f)
    j.rewriting = False
    buf_release(&j.since)
    note_end(s, ok)


cdef bint next_increment(journal *j, char *error) noexcept nogil:
    """Begins the increment of the rewrite. False: the one before is in use."""
    cdef bint is_first = j.files.count == 0            # it is listed with the base, when that is complete
    if not (journal_sync(j) if sync_policy(j) == SYNC_ALWAYS else journal_write(j)):
        return say(error, b"Can't write what is before it in", j.folder, j.error)
    return open_increment(j, j.first_kept, not is_first, error)


cdef void unlogged_written(store *s, rdb_file *f, bint ok) noexcept nogil:
    cdef journal *j = journal_new(s) if ok else NULL
    cdef char error[ERROR_ROOM]
    cdef bint found = False
    if j != NULL:
        snprintf(j.folder, PATH_ROOM, b"%s", f.folder)
        j.unlogged = True
        ok = read_manifest(j, &found, error)
        j.first_kept = j.files.increment_seq + 1
        ok = ok and install_base(j, f)
        release(j)
    note_end(s, ok and j != NULL)


cdef bint rewrite_unlogged(store *s) noexcept nogil:
    """With appendonly no: the base of a log that has no increments yet. It replaces an older log, as in Redis."""
    cdef journal *j = journal_new(s)
    cdef char error[ERROR_ROOM]
    cdef char name[512]
    cdef bint found = False
    if j == NULL:
        return note_failure(s, b"Can't rewrite the append-only log: no memory")
    if not set_folder(j, error) or not read_manifest(j, &found, error):
        release(j)
        return note_failure(s, error)
    base_name(j, j.files.base_seq + 1, name, sizeof(name))
    note_begin(s)
    found = saves_begin(s, j.folder, view_str(name), True, unlogged_written)
    release(j)
    return found


cdef bint journal_rewrite(store *s) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef char name[512]
    cdef char error[ERROR_ROOM]
    if saves_open(s) == NULL or is_busy(s):
        return False
    if j == NULL:
        return rewrite_unlogged(s)
    journal_write(j)
    if j.single[0]:
        snprintf(name, sizeof(name), b"%s.rewrite", strrchr(j.single, c'/') + 1)
        j.db = -1                      # `since` follows the snapshot, after which database 0 is selected
    else:
        j.first_kept = j.files.increment_seq + 1
        if not next_increment(j, error):
            return note_failure(s, error)
        base_name(j, j.files.base_seq + 1, name, sizeof(name))
    j.rewriting = True
    note_begin(s)
    return saves_begin(s, j.folder, view_str(name), True, rewritten)


cdef bint is_grown(journal *j) noexcept nogil:
    cdef uint64_t size = j.before + j.size
    cdef int64_t percentage = cfg(&j.s.config, OPT_AUTO_AOF_REWRITE_PERCENTAGE)
    cdef uint64_t base = max(j.base_size, <uint64_t>1)
    return (percentage and size > <uint64_t>cfg(&j.s.config, OPT_AUTO_AOF_REWRITE_MIN_SIZE)
            and (size - base if size > base else 0) * 100 // base >= <uint64_t>percentage)


cdef void rewrite_if_due(store *s) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef rewriting *r = &saves_of(s).rewriting
    if j != NULL and not is_busy(s) and (
            r.scheduled or ((j.baseless or is_grown(j)) and wall_ms() - r.begun_ms > 10000 * <int64_t>min(r.failures, <uint64_t>6))):
        journal_rewrite(s)


cdef void journal_options(store *s) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef saves *v = saves_open(s)
    if s.special & SPECIAL_LOADING:
        return                         # start.pyx calls this when all is loaded
    if v != NULL:
        v.log_wanted = j == NULL and cfg(&s.config, OPT_APPENDONLY)
    if j != NULL and not j.single[0] and not cfg(&s.config, OPT_APPENDONLY):
        detach(j)                      # it has logged what has failed
    journal_tick(s)
    if v != NULL and v.log_wanted:
        saves_wake(s)


cdef void journal_tick(store *s) noexcept nogil:
    """Begins a log only if CONFIG SET has asked for it: one that is configured from the start has to be loaded first."""
    cdef saves *v = saves_of(s)
    if v == NULL or journal_of(s) != NULL or is_busy(s):
        return
    if v.log_wanted:
        v.log_wanted = False
        journal_begin(s)
    elif v.rewriting.scheduled:
        journal_rewrite(s)


# ---- loading -----------------------------------------------------------------------------------------

cdef bint read_manifest(journal *j, bint *found, char *error) noexcept nogil:
    cdef char path[PATH_ROOM]
    cdef char name[512]
    snprintf(name, sizeof(name), b"%s.manifest", log_name(j.s))
    path_join(path, j.folder, view_str(name))
    return manifest_load(&j.files, path, found, error)


cdef bint adopt_old_file(journal *j, bint found, char *error) noexcept nogil:
    """A file of the single form (before Redis 7) becomes the base: it is listed, then moved. found: a manifest, perhaps of an
    adoption that was interrupted before the file was moved."""
    cdef char old[PATH_ROOM]
    cdef char new[PATH_ROOM]
    cdef int code
    path_join(old, config_text(&j.s.config, OPT_DIR), view_str(log_name(j.s)))
    path_join(new, j.folder, view_str(log_name(j.s)))
    if file_size(old) < 0 or (found and (file_size(new) >= 0 or not view_equal(view_str(j.files.files[0].name), view_str(log_name(j.s))))):
        return True
    if not found and not (manifest_add(&j.files, c'b', 1, log_name(j.s)) and keep_manifest(j)):
        return say(error, b"Can't write the manifest of", old, ENOMEM)
    code = file_rename(old, new)
    if code:
        return say(error, b"Can't move", old, code)
    log_line(j.s, LOG_NOTICE, b"Successfully migrated an old-style AOF into the AOF directory")
    return True


cdef bint load_folder(journal *j, bint held, char *error) noexcept nogil:
    cdef char path[PATH_ROOM]
    cdef char text[640]
    cdef int64_t begun_us
    cdef int i
    for i in range(j.files.count):
        path_join(path, j.folder, view_str(j.files.files[i].name))
        progress_expect(j.s, path)
    for i in range(j.files.count):
        path_join(path, j.folder, view_str(j.files.files[i].name))
        begun_us = mono_us()
        if not log_load(j.s, path, i == j.files.count - 1, held, error):
            return False
        progress_next(j.s)
        snprintf(text, sizeof(text), b"DB loaded from %s file %s: %.3f seconds", <const char *>b"base" if j.files.files[i].type == c'b' else
                 <const char *>b"incr", j.files.files[i].name, (mono_us() - begun_us) / 1e6)
        log_line(j.s, LOG_NOTICE, text)
        j.before += j.size
        j.size = <uint64_t>max(file_size(path), <long>0)
    return True


cdef bint load_listed(store *s, const char *folder, char *error) noexcept nogil:
    """The files that the manifest of a folder names."""
    cdef journal *j = journal_new(s)
    cdef bint found = False
    cdef bint ok
    if j == NULL:
        return say(error, b"Can't load", folder, ENOMEM)
    snprintf(j.folder, PATH_ROOM, b"%s", folder)
    ok = read_manifest(j, &found, error) and (found or say(error, b"There is no manifest in", folder, ENOENT)) and load_folder(j, True, error)
    release(j)
    return ok


cdef void note_size(journal *j) noexcept nogil:
    """Of the file that is appended to, whose end may have been cut off: a short write is undone by cutting it to this size."""
    cdef char path[PATH_ROOM]
    if j.single[0]:
        j.size = <uint64_t>max(file_size(j.single), <long>0)
    elif path_join(path, j.folder, view_str(j.files.files[j.files.count - 1].name)):
        j.size = <uint64_t>max(file_size(path), <long>0)


cdef bint journal_load(store *s, char *error) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef char folder[PATH_ROOM]
    if j == NULL:
        path_join(folder, config_text(&s.config, OPT_DIR), view_str(config_text(&s.config, OPT_APPENDDIRNAME)))
        return load_listed(s, folder, error)
    if not journal_sync(j):
        return say(error, b"Can't write", j.folder, j.error)
    if j.baseless:
        snprintf(error, ERROR_ROOM, b"The first base of the append-only log is being written")
        return False
    if not (log_load(s, j.single, True, True, error) if j.single[0] else load_listed(s, j.folder, error)):
        return False
    note_size(j)
    return True


cdef bint open_last(journal *j, char *error) noexcept nogil:
    """Appends to the last increment; without a base, the data set becomes it first."""
    cdef char path[PATH_ROOM]
    if j.files.count == 0:
        return make_base(j, error) and open_increment(j, 1, True, error)
    if j.files.files[j.files.count - 1].type != c'i':
        return open_increment(j, j.files.increment_seq + 1, True, error)
    path_join(path, j.folder, view_str(j.files.files[j.files.count - 1].name))
    j.fd = file_append(path)
    return j.fd >= 0 or say(error, b"Can't open the append-only file", path, errno)


cdef bint make_base(journal *j, char *error) noexcept nogil:
    cdef rdb_file *f = <rdb_file *>calloc(1, sizeof(rdb_file))
    cdef snapshot *w = NULL
    cdef char name[512]
    cdef bint ok
    if f == NULL:
        return say(error, b"Can't write", j.folder, ENOMEM)
    base_name(j, 1, name, sizeof(name))
    ok = saves_open_file(j.s, f, j.folder, view_str(name), True) and saves_write(j.s, f, True, &w)
    if w != NULL:
        snapshot_delete(w)
    if ok:
        j.before = f.written
        ok = manifest_add(&j.files, c'b', 1, name)
    elif saves_of(j.s) != NULL and saves_of(j.s).unfit:
        snprintf(error, ERROR_ROOM, b"Can't write the base of the append-only log: %.300s", saves_of(j.s).why)
    else:
        say(error, b"Can't write the base of the append-only log", f.path, f.error)
    free(f)
    return ok


# ---- begin and end -----------------------------------------------------------------------------------

cdef journal *journal_new(store *s) noexcept nogil:
    cdef journal *j = <journal *>calloc(1, sizeof(journal))
    if j != NULL:
        j.s = s
        j.born = mono_us()
        j.fd = j.retired = -1
        j.db = -1
        j.consumer.take = take
        nap_init(&j.nap)
    return j


cdef journal *journal_first(store *s, char *error) noexcept nogil:
    if journal_of(s) != NULL:
        snprintf(error, ERROR_ROOM, b"the store has a log already")
        return NULL
    return journal_new(s)


cdef void release(journal *j) noexcept nogil:
    if j.fd >= 0:
        close(j.fd)
    if j.retired >= 0:
        close(j.retired)
    buf_release(&j.pending)
    buf_release(&j.since)
    manifest_release(&j.files)
    manifest_release(&j.outdated)
    free(j)


cdef void attach(journal *j) noexcept nogil:
    """Under the lock, which is used from now on: effects are logged, and there is a thread."""
    cdef store *s = j.s
    s.parts[<int>PART_JOURNAL] = j
    j.base_size = j.before + j.size
    consume(s, &j.consumer)
    j.has_thread = saves_open(s) != NULL and thread_start(&j.thread, thread_main, j) == 0
    if not j.has_thread:
        fail(j, EAGAIN)


cdef void lock_shared(store *s) noexcept nogil:
    """The lock of a store that the log's thread is going to use; until then it may have been used without."""
    s.guard.shared = True
    store_lock(s)


cdef bint set_folder(journal *j, char *error) noexcept nogil:
    cdef store *s = j.s
    cdef char absolute[PATH_ROOM]
    cdef int code
    path_join(j.folder, config_text(&s.config, OPT_DIR), view_str(config_text(&s.config, OPT_APPENDDIRNAME)))
    code = file_make_folder(j.folder)
    if code == 0:
        code = folder_sync(config_text(&s.config, OPT_DIR))
    if code and code != EEXIST:
        return say(error, b"Can't open or create append-only dir", j.folder, code)
    if realpath(j.folder, absolute) != NULL:        # the program may change its directory later
        snprintf(j.folder, PATH_ROOM, b"%s", absolute)
    return True


cdef journal *journal_start(store *s, char *error) noexcept nogil:
    cdef journal *j = journal_first(s, error)
    cdef bint found = False
    cdef bint ok
    if j == NULL:
        return NULL
    if journal_of(s) != NULL:
        snprintf(error, ERROR_ROOM, b"the store has a log already")
        release(j)
        return NULL
    store_lock(s)
    ok = set_folder(j, error) and read_manifest(j, &found, error) and adopt_old_file(j, found, error)
    store_unlock(s)
    ok = ok and load_folder(j, False, error)
    lock_shared(s)
    ok = ok and open_last(j, error)
    if ok:
        attach(j)
    store_unlock(s)
    if not ok:
        release(j)
        return NULL
    return j


cdef void remove_rewrite(journal *j) noexcept nogil:
    """What a process that was killed has left; the file is locked, so nothing else writes it."""
    cdef char path[PATH_ROOM + 16]
    snprintf(path, sizeof(path), b"%s.rewrite", j.single)
    remove(path)


cdef journal *journal_open(store *s, const char *path, int sync, bint lazy, char *error) noexcept nogil:
    cdef journal *j = journal_first(s, error)
    cdef bint ok
    cdef int code
    if j == NULL:
        return NULL
    snprintf(j.single, PATH_ROOM, b"%s", path)
    snprintf(j.folder, PATH_ROOM, b"%.*s", <int>max(strrchr(path, c'/') - path, <ssize_t>1), path)
    j.sync = sync
    j.lazy = lazy
    ok = open_single(j, error)
    if ok:
        remove_rewrite(j)
    if ok and file_size(path) == 0:
        code = folder_sync(j.folder)
        ok = code == 0 or say(error, b"Can't sync the folder of", path, code)
    elif ok:
        special_set(&s.special, SPECIAL_LOADING, True)
        ok = log_load(s, path, True, False, error)
        special_set(&s.special, SPECIAL_LOADING, False)
    if not ok:
        release(j)
        return NULL
    j.size = <uint64_t>file_size(path)
    lock_shared(s)
    changes_are_saved(s, changes_made(s))
    attach(j)
    store_unlock(s)
    return j


cdef bint open_single(journal *j, char *error) noexcept nogil:
    """Opens and locks the file; again if another process replaced it meanwhile."""
    cdef int _
    for _ in range(10):
        j.fd = file_append(j.single)
        if j.fd < 0:
            return say(error, b"Can't open", j.single, errno)
        if not file_lock(j.fd):
            snprintf(error, ERROR_ROOM, b"%.300s is in use by another process, or another store of this one", j.single)
            return False
        if file_is(j.fd, j.single):
            return True
        close(j.fd)
        j.fd = -1
    return say(error, b"Can't lock", j.single, EAGAIN)


cdef void give_up(store *s, const char *why) noexcept nogil:
    """appendonly is no again: CONFIG SET sees that, and tells its client."""
    cdef buf ignored
    memset(&ignored, 0, sizeof(buf))
    log_line(s, LOG_WARNING, why)
    config_set(&s.config, OPT_APPENDONLY, view_str(b"no"), &ignored)
    buf_release(&ignored)


cdef void journal_begin(store *s) noexcept nogil:
    cdef journal *j = journal_new(s)
    cdef char error[ERROR_ROOM]
    cdef bint found = False
    if j == NULL:
        give_up(s, b"The append-only log could not be started: no memory")
        return
    store_share(s)
    if not set_folder(j, error) or not read_manifest(j, &found, error):
        release(j)
        give_up(s, error)
        return
    j.outdated = j.files               # of an older log the numbers count only: its manifest is valid until the new base is complete
    j.files.files = NULL
    j.files.count = 0
    j.baseless = True
    attach(j)
    if not journal_rewrite(s) and j.fd < 0:         # nothing can be logged; with a file the base is tried again
        detach(j)
        give_up(s, b"The append-only log could not be started")


cdef int sync_end(journal *j) noexcept nogil:
    """Writes and syncs what there is; errno of what failed."""
    cdef char text[256]
    cdef int error = 0
    if j.fd < 0:
        return 0                       # it was not begun: nothing is in it
    if not journal_write(j):
        error = j.error
    else:
        error = file_sync(j.fd)
    if error == 0 and j.retired >= 0:
        error = file_sync(j.retired)
    if error == 0 and j.unlisted:
        error = folder_sync(j.folder)
    if error:
        snprintf(text, sizeof(text), b"The end of the append-only log could not be written, and may be lost: %s", strerror(error))
        log_line(j.s, LOG_WARNING, text)
    return error


cdef int detach(journal *j) noexcept nogil:
    """Under the lock: the log ends, at the end of the store or with appendonly no. 0, or errno: its end may be lost."""
    cdef store *s = j.s
    cdef bint had = j.has_thread
    cdef int error
    if j.fd >= 0:
        journal_write(j)
    consume_stop(s, &j.consumer)
    s.parts[<int>PART_JOURNAL] = NULL
    s.unwritten = False
    special_set(&s.special, SPECIAL_UNLOGGED, False)
    store_unlock(s)
    nap_end(&j.nap)
    if had:
        pthread_join(j.thread, NULL)
    store_lock(s)
    error = sync_end(j)
    special_set(&s.special, SPECIAL_UNLOGGED, False)
    release(j)
    return error


cdef int journal_stop(store *s) noexcept nogil:
    cdef int error = 0
    store_lock(s)
    if journal_of(s) != NULL:
        error = detach(journal_of(s))
    store_unlock(s)
    return error


cdef void journal_abandon(store *s) noexcept nogil:
    cdef journal *j = journal_of(s)
    if j == NULL:
        return
    consume_stop(s, &j.consumer)
    s.parts[<int>PART_JOURNAL] = NULL
    s.unwritten = False
    s.log_error = 0
    special_set(&s.special, SPECIAL_UNLOGGED, False)
    close(j.fd)
    if j.retired >= 0:
        close(j.retired)
    buf_release(&j.pending)
    buf_release(&j.since)
    manifest_release(&j.files)
    manifest_release(&j.outdated)
    free(j)
