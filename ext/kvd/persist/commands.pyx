"""SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, WAITAOF, SHUTDOWN, and the section Persistence of INFO."""

from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.commands.info cimport info_section
from kvd.core.buf cimport buf, buf_printf
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view_is
from kvd.persist.journal cimport journal, journal_of, journal_sync
from kvd.persist.progress cimport progress_of, progress_print
from kvd.persist.rewrite cimport journal_rewrite
from kvd.persist.saves cimport (
    has_save_points, is_busy, is_dumping, rewriting, saves, saves_begin_dump, saves_cancel, saves_end, saves_now,
    saves_of, saves_open, saves_wake,
)
from kvd.resp.writer cimport write_status
from kvd.run.after cimport end_wait
from kvd.run.args cimport reply_error, reply_int, reply_ok
from kvd.run.call cimport command
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.session cimport clients_of, pause_set, session, session_end
from kvd.session.waiters cimport wait_of
from kvd.store.change cimport changes_since_save
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.store cimport SPECIAL_LOADING, SPECIAL_UNLOGGED, store


define(save_command, """
    SAVE
    admin noscript no_async_loading no_multi | server | 1.0.0 | O(N) where N is the number of keys of all databases
    Write a snapshot to the snapshot file, while all other clients wait.
""")
cdef void save_command(call *c) noexcept nogil:
    if is_dumping(c.store):
        reply_error(c, b"ERR Background save already in progress")
    elif saves_now(c.store):
        reply_ok(c)
    else:
        reply_failure(c)


cdef void reply_failure(call *c) noexcept nogil:
    """As Redis, which has its reasons in the log alone, except for one that is kvd's own."""
    cdef char text[600]
    cdef saves *v = saves_of(c.store)
    if v == NULL or not v.unfit:
        reply_error(c, b"ERR")
        return
    snprintf(text, sizeof(text), b"ERR %s", v.why)
    reply_error(c, text)


define(bgsave_command, """
    BGSAVE [SCHEDULE | CANCEL]
    admin noscript no_async_loading | server | 1.0.0 | O(1)
    Write a snapshot to the snapshot file in the background.
    newer: CANCEL -/8.1.0
    arity: -1
""")
cdef void bgsave_command(call *c) noexcept nogil:
    cdef saves *v = saves_open(c.store)
    cdef bint schedule = c.argc == 2 and view_is(c.argv[1], b"schedule")
    if c.argc == 2 and view_is(c.argv[1], b"cancel"):
        cancel(c, v)
    elif c.argc > 2 or (c.argc == 2 and not schedule):
        reply_error(c, SYNTAX)
    elif v != NULL and is_busy(c.store) and not (v.running and v.for_log) and (v.running or not (schedule or c.session.executing)):
        reply_error(c, b"ERR Background save already in progress")
    elif v != NULL and (is_busy(c.store) or c.session.executing):
        if schedule or c.session.executing:
            v.scheduled = True
            saves_wake(c.store)
            write_status(c.out, b"Background saving scheduled")
        else:
            reply_error(c, b"ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a "
                           b"BGSAVE whenever possible.")
    elif saves_begin_dump(c.store):
        write_status(c.out, b"Background saving started")
    else:
        reply_failure(c)


cdef void cancel(call *c, saves *v) noexcept nogil:
    if is_dumping(c.store):
        saves_cancel(c.store)
        log_line(c.store, LOG_NOTICE, b"Background saving will be aborted due to user request")
        write_status(c.out, b"Background saving cancelled")
    elif v != NULL and v.scheduled:
        v.scheduled = False
        write_status(c.out, b"Scheduled background saving cancelled")
    else:
        reply_error(c, b"ERR Background saving is currently not in progress or scheduled")


define(lastsave_command, """
    LASTSAVE
    loading stale fast | server | 1.0.0 | O(1)
    Return the time of the last successful snapshot, in seconds since 1970.
    categories: admin fast dangerous
    tips: nondeterministic_output
""")
cdef void lastsave_command(call *c) noexcept nogil:
    cdef saves *v = saves_of(c.store)
    reply_int(c, (v.last_ms if v != NULL else c.store.started_ms) // 1000)


define(bgrewriteaof_command, """
    BGREWRITEAOF
    admin noscript no_async_loading | server | 1.0.0 | O(1)
    Rewrite the append-only log in the background, as a snapshot and what happens since. With appendonly no, write a snapshot as a log.
""")
cdef void bgrewriteaof_command(call *c) noexcept nogil:
    cdef saves *v = saves_open(c.store)
    if v == NULL:
        reply_error(c, NO_MEMORY)
    elif v.rewriting.running:
        reply_error(c, b"ERR Background append only file rewriting already in progress")
    elif is_busy(c.store) or c.session.executing:
        v.rewriting.scheduled = True
        saves_wake(c.store)
        write_status(c.out, b"Background append only file rewriting scheduled")
    elif journal_rewrite(c.store):
        write_status(c.out, b"Background append only file rewriting started")
    else:
        reply_error(c, b"ERR Can't execute an AOF background rewriting. Please check the server logs for more information.")


# ---- SHUTDOWN ----------------------------------------------------------------------------------------

cdef struct ending:
    int saves                  # how often SAVE or NOSAVE was given
    bint nosave
    bint abort
    bint force
    bint now                   # without waiting for replicas

cdef waiting waits_for_replicas = NULL


cdef void shutdown_waits(waiting f) noexcept:
    global waits_for_replicas
    waits_for_replicas = f


cdef bint read_ending(call *c, ending *how) noexcept nogil:
    cdef int i
    memset(how, 0, sizeof(ending))
    for i in range(1, c.argc):
        if view_is(c.argv[i], b"save") or view_is(c.argv[i], b"nosave"):
            how.nosave = view_is(c.argv[i], b"nosave")
            how.saves += 1
        elif view_is(c.argv[i], b"abort"):
            how.abort = True
        elif view_is(c.argv[i], b"force"):
            how.force = True
        elif view_is(c.argv[i], b"now"):
            how.now = True
        else:
            return False
    return how.saves <= 1 and not (how.abort and c.argc > 2)


cdef bint loses_log(store *s, ending *how) noexcept nogil:
    """Is the first base of the log, without which it cannot be loaded, still being written?"""
    cdef journal *j = journal_of(s)
    if j == NULL or not (j.rewriting and (j.baseless or j.stale)):
        return False
    log_line(s, LOG_WARNING, b"Writing initial AOF. Exit anyway." if how.force else b"Writing initial AOF, can't exit.")
    return not how.force


cdef bint save_for_end(session *who, ending *how) noexcept nogil:
    """False: the data could not be saved, and SHUTDOWN without FORCE does not end the server."""
    cdef store *s = who.store
    if s.special & SPECIAL_LOADING:
        return True                    # the files have all that is loaded, and more
    if loses_log(s, how):
        return False
    saves_end(who)
    if journal_of(s) != NULL and not journal_sync(journal_of(s)) and not how.force:
        log_line(s, LOG_WARNING, b"Error writing the append-only log, can't exit.")
        return False
    if how.nosave or not (how.saves or has_save_points(s)):
        return True
    log_line(s, LOG_NOTICE, b"Saving the final RDB snapshot before exiting.")
    if saves_now(s):
        return True
    if how.force:
        log_line(s, LOG_WARNING, b"Error trying to save the DB, but exiting because FORCE was requested.")
        return True
    log_line(s, LOG_WARNING, b"Error trying to save the DB, can't exit.")
    return False


cdef void abort_shutdown(call *c) noexcept nogil:
    """Of those that wait for replicas."""
    cdef session *who = clients_of(c.store).first
    cdef session *following
    cdef bint found = False
    while who != NULL:
        following = who.next
        if who.wait != NULL and (<const command *>wait_of(who).command).run == shutdown_command:
            end_wait(who, b"ERR Errors trying to SHUTDOWN. Check logs.")
            found = True
        who = following
    if not found:
        reply_error(c, b"ERR No shutdown in progress.")
        return
    pause_set(c.store, 0, False)
    log_line(c.store, LOG_NOTICE, b"Shutdown manually aborted.")
    reply_ok(c)


define(shutdown_command, """
    SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
    admin noscript loading stale no_multi allow_busy | server | 1.0.0 | O(N) with a snapshot, where N is the number of keys, else O(1)
    Stop the server. Before that a snapshot is written if SAVE is given, or if save points are configured and NOSAVE is not given. Without NOW, replicas get up to shutdown-timeout seconds to receive what they lack.
    newer: NOW FORCE ABORT 7.0.0/7.0.0
""")
cdef void shutdown_command(call *c) noexcept nogil:
    cdef ending how
    if not read_ending(c, &how):
        reply_error(c, SYNTAX)
    elif clients_of(c.store).busy != NULL and not how.nosave:
        reply_error(c, clients_of(c.store).busy)
    elif how.abort:
        abort_shutdown(c)
    elif c.store.on_shutdown == NULL:
        reply_error(c, b"ERR Errors trying to SHUTDOWN. There is no server to stop.")
    elif not how.now and waits_for_replicas != NULL and waits_for_replicas(c):
        return
    elif not save_for_end(c.session, &how):
        if c.again:
            pause_set(c.store, 0, False)
        reply_error(c, b"ERR Errors trying to SHUTDOWN. Check logs.")
    else:
        session_end(c.session)
        c.store.on_shutdown(c.store)


# ---- INFO --------------------------------------------------------------------------------------------

cdef void print_persistence(store *s, buf *out) noexcept nogil:
    cdef saves none
    cdef saves *v = saves_of(s)
    cdef bint dumps
    memset(&none, 0, sizeof(none))
    none.last_ms = s.started_ms
    none.took_ms = -1
    if v == NULL:
        v = &none
    dumps = v.running and not v.for_log
    buf_printf(out, b"loading:%d\r\nasync_loading:0\r\ncurrent_cow_peak:0\r\ncurrent_cow_size:0\r\ncurrent_cow_size_age:0\r\n"
               b"current_fork_perc:%.2f\r\ncurrent_save_keys_processed:%llu\r\ncurrent_save_keys_total:%llu\r\n",
               <int>(s.special & SPECIAL_LOADING != 0),
               min(v.walk.keys * 100.0 / v.walk.total, 100.0) if v.walk != NULL and v.walk.total else 0.0,
               <unsigned long long>(v.walk.keys if v.walk != NULL else 0), <unsigned long long>(v.walk.total if v.walk != NULL else 0))
    buf_printf(out, b"rdb_changes_since_last_save:%lld\r\nrdb_bgsave_in_progress:%d\r\nrdb_last_save_time:%lld\r\nrdb_last_bgsave_status:%s\r\n"
               b"rdb_last_bgsave_time_sec:%lld\r\nrdb_current_bgsave_time_sec:%lld\r\nrdb_saves:%llu\r\nrdb_last_cow_size:0\r\n"
               b"rdb_last_load_keys_expired:%llu\r\nrdb_last_load_keys_loaded:%llu\r\n",
               <long long>changes_since_save(s), <int>dumps, <long long>(v.last_ms // 1000),
               <const char *>b"err" if v.failed else <const char *>b"ok",
               <long long>(v.took_ms // 1000 if v.took_ms >= 0 else -1), <long long>((wall_ms() - v.begun_ms) // 1000 if dumps else -1),
               <unsigned long long>v.count, <unsigned long long>v.load_expired, <unsigned long long>v.loaded)
    print_log(s, out)
    if progress_of(s) != NULL:
        progress_print(s, out)


cdef void print_log(store *s, buf *out) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef rewriting none
    cdef rewriting *r = &none
    cdef bint on = j != NULL
    memset(&none, 0, sizeof(none))
    none.took_ms = -1
    if saves_of(s) != NULL:
        r = &saves_of(s).rewriting
    buf_printf(out, b"aof_enabled:%d\r\naof_rewrite_in_progress:%d\r\naof_rewrite_scheduled:%d\r\n"
               b"aof_last_rewrite_time_sec:%lld\r\naof_current_rewrite_time_sec:%lld\r\naof_last_bgrewrite_status:%s\r\n"
               b"aof_rewrites:%llu\r\naof_rewrites_consecutive_failures:%llu\r\naof_last_write_status:%s\r\naof_last_cow_size:0\r\n"
               b"module_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n",
               <int>on, <int>r.running, <int>r.scheduled, <long long>(r.took_ms // 1000 if r.took_ms >= 0 else -1),
               <long long>((wall_ms() - r.begun_ms) // 1000 if r.running else -1),
               <const char *>b"err" if r.failed else <const char *>b"ok",
               <unsigned long long>r.count, <unsigned long long>r.failures,
               <const char *>b"err" if s.special & SPECIAL_UNLOGGED else <const char *>b"ok")
    if on:
        buf_printf(out, b"aof_current_size:%llu\r\naof_base_size:%llu\r\naof_pending_rewrite:0\r\naof_buffer_length:%zu\r\n"
                   b"aof_pending_bio_fsync:%d\r\naof_delayed_fsync:%lld\r\n", <unsigned long long>(j.before + j.size + j.pending.len),
                   <unsigned long long>j.base_size, j.pending.len, <int>(j.synced < j.written), <long long>j.delayed)


info_section(b"persistence", print_persistence)
