"""The rewrite of the append-only log: a snapshot becomes its new base, and what happened since follows it.

In a folder the new increment begins at the instant of the snapshot. The thread of the snapshot (saves.pyx) does it all:

    without the lock    the new increment and a manifest that names it are written, under a temporary name, and synced
    with                the manifest is renamed, effects go to the new increment from now on, and the snapshot begins
    without             the base is written; then a manifest that names it and the new increment, which is synced
    with                the manifest is renamed
    without             the folder is synced, and what is older removed

A log in one file is an RDB preamble and commands. Effects since the instant are kept (`since`) and appended to the new file:

    without the lock    most of them are appended, as often as more than a chunk has come meanwhile
    with                the rest is appended; writes go to both files from now on (`doubles`)
    without             the new file is synced
    with                it is renamed over the old one and replaces it
    without             the old one is closed, and the folder is synced

So the lock is held for calls that do not wait for the disk: writes of a few kilobytes and renames of files that are synced. It is held
for renames because no effect may be written to a file that is not the last one of the valid manifest: it could be torn there by a kill,
or be read in the wrong order. What was reported as synced is in the file, or in both, before the rename.

Whenever the lock is taken again, the log may have ended (CONFIG SET appendonly no, close): then what was prepared is removed.
"""

from libc.errno cimport EAGAIN, EIO, ENOMEM, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport remove, snprintf
from libc.string cimport memset, strerror, strrchr

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view_str
from kvd.persist.file cimport (
    ERROR_ROOM, PATH_ROOM, file_append, file_begin, file_lock, file_rename, file_sync, file_write, folder_sync,
    path_join, rdb_file,
)
from kvd.persist.journal cimport (
    journal, journal_is, journal_new, journal_note_names, journal_note_retired, journal_of, journal_release,
    journal_sync_unlocked, journal_write,
)
from kvd.persist.latency cimport latency_begin, latency_ms, latency_note
from kvd.persist.logfolder cimport (
    log_name, logfolder_base, logfolder_begin, logfolder_increment, logfolder_read, logfolder_rename, logfolder_set,
)
from kvd.persist.manifest cimport (
    NAME_ROOM, log_file, manifest, manifest_add, manifest_forget, manifest_load, manifest_path, manifest_print,
    manifest_release, manifest_rename, manifest_write,
)
from kvd.persist.saves cimport is_busy, preparing, rewriting, saves_await, saves_begin, saves_of, saves_open
from kvd.store.config cimport OPT_AUTO_AOF_REWRITE_MIN_SIZE, OPT_AUTO_AOF_REWRITE_PERCENTAGE, cfg
from kvd.store.lock cimport usleep
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport store_lock, store_unlock

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    AWAIT_US = 1000
    CHUNK = 65536              # bytes that are appended under the lock at most
    ENDED = -1                 # in place of errno: the log has ended, and the journal is no more
    PAUSE_MS = 10000           # after a failure; after several in a row, so many times that
    STALE_PAUSE_MS = 1000
    MOST_PAUSES = 6
    ROUNDS = 100               # of appending without it: then writers are faster than the disk

cdef struct draft:             # of a manifest, written without the lock
    int64_t born               # of the log
    char folder[PATH_ROOM]
    char log[NAME_ROOM]
    buf text                   # empty: the manifest stays as it is

cdef struct increment:         # the next one
    draft draft
    int64_t seq
    char name[NAME_ROOM]
    char path[PATH_ROOM]
    int fd
    int error                  # errno, of
    const char *failed         # what failed


# ---- what INFO and the log tell ----------------------------------------------------------------------

cdef void note_begin(store *s) noexcept nogil:
    cdef rewriting *r = &saves_of(s).rewriting
    r.begun_ms = wall_ms()
    r.scheduled = False
    r.running = True
    log_line(s, LOG_NOTICE, b"Background append only file rewriting started")


cdef void note_why(store *s, const char *why) noexcept nogil:
    log_line(s, LOG_WARNING, why)
    snprintf(saves_of(s).why, sizeof(saves_of(s).why), b"%s", why)


cdef bint note_failure(store *s, const char *why) noexcept nogil:
    """It could not be started. False."""
    cdef rewriting *r = &saves_of(s).rewriting
    note_why(s, why)
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


# ---- a manifest --------------------------------------------------------------------------------------

cdef void draft_begin(draft *d, store *s, const char *folder, int64_t born) noexcept nogil:
    memset(d, 0, sizeof(draft))
    d.born = born
    snprintf(d.folder, PATH_ROOM, b"%s", folder)
    snprintf(d.log, NAME_ROOM, b"%s", log_name(s))


cdef int draft_write(draft *d) noexcept nogil:
    """Without the lock. errno"""
    cdef int error = manifest_write(d.folder, d.log, &d.text)
    if error:
        manifest_forget(d.folder, d.log)
    return error


cdef void remove_files(const char *folder, manifest *m) noexcept nogil:
    cdef char path[PATH_ROOM]
    cdef int i
    for i in range(m.count):
        if path_join(path, folder, view_str(m.files[i].name)):
            remove(path)


# ---- the next increment ------------------------------------------------------------------------------

cdef void plan_increment(journal *j, increment *n) noexcept nogil:
    """Under the lock. Before a first base, or one of another data set, is complete, the increment is listed with that only."""
    cdef int64_t last = j.files.increment_seq
    memset(n, 0, sizeof(increment))
    draft_begin(&n.draft, j.s, j.folder, j.born)
    n.fd = -1
    n.seq = last + 1
    logfolder_increment(j.s, n.seq, n.name)
    path_join(n.path, j.folder, view_str(n.name))
    if j.baseless or j.stale:
        return
    if manifest_add(&j.files, c'i', n.seq, n.name):
        manifest_print(&j.files, &n.draft.text)
        j.files.count -= 1
        j.files.increment_seq = last
    else:
        n.error = ENOMEM
        n.failed = b"Can't list the append-only file"


cdef void make_increment(increment *n) noexcept nogil:
    """Without the lock."""
    if n.error == 0:
        n.failed = b"Can't open the append-only file"
        n.fd = file_begin(n.path)
        n.error = errno if n.fd < 0 else 0
    if n.error == 0 and n.draft.text.len:
        n.failed = b"Can't write the manifest for"
        n.error = draft_write(&n.draft)


cdef bint trouble(increment *n, int error, const char *what) noexcept nogil:
    """False."""
    n.error = error
    n.failed = what
    return False


cdef bint is_ready(store *s, increment *n) noexcept nogil:
    """What was written so far is synced, so that little is left to be synced after the switch. The lock is released meanwhile; False: the
    rewrite has to end."""
    if n.error or not saves_await(s) or not journal_is(s, n.draft.born):
        return False
    if not journal_sync_unlocked(journal_of(s), True) and journal_is(s, n.draft.born):
        return trouble(n, journal_of(s).error, b"Can't sync what is before")
    return saves_await(s) and journal_is(s, n.draft.born)


cdef bint switch_to(store *s, increment *n) noexcept nogil:
    """Under the lock, which is kept until the snapshot has begun. False: the file before is in use."""
    cdef journal *j = journal_of(s)
    cdef int64_t last = j.files.increment_seq
    cdef int error
    if not journal_write(j) or j.retired >= 0:
        return trouble(n, j.error, b"Can't write what is before")
    if not manifest_add(&j.files, c'i', n.seq, n.name):
        return trouble(n, ENOMEM, b"Can't list the append-only file")
    if n.draft.text.len:
        error = logfolder_rename(s, j.folder)
        if error:
            j.files.count -= 1
            j.files.increment_seq = last
            return trouble(n, error, b"Can't write the manifest for")
        j.renames += 1
    j.first_kept = n.seq
    j.renews = j.stale
    j.retired = j.fd
    j.fd = n.fd
    j.before += j.size
    j.size = j.stamped = 0
    j.db = -1
    return True


cdef void drop_increment(store *s, increment *n) noexcept nogil:
    cdef char text[PATH_ROOM + 256]
    if n.fd >= 0:
        close(n.fd)
        remove(n.path)
    if n.draft.text.len:
        manifest_forget(n.draft.folder, n.draft.log)
    if n.error:
        snprintf(text, sizeof(text), b"%s %s: %s", n.failed, n.path, strerror(n.error))
        note_why(s, text)


cdef bint next_increment(store *s) noexcept nogil:
    """What saves_begin calls before the instant: under the lock, which is released meanwhile."""
    cdef journal *j = journal_of(s)
    cdef increment n
    cdef bint ok
    if j == NULL or not j.rewriting:
        return False
    plan_increment(j, &n)
    store_unlock(s)
    make_increment(&n)
    store_lock(s)
    ok = is_ready(s, &n) and switch_to(s, &n)
    if not ok:
        drop_increment(s, &n)
    buf_release(&n.draft.text)
    return ok


# ---- the new base ------------------------------------------------------------------------------------

cdef void list_base(manifest *old, rdb_file *f, int64_t first_kept, manifest *new, manifest *gone) noexcept nogil:
    """new: the base, and the increments from first_kept on. gone: the others."""
    cdef log_file *file
    cdef int i
    memset(new, 0, sizeof(manifest))
    memset(gone, 0, sizeof(manifest))
    manifest_add(new, c'b', old.base_seq + 1, strrchr(f.path, c'/') + 1)
    for i in range(old.count):
        file = &old.files[i]
        manifest_add(new if file.type == c'i' and file.seq >= first_kept else gone, file.type, file.seq, file.name)
    new.increment_seq = old.increment_seq


cdef void use_base(journal *j, rdb_file *f, manifest *new, manifest *gone) noexcept nogil:
    """Under the lock, after the rename. Takes `new`, and adds to `gone`."""
    cdef int i
    for i in range(j.outdated.count):
        manifest_add(gone, c'h', j.outdated.files[i].seq, j.outdated.files[i].name)
    manifest_release(&j.outdated)
    manifest_release(&j.files)
    j.files = new[0]
    j.renames += 1
    j.baseless = False
    j.before = f.written
    j.base_size = f.written + j.size
    if j.retired >= 0:
        journal_note_retired(j, 0)     # what is in it is in the base


cdef void remove_gone(store *s, draft *d, uint64_t renames, manifest *gone) noexcept nogil:
    """When the manifest that does not name them is safe. Under the lock, which is released meanwhile."""
    cdef int error
    cdef journal *j
    store_unlock(s)
    error = folder_sync(d.folder)
    if error == 0:
        remove_files(d.folder, gone)
    store_lock(s)
    j = journal_of(s) if journal_is(s, d.born) else NULL
    if j != NULL:
        journal_note_names(j, renames, error)
    if j != NULL and error:
        j.outdated = gone[0]           # the next rewrite removes them
    else:
        manifest_release(gone)


cdef bint install_base(store *s, rdb_file *f) noexcept nogil:
    """Under the lock, which is released meanwhile. False: all is as before."""
    cdef journal *j = journal_of(s)
    cdef draft d
    cdef manifest new, gone
    cdef int error
    draft_begin(&d, s, j.folder, j.born)
    list_base(&j.files, f, j.first_kept, &new, &gone)
    manifest_print(&new, &d.text)
    store_unlock(s)
    error = draft_write(&d)
    buf_release(&d.text)
    store_lock(s)
    if error == 0 and not journal_is(s, d.born):
        manifest_forget(d.folder, d.log)
        error = ENDED
    if error == 0:
        error = logfolder_rename(s, d.folder)
    if error:
        manifest_release(&new)
        manifest_release(&gone)
        remove(f.path)
        if error != ENDED:
            note_why(s, b"The manifest of the append-only log could not be written")
        return False
    use_base(journal_of(s), f, &new, &gone)
    remove_gone(s, &d, journal_of(s).renames, &gone)
    return True


# ---- a base without a log ----------------------------------------------------------------------------

cdef bint replace_log(draft *d, rdb_file *f) noexcept nogil:
    """Without the lock: the base is all that there is from now on."""
    cdef char path[PATH_ROOM]
    cdef char ignored[ERROR_ROOM]
    cdef manifest old, new, gone
    cdef bint found
    cdef bint ok
    memset(&old, 0, sizeof(manifest))
    manifest_path(path, d.folder, d.log)
    ok = manifest_load(&old, path, &found, ignored)
    list_base(&old, f, old.increment_seq + 1, &new, &gone)
    manifest_print(&new, &d.text)
    ok = ok and draft_write(d) == 0 and manifest_rename(d.folder, d.log) == 0
    if not ok:
        remove(f.path)
    elif folder_sync(d.folder) == 0:
        remove_files(d.folder, &gone)
    buf_release(&d.text)
    manifest_release(&old)
    manifest_release(&new)
    manifest_release(&gone)
    return ok


cdef void unlogged_written(store *s, rdb_file *f, bint ok) noexcept nogil:
    cdef draft d
    if ok:
        draft_begin(&d, s, f.folder, 0)
        store_unlock(s)
        ok = replace_log(&d, f)
        store_lock(s)
    note_end(s, ok)


cdef bint rewrite_unlogged(store *s) noexcept nogil:
    """With appendonly no: the base of a log that has no increments yet. It replaces an older log, as in Redis."""
    cdef journal *j = journal_new(s)
    cdef char error[ERROR_ROOM]
    cdef char name[NAME_ROOM]
    cdef bint found = False
    if j == NULL:
        return note_failure(s, b"Can't rewrite the append-only log: no memory")
    if not logfolder_set(j, error) or not logfolder_read(j, &found, error):
        journal_release(j)
        return note_failure(s, error)
    logfolder_base(s, j.files.base_seq + 1, name)
    note_begin(s)
    found = saves_begin(s, j.folder, view_str(name), True, NULL, unlogged_written)
    journal_release(j)
    return found


# ---- a log in one file -------------------------------------------------------------------------------

cdef int open_next(journal *j, rdb_file *f) noexcept nogil:
    """Opens and locks the new file; errno."""
    j.next = file_append(f.path)
    j.next_size = f.written
    if j.next < 0:
        return errno
    return 0 if file_lock(j.next) else EAGAIN


cdef int append_most(store *s, int64_t born, int fd) noexcept nogil:
    """What happened since, until no more than a chunk is left. The lock is released meanwhile. errno, or ENDED."""
    cdef journal *j = journal_of(s)
    cdef buf part
    cdef int error = 0
    cdef int rounds = 0
    while error == 0 and rounds < ROUNDS and j.since.len > CHUNK and not j.since.failed:
        rounds += 1
        part = j.since
        memset(&j.since, 0, sizeof(buf))
        j.next_size += part.len
        store_unlock(s)
        error = file_write(fd, part.ptr, part.len)
        buf_release(&part)
        store_lock(s)
        if not journal_is(s, born):
            return ENDED
    return error


cdef int append_rest(journal *j, int fd) noexcept nogil:
    """Under the lock: from now on the new file has all that was written. errno"""
    cdef int error
    journal_write(j)
    error = ENOMEM if j.since.failed else file_write(fd, j.since.ptr, j.since.len)
    j.next_size += j.since.len
    j.collects = False
    buf_release(&j.since)
    return error


cdef int sync_next(store *s, int64_t born, int fd) noexcept nogil:
    """The lock is released meanwhile, if what was appended could be written to the old file, too. errno, or ENDED."""
    cdef journal *j = journal_of(s)
    cdef int error
    if j.pending.len:
        return file_sync(fd)
    j.doubles = True
    store_unlock(s)
    error = file_sync(fd)
    store_lock(s)
    if not journal_is(s, born):
        return ENDED
    if error == 0 and not j.doubles:
        error = EIO
    j.doubles = False
    return error


cdef int rename_single(journal *j, rdb_file *f) noexcept nogil:
    cdef int64_t begun = latency_begin(j.s)
    cdef int error = file_rename(f.path, j.single)
    latency_note(j.s, b"aof-rename", latency_ms(begun))
    return error


cdef int use_next(journal *j, uint64_t upto) noexcept nogil:
    """Under the lock, after the rename. The first `upto` bytes of what was written are synced. Returns the descriptor of the old file."""
    cdef int old = j.fd
    j.fd = j.next
    j.next = -1
    j.before = 0
    j.size = j.base_size = j.next_size
    j.synced = max(j.synced, upto)
    j.unsynced = False
    j.renames += 1
    return old


cdef void end_single(store *s, int64_t born, int old) noexcept nogil:
    """Closes the old file, which frees its space, and syncs the folder. The lock is released meanwhile."""
    cdef char folder[PATH_ROOM]
    cdef uint64_t renames = journal_of(s).renames
    cdef int error
    snprintf(folder, PATH_ROOM, b"%s", journal_of(s).folder)
    store_unlock(s)
    close(old)
    error = folder_sync(folder)
    store_lock(s)
    if journal_is(s, born):
        journal_note_names(journal_of(s), renames, error)


cdef bint replace_single(store *s, rdb_file *f) noexcept nogil:
    """Appends what happened since to the new file, and renames it over the old one. Under the lock, which is released meanwhile."""
    cdef journal *j = journal_of(s)
    cdef int64_t born = j.born
    cdef uint64_t upto
    cdef bint unwritten
    cdef int error = open_next(j, f)
    cdef int fd = j.next
    if error == 0:
        error = append_most(s, born, fd)
    if error == 0:
        error = append_rest(j, fd)
        upto = j.written
        unwritten = j.pending.len != 0
    if error == 0:
        error = sync_next(s, born, fd)
    if error == 0:
        error = rename_single(j, f)
    if error:
        if error != ENDED:
            j.next = -1
        if fd >= 0:
            close(fd)
        remove(f.path)
        return False
    if unwritten:
        j.pending.len = 0              # it is a part of what was appended
    end_single(s, born, use_next(j, upto))
    return True


# ---- begin and end -----------------------------------------------------------------------------------

cdef void rewritten(store *s, rdb_file *f, bint ok) noexcept nogil:
    """Of saves_begin: under the lock, which is released meanwhile."""
    cdef journal *j = journal_of(s)
    cdef int64_t born
    if j == NULL or not j.rewriting:
        if ok:
            remove(f.path)
        saves_of(s).rewriting.running = False
        return
    born = j.born
    if ok:
        ok = replace_single(s, f) if j.single[0] else install_base(s, f)
    if journal_is(s, born):
        j.stale = j.stale and not (ok and j.renews)
        j.renews = False
        j.rewriting = j.collects = False
        buf_release(&j.since)
    note_end(s, ok)


cdef bint rewrite_single(journal *j) noexcept nogil:
    cdef char name[PATH_ROOM]
    snprintf(name, sizeof(name), b"%s.rewrite", strrchr(j.single, c'/') + 1)
    journal_write(j)
    j.db = -1                          # `since` follows the snapshot, after which database 0 is selected
    j.collects = True
    j.renews = j.stale
    note_begin(j.s)
    return saves_begin(j.s, j.folder, view_str(name), True, NULL, rewritten)


cdef bint rewrite_folder(journal *j) noexcept nogil:
    """The increment of a log that was switched on begins at once, and is listed with its base, when that is complete."""
    cdef char name[NAME_ROOM]
    cdef char error[ERROR_ROOM]
    cdef preparing prepare = next_increment
    if j.fd < 0:
        prepare = NULL
        j.renews = j.stale
        j.first_kept = j.files.increment_seq + 1
        if not logfolder_begin(j, j.first_kept, False, error):
            j.rewriting = False
            return note_failure(j.s, error)
    logfolder_base(j.s, j.files.base_seq + 1, name)
    note_begin(j.s)
    return saves_begin(j.s, j.folder, view_str(name), True, prepare, rewritten)


cdef bint journal_rewrite(store *s) noexcept nogil:
    cdef journal *j = journal_of(s)
    if saves_open(s) == NULL or is_busy(s):
        return False
    if j == NULL:
        return rewrite_unlogged(s)
    j.rewriting = True
    return rewrite_single(j) if j.single[0] else rewrite_folder(j)


cdef void log_is_stale(store *s, bint begins) noexcept nogil:
    cdef journal *j = journal_of(s)
    if j == NULL:
        return
    j.stale = True
    j.renews = False                   # what runs is of the data set before
    if begins and not is_busy(s):
        journal_rewrite(s)             # else the log's thread does


cdef inline bint is_stale(store *s) noexcept nogil:
    return journal_of(s) != NULL and journal_of(s).stale


cdef bint log_renew(store *s) noexcept nogil:
    cdef bint begun = False
    cdef bint failed = False
    store_lock(s)
    while is_stale(s) and not failed:
        if not is_busy(s):
            failed = begun or not journal_rewrite(s)
            begun = True
        store_unlock(s)
        usleep(AWAIT_US)
        store_lock(s)
    store_unlock(s)
    return not failed


cdef bint is_grown(journal *j) noexcept nogil:
    cdef uint64_t size = j.before + j.size
    cdef int64_t percentage = cfg(&j.s.config, OPT_AUTO_AOF_REWRITE_PERCENTAGE)
    cdef uint64_t base = max(j.base_size, <uint64_t>1)
    return (percentage and size > <uint64_t>cfg(&j.s.config, OPT_AUTO_AOF_REWRITE_MIN_SIZE)
            and (size - base if size > base else 0) * 100 // base >= <uint64_t>percentage)


cdef int64_t pause_ms(journal *j, uint64_t failures) noexcept nogil:
    """After so many failures in a row. A replica whose log is stale waits for it."""
    return (STALE_PAUSE_MS if j.stale else PAUSE_MS) * <int64_t>min(failures, MOST_PAUSES)


cdef void rewrite_if_due(store *s) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef rewriting *r = &saves_of(s).rewriting
    if j != NULL and not is_busy(s) and (
            r.scheduled or ((j.baseless or j.stale or is_grown(j)) and wall_ms() - r.begun_ms > pause_ms(j, r.failures))):
        journal_rewrite(s)
