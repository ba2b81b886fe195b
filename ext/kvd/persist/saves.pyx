"""Snapshots into files: at once (SAVE), in a thread (BGSAVE), and at save points.

The thread alternates between a slice of the snapshot, under the lock, and writing its bytes, without. Between
slices it lets the threads that wait for the lock have it. The snapshot's instant is that of the command; for the log, the thread can prepare
files first (`prepare`). One snapshot is taken at a time, also for kvd.Store.snapshot, which has
no file here (`is_busy`); what is requested meanwhile waits (`scheduled`) or is refused.

A file appears under its name when it is complete (file.pyx). After a failure the old one is still there, and writes are
refused if stop-writes-on-bgsave-error says so (SPECIAL_UNSAVED).
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memset, strerror, strlen

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport NEVER, wall_ms
from kvd.core.text cimport parse_int
from kvd.core.threads cimport pthread_join, pthread_self, thread_start
from kvd.core.view cimport view_str
from kvd.persist.file cimport rdb_file_drop, rdb_file_finish, rdb_file_open, rdb_file_write
from kvd.persist.latency cimport latency_begin, latency_ms, latency_note
from kvd.persist.snapshot cimport (
    snapshot_abandon, snapshot_asked, snapshot_delete, snapshot_give_up, snapshot_hurry, snapshot_new,
    snapshot_new_commands, snapshot_some,
)
from kvd.session.session cimport clients_of
from kvd.store.change cimport changes_are_saved, changes_since_save
from kvd.store.config cimport (
    OPT_AOF_REWRITE_INCREMENTAL_FSYNC, OPT_DBFILENAME, OPT_DIR, OPT_RDBCHECKSUM, OPT_RDB_SAVE_INCREMENTAL_FSYNC,
    OPT_SAVE, config_text, next_word,
)
from kvd.store.lock cimport guard_yield, usleep
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport (
    SPECIAL_LOADING, SPECIAL_UNSAVED, special_set, store_lend, store_lock, store_share, store_unlock,
)

cdef enum:
    SLICE = 8192               # bytes of a snapshot written under the lock at once: 0.2 ms with small keys
    CHUNK = 262144             # bytes written to the file at once
    AWAIT_US = 1000
    POINTS_MS = 100            # between two looks at the save points
    LONG_US = 1000000          # a time for which a script runs that releases the GIL
    RETRY_MS = 5000            # after a failure, before save points are looked at again


cdef saves *saves_open(store *s) noexcept nogil:
    cdef saves *v = saves_of(s)
    if v == NULL:
        v = <saves *>calloc(1, sizeof(saves))
        if v == NULL:
            return NULL
        v.last_ms = wall_ms()
        v.took_ms = v.rewriting.took_ms = -1
        s.parts[<int>PART_SAVES] = v
    return v


# ---- results -----------------------------------------------------------------------------------------

cdef void explain(store *s, rdb_file *f, snapshot *w) noexcept nogil:
    """Why a file could not be written. w: may be NULL."""
    cdef saves *v = saves_open(s)
    cdef const char *what = f.failed if f.failed != NULL else <const char *>b"memory"
    cdef const char *why = strerror(f.error) if f.error else <const char *>b"out of memory"
    if v == NULL:
        return
    v.unfit = w != NULL and w.unfit != NULL
    if v.unfit:
        snprintf(v.why, sizeof(v.why), b"RDB version %d (option rdb-version) cannot hold %s", w.asked, w.unfit)
    else:
        snprintf(v.why, sizeof(v.why), b"Write error while saving DB to the disk(%s): %s", what, why)
    log_line(s, LOG_WARNING, v.why)


cdef void note_status(store *s, bint ok) noexcept nogil:
    """What stop-writes-on-bgsave-error looks at. A SAVE that fails does not change it: its client has the error."""
    saves_of(s).failed = not ok
    special_set(&s.special, SPECIAL_UNSAVED, not ok)


cdef void note_success(store *s, snapshot *w) noexcept nogil:
    cdef saves *v = saves_of(s)
    note_status(s, True)
    v.last_ms = wall_ms()
    v.count += 1
    changes_are_saved(s, w.changes)


cdef void dump_ended(store *s, rdb_file *f, bint ok) noexcept nogil:
    cdef saves *v = saves_of(s)
    v.took_ms = wall_ms() - v.begun_ms
    if v.cancelled and not ok and f.error == 0:
        log_line(s, LOG_WARNING, b"Background saving was cancelled")
        return
    if ok:
        note_success(s, v.walk)
        log_line(s, LOG_NOTICE, b"DB saved on disk")
        log_line(s, LOG_NOTICE, b"Background saving terminated with success")
    else:
        note_status(s, False)
        log_line(s, LOG_WARNING, b"Background saving error")


cdef bint end(store *s, bint ok) noexcept nogil:
    """Of what saves_begin was asked for. Returns ok."""
    cdef saves *v = saves_of(s)
    if not ok and (not v.cancelled or v.file.error):
        explain(s, &v.file, v.walk)
    v.done(s, &v.file, ok)
    return ok


# ---- the thread --------------------------------------------------------------------------------------

cdef bint write_all(store *s, saves *v, buf *chunk) noexcept nogil:
    """False: it was cancelled, or failed."""
    cdef bint whole = False
    cdef buf taken
    while not whole:
        store_lock(s)
        if v.cancelled and not v.walk.muted:
            snapshot_give_up(v.walk)
        whole = snapshot_some(v.walk, SLICE)
        if v.walk.out.len >= CHUNK or whole:
            taken = v.walk.out
            v.walk.out = chunk[0]
            chunk[0] = taken
        store_unlock(s)
        if chunk.len:
            if not rdb_file_write(&v.file, chunk.ptr, chunk.len):
                v.cancelled = True
            chunk.len = 0
        guard_yield(&s.guard)
    return not v.walk.muted and not v.walk.failed


cdef bint saves_await(store *s) noexcept nogil:
    while not saves_of(s).cancelled and (snapshot_of(s) != NULL or clients_of(s).busy != NULL):
        store_unlock(s)                    # another snapshot is being taken, or a script has lent the lock
        usleep(AWAIT_US)
        store_lock(s)
    return not saves_of(s).cancelled


cdef bint prepared(store *s, saves *v) noexcept nogil:
    """Begins the snapshot, if that was left to the thread. False: it could not be prepared, which has been explained."""
    cdef bint ok = True
    store_lock(s)
    if v.walk == NULL:
        ok = v.prepare(s)
        if ok:
            v.walk = walk_new(s, v.for_log, v.file.plain)
    store_unlock(s)
    return ok


cdef void *thread_main(void *context) noexcept nogil:
    cdef store *s = <store *>context
    cdef saves *v = saves_of(s)
    cdef buf chunk
    cdef int64_t begun
    cdef int64_t ms = 0
    cdef bint ready = prepared(s, v)
    cdef bint ok
    memset(&chunk, 0, sizeof(chunk))
    ok = ready and v.walk != NULL and write_all(s, v, &chunk)
    buf_release(&chunk)
    if ok:
        ok = rdb_file_finish(&v.file, v.walk.version)
    else:
        begun = latency_begin(s)
        rdb_file_drop(&v.file)
        ms = latency_ms(begun)
    store_lock(s)
    latency_note(s, b"rdb-unlink-temp-file", ms)
    if ready:
        end(s, ok)
    else:
        v.done(s, &v.file, False)
    if v.walk != NULL:
        snapshot_delete(v.walk)
    v.walk = NULL
    v.running = False
    store_unlock(s)
    return NULL


cdef void join_ended(saves *v) noexcept nogil:
    if v.joinable and not v.running:
        pthread_join(v.thread, NULL)
        v.joinable = False


cdef bint saves_open_file(store *s, rdb_file *f, const char *folder, view name, bint for_log) noexcept nogil:
    cdef bint plain = is_plain(s, for_log)
    cdef bint ok = rdb_file_open(f, folder, name, cfg(&s.config, OPT_RDBCHECKSUM) and not plain,
                                 cfg(&s.config, OPT_AOF_REWRITE_INCREMENTAL_FSYNC if for_log else OPT_RDB_SAVE_INCREMENTAL_FSYNC))
    f.plain = plain
    return ok


cdef snapshot *walk_new(store *s, bint for_log, bint plain) noexcept nogil:
    return snapshot_new_commands(s) if plain else snapshot_new(s, for_log, snapshot_asked(s))


cdef bint saves_begin(store *s, const char *folder, view name, bint for_log, preparing prepare, saved done) noexcept nogil:
    cdef saves *v = saves_open(s)
    if v == NULL or is_busy(s):
        return False
    join_ended(v)
    v.prepare = prepare
    v.done = done
    v.for_log = for_log
    v.cancelled = False
    v.begun_ms = v.tried_ms = wall_ms()
    v.why[0] = 0
    if not saves_open_file(s, &v.file, folder, name, for_log):
        return end(s, False)
    store_share(s)
    v.walk = walk_new(s, for_log, v.file.plain) if prepare == NULL else NULL
    if v.walk == NULL and prepare == NULL:
        rdb_file_drop(&v.file)
        return end(s, False)
    v.running = True
    if thread_start(&v.thread, thread_main, s) != 0:
        v.running = False
        if v.walk != NULL:
            snapshot_abandon(v.walk)
        v.walk = NULL
        rdb_file_drop(&v.file)
        return end(s, False)
    v.joinable = True
    return True


cdef view dump_name(store *s) noexcept nogil:
    return view_str(config_text(&s.config, OPT_DBFILENAME))


cdef bint saves_begin_dump(store *s) noexcept nogil:
    if not saves_begin(s, config_text(&s.config, OPT_DIR), dump_name(s), False, NULL, dump_ended):
        return False
    log_line(s, LOG_NOTICE, b"Background saving started")
    return True


cdef bint saves_write(store *s, rdb_file *f, bint for_log, snapshot **left) noexcept nogil:
    cdef snapshot *w = walk_new(s, for_log, f.plain)
    cdef bint whole = False
    left[0] = w
    while w != NULL and not whole:
        if f.error and not w.muted:
            snapshot_give_up(w)
        whole = snapshot_some(w, CHUNK)
        rdb_file_write(f, w.out.ptr, w.out.len)
        w.out.len = 0
    if w != NULL and not w.muted and not w.failed and rdb_file_finish(f, w.version):
        return True
    rdb_file_drop(f)
    explain(s, f, w)
    return False


cdef bint open_dump(store *s, rdb_file *f) noexcept nogil:
    if saves_open_file(s, f, config_text(&s.config, OPT_DIR), dump_name(s), False):
        return True
    explain(s, f, NULL)
    return False


cdef bint save_into(store *s, rdb_file *f) noexcept nogil:
    cdef snapshot *w = NULL
    cdef bint ok
    snapshot_hurry(s)
    ok = open_dump(s, f) and saves_write(s, f, False, &w)
    if ok:
        note_success(s, w)
        log_line(s, LOG_NOTICE, b"DB saved on disk")
    if w != NULL:
        snapshot_delete(w)
    return ok


cdef bint saves_now(store *s) noexcept nogil:
    """The thread may be writing a base of the log, so the file is not that of `saves`."""
    cdef saves *v = saves_open(s)
    cdef rdb_file *f = <rdb_file *>calloc(1, sizeof(rdb_file)) if v != NULL else NULL
    cdef bint ok = False
    if f != NULL:
        v.tried_ms = wall_ms()
        ok = save_into(s, f)
    free(f)
    return ok


# ---- ending ------------------------------------------------------------------------------------------

cdef void saves_cancel(store *s) noexcept nogil:
    if is_saving(s):
        saves_of(s).cancelled = True


cdef void saves_wait(store *s) noexcept nogil:
    cdef saves *v = saves_of(s)
    if v != NULL and v.joinable:
        pthread_join(v.thread, NULL)
        v.joinable = False


cdef void saves_forget(store *s) noexcept nogil:
    cdef saves *v = saves_of(s)
    cdef snapshot *w = snapshot_of(s)
    if w != NULL and not (w.has_taker and w.taker == pthread_self()):
        snapshot_abandon(w)
    if v == NULL:
        return
    v.walk = NULL
    v.file.temporary[0] = 0                # it is the parent's
    v.running = v.joinable = False


cdef void saves_release(store *s) noexcept nogil:
    saves_cancel(s)
    saves_wait(s)
    free(saves_of(s))
    s.parts[<int>PART_SAVES] = NULL


# ---- save points -------------------------------------------------------------------------------------

cdef bint has_save_points(store *s) noexcept nogil:
    return strlen(config_text(&s.config, OPT_SAVE)) != 0


cdef bint next_point(view *rest, int64_t *seconds, int64_t *changes) noexcept nogil:
    cdef view first, second
    return next_word(rest, &first) and next_word(rest, &second) and parse_int(first, seconds) and parse_int(second, changes)


cdef void look_at_points(store *s, saves *v) noexcept nogil:
    cdef view rest = view_str(config_text(&s.config, OPT_SAVE))
    cdef int64_t seconds, changes
    cdef int64_t now = wall_ms()
    cdef int64_t changed = changes_since_save(s)
    cdef char text[128]
    while changed and next_point(&rest, &seconds, &changes):
        if changed >= changes and now - v.last_ms > seconds * 1000 and (not v.failed or now - v.tried_ms > RETRY_MS):
            snprintf(text, sizeof(text), b"%lld changes in %lld seconds. Saving...", <long long>changes, <long long>seconds)
            log_line(s, LOG_NOTICE, text)
            saves_begin_dump(s)
            return


cdef void saves_end(session *who) noexcept nogil:
    saves_cancel(who.store)
    while is_saving(who.store):
        if who.in_process and who.relax != NULL:
            who.relax(who, True, LONG_US)      # it releases the GIL, too: who gets the lock may need it
        else:
            store_lend(who.store)


cdef void saves_wake(store *s) noexcept nogil:
    s.due = wall_ms()
    if s.on_deadline != NULL:
        s.on_deadline(s, s.due)


cdef void saves_tick(store *s) noexcept nogil:
    cdef saves *v = saves_of(s)
    if s.special & SPECIAL_LOADING:
        return                             # start.pyx calls this when all is loaded
    s.due = wall_ms() + POINTS_MS if has_save_points(s) or (v != NULL and (
        v.running or v.scheduled or v.log_wanted or v.rewriting.scheduled)) else NEVER
    if v == NULL and has_save_points(s):
        v = saves_open(s)
    if v == NULL or is_busy(s):
        return
    join_ended(v)
    if v.scheduled:
        v.scheduled = False
        saves_begin_dump(s)
    elif has_save_points(s):
        look_at_points(s, v)
