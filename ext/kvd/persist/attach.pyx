"""A store's log begins, has a thread, and ends.

`attach` makes it a consumer of the store's effects and starts the thread, which writes what waits, syncs once a second
(appendfsync everysec), repeats what has failed, syncs what a rewrite has left, and begins the rewrite that is due. `detach` is the
opposite: at the end of the store, or when CONFIG SET appendonly becomes no.
"""

from libc.errno cimport EAGAIN, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport remove, snprintf
from libc.string cimport memset, strerror, strrchr

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.threads cimport pthread_join, thread_start
from kvd.core.view cimport view_str
from kvd.persist.file cimport (
    ERROR_ROOM, PATH_ROOM, file_append, file_is, file_lock, file_size, file_sync, folder_sync, say,
)
from kvd.persist.journal cimport (
    SYNC_EVERYSEC, journal_fail, journal_new, journal_of, journal_policy_of, journal_release, journal_repair,
    journal_sync_unlocked, journal_write,
)
from kvd.persist.logfolder cimport logfolder_adopt, logfolder_load, logfolder_open, logfolder_read, logfolder_set
from kvd.persist.logload cimport log_load
from kvd.persist.nap cimport nap_end, nap_for
from kvd.persist.rewrite cimport journal_rewrite, rewrite_if_due
from kvd.persist.saves cimport is_busy, saves, saves_cancel, saves_of, saves_open, saves_wait, saves_wake
from kvd.session.session cimport clients_of
from kvd.store.change cimport changes_are_saved, changes_made, consume, consume_stop
from kvd.store.config cimport OPT_APPENDONLY, OPT_NO_APPENDFSYNC_ON_REWRITE, cfg, config_set
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport SPECIAL_LOADING, SPECIAL_UNLOGGED, special_set, store_lock, store_share, store_unlock

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    NAP_MS = 100
    SYNC_MS = 1000


# ---- the thread --------------------------------------------------------------------------------------

cdef bint syncs_now(journal *j) noexcept nogil:
    """Of the thread: is there something to sync that nothing else does?"""
    return j.synced < j.written and journal_policy_of(j) == SYNC_EVERYSEC and not (
        j.rewriting and cfg(&j.s.config, OPT_NO_APPENDFSYNC_ON_REWRITE))


cdef bint has_rest(journal *j) noexcept nogil:
    """Has a rewrite left a file or a rename that is not synced?"""
    return (j.retired >= 0 or j.listed < j.renames) and not j.error


cdef void *thread_main(void *context) noexcept nogil:
    cdef journal *j = <journal *>context
    cdef store *s = j.s
    cdef int64_t next_sync = 0
    while nap_for(&j.nap, NAP_MS):
        store_lock(s)
        if j.error:
            journal_repair(j)
        elif j.pending.len:
            journal_write(j)
        if wall_ms() >= next_sync:
            next_sync = wall_ms() + SYNC_MS
            if syncs_now(j):
                journal_sync_unlocked(j, True)
        if clients_of(s).busy == NULL:             # else a script has lent the lock: this is not between two commands
            rewrite_if_due(s)
        if has_rest(j):
            journal_sync_unlocked(j, False)
        store_unlock(s)
    return NULL


# ---- beginning ---------------------------------------------------------------------------------------

cdef journal *journal_first(store *s, char *error) noexcept nogil:
    if journal_of(s) != NULL:
        snprintf(error, ERROR_ROOM, b"the store has a log already")
        return NULL
    return journal_new(s)


cdef void attach(journal *j) noexcept nogil:
    """Under the lock, which is used from now on: effects are logged, and there is a thread."""
    cdef store *s = j.s
    s.parts[<int>PART_JOURNAL] = j
    j.base_size = j.before + j.size
    consume(s, &j.consumer)
    j.has_thread = saves_open(s) != NULL and thread_start(&j.thread, thread_main, j) == 0
    if not j.has_thread:
        journal_fail(j, EAGAIN)


cdef void lock_shared(store *s) noexcept nogil:
    """The lock of a store that the log's thread is going to use; until then it may have been used without."""
    s.guard.shared = True
    store_lock(s)


cdef journal *journal_start(store *s, char *error) noexcept nogil:
    cdef journal *j = journal_first(s, error)
    cdef bint found = False
    cdef bint ok
    if j == NULL:
        return NULL
    if journal_of(s) != NULL:
        snprintf(error, ERROR_ROOM, b"the store has a log already")
        journal_release(j)
        return NULL
    store_lock(s)
    ok = logfolder_set(j, error) and logfolder_read(j, &found, error) and logfolder_adopt(j, found, error)
    store_unlock(s)
    ok = ok and logfolder_load(j, False, error)
    lock_shared(s)
    ok = ok and logfolder_open(j, error)
    if ok:
        attach(j)
    store_unlock(s)
    if not ok:
        journal_release(j)
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
        journal_release(j)
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
    if not logfolder_set(j, error) or not logfolder_read(j, &found, error):
        journal_release(j)
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


# ---- configuration -----------------------------------------------------------------------------------

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


# ---- ending ------------------------------------------------------------------------------------------

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
    if error == 0 and j.listed < j.renames:
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
    if j.rewriting:
        saves_cancel(s)
    consume_stop(s, &j.consumer)
    s.parts[<int>PART_JOURNAL] = NULL
    s.unwritten = False
    special_set(&s.special, SPECIAL_UNLOGGED, False)
    store_unlock(s)
    nap_end(&j.nap)
    if had:
        pthread_join(j.thread, NULL)
    if j.rewriting and j.single[0]:
        saves_wait(s)                  # it must not touch the files once another store can have them
    store_lock(s)
    error = sync_end(j)
    special_set(&s.special, SPECIAL_UNLOGGED, False)
    journal_release(j)
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
    if j.next >= 0:
        close(j.next)                  # else the child would keep the parent's lock on it
    journal_release(j)
