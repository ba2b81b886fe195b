"""Snapshots into files: at once, in a thread, and at save points. See saves.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.threads cimport pthread_t
from kvd.core.view cimport view
from kvd.persist.file cimport rdb_file
from kvd.persist.snapshot cimport snapshot, snapshot_of
from kvd.session.session cimport session
from kvd.store.config cimport OPT_AOF_USE_RDB_PREAMBLE, cfg
from kvd.store.parts cimport PART_SAVES
from kvd.store.store cimport store

ctypedef bint (*preparing)(store *s) noexcept nogil       # of the thread, before the instant of its snapshot; False: it fails. Under the lock, as the next one
ctypedef void (*saved)(store *s, rdb_file *f, bint ok) noexcept nogil     # when a file is finished or has failed. Under the lock, which it may release meanwhile

cdef struct rewriting:         # of the log, also with appendonly no: BGREWRITEAOF writes a base then
    bint running
    bint scheduled             # when what runs has ended
    int64_t begun_ms
    int64_t took_ms            # -1: none yet
    bint failed                # the last one
    uint64_t count             # successful ones
    uint64_t failures          # in a row

cdef struct saves:             # all fields under the store's lock, but `file` while the thread runs
    pthread_t thread
    bint running               # the thread is
    bint joinable              # it has been started, and not been joined
    bint cancelled
    snapshot *walk
    rdb_file file
    preparing prepare          # NULL: the snapshot has begun
    saved done
    bint scheduled             # BGSAVE SCHEDULE: when what runs has ended
    bint log_wanted            # CONFIG SET appendonly yes waits until what runs has ended
    bint for_log               # the file that is written is a base of the log
    int64_t begun_ms
    int64_t tried_ms           # the last begin
    int64_t last_ms            # the end of the last that was successful, or the start of the store
    int64_t took_ms            # -1: none yet
    bint failed                # the last one in the background
    bint unfit                 # the last file that could not be written: its version cannot hold the data
    char why[512]              # the reason
    uint64_t count             # successful ones
    rewriting rewriting
    uint64_t loaded            # keys, by the last load
    uint64_t load_expired      # of its keys, those that had expired

cdef saves *saves_open(store *s) noexcept nogil                    # makes it if necessary; NULL: no memory
cdef bint saves_begin(store *s, const char *folder, view name, bint for_log, preparing prepare, saved done) noexcept nogil   # in a thread; prepare: NULL, or the snapshot begins when that returns. False: it could not be started, and done was called
cdef bint saves_await(store *s) noexcept nogil                     # of `prepare`: lends the lock until a snapshot can begin. False: it was cancelled
cdef bint saves_begin_dump(store *s) noexcept nogil                # BGSAVE
cdef bint saves_now(store *s) noexcept nogil                       # SAVE: under the lock, until it is done. No dump is running
cdef bint saves_open_file(store *s, rdb_file *f, const char *folder, view name, bint for_log) noexcept nogil   # as configured; False: f.error
cdef bint saves_write(store *s, rdb_file *f, bint for_log, snapshot **left) noexcept nogil   # all of a file that is open, and finishes it; the caller deletes *left
cdef void saves_cancel(store *s) noexcept nogil                    # the running one ends soon
cdef void saves_end(session *who) noexcept nogil                   # cancels it, and waits until it has ended; lends the lock meanwhile
cdef void saves_wait(store *s) noexcept nogil                      # without the lock: until none runs
cdef void saves_forget(store *s) noexcept nogil                    # in the child of a fork, where the thread does not exist
cdef void saves_release(store *s) noexcept nogil
cdef bint has_save_points(store *s) noexcept nogil
cdef void saves_wake(store *s) noexcept nogil                      # something was scheduled: saves_tick is called soon
cdef void saves_tick(store *s) noexcept nogil                      # starts what is due


cdef inline saves *saves_of(store *s) noexcept nogil:
    """NULL: none was taken yet."""
    return <saves *>s.parts[<int>PART_SAVES]


cdef inline bint is_busy(store *s) noexcept nogil:
    """Is a snapshot being taken, into a file or for the library?"""
    return is_saving(s) or snapshot_of(s) != NULL


cdef inline bint is_plain(store *s, bint for_log) noexcept nogil:
    """Is it written as commands, not as an RDB file?"""
    return for_log and not cfg(&s.config, OPT_AOF_USE_RDB_PREAMBLE)


cdef inline bint is_dumping(store *s) noexcept nogil:
    """Is a snapshot file being written in the background, not a base of the log?"""
    return saves_of(s) != NULL and saves_of(s).running and not saves_of(s).for_log


cdef inline bint is_saving(store *s) noexcept nogil:
    return saves_of(s) != NULL and saves_of(s).running
