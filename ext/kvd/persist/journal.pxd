"""The append-only log of a store. See journal.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.threads cimport pthread_t
from kvd.core.view cimport view
from kvd.persist.file cimport PATH_ROOM
from kvd.persist.manifest cimport manifest
from kvd.persist.nap cimport nap
from kvd.store.effects cimport consumer
from kvd.store.parts cimport PART_JOURNAL
from kvd.store.store cimport store

cdef enum journal_policy:      # appendfsync, in the order of its words
    SYNC_EVERYSEC
    SYNC_ALWAYS
    SYNC_NO

cdef struct journal:           # all under the store's lock
    consumer consumer
    store *s
    int64_t born               # microseconds: tells it from another one at the same address
    int fd                     # of the file that is appended to
    int retired                # of the file before it, still to be synced and closed; -1
    buf pending                # effects that are not written yet
    bint lazy                  # they may wait for the thread
    int db                     # of the last effect; -1: the file has none
    int64_t stamped            # seconds: the last time that the file tells (aof-timestamp-enabled)
    uint64_t size              # bytes of the file
    uint64_t before            # bytes of the files before it
    uint64_t base_size         # of all, after the last rewrite
    uint64_t written           # ever
    uint64_t synced            # of these
    bint syncing               # the lock is released meanwhile
    int64_t delayed            # syncs that took longer than a second
    int error                  # errno of what failed and has not succeeded since; 0
    bint unsynced              # that was a sync
    bint unlisted              # that was the sync of the folder, after a rename
    bint unretired             # that was the sync of the retired file
    char folder[PATH_ROOM]
    manifest files
    manifest outdated          # of a log before this one: removed when the first base is complete
    bint baseless              # its first base is not complete: it cannot be loaded
    bint unlogged              # it is only the list of the files: nothing is logged
    bint rewriting             # see also saves.rewriting
    int64_t first_kept         # number of the increment that the running rewrite began
    char single[PATH_ROOM]     # the path of a log in one file; empty: there is a folder
    int sync                   # its journal_policy
    buf since                  # effects since its rewrite began
    pthread_t thread
    nap nap
    bint has_thread

cdef journal *journal_start(store *s, char *error) noexcept nogil       # without the lock, while clients are refused: loads the folder of the configuration, and appends to it. NULL: error (ERROR_ROOM bytes)
cdef journal *journal_open(store *s, const char *path, int sync, bint lazy, char *error) noexcept nogil   # the same for a log in one file
cdef void journal_begin(store *s) noexcept nogil                        # under the lock: appendonly became yes
cdef int journal_stop(store *s) noexcept nogil                          # without the lock: writes and syncs what there is, closes it. 0, or errno: the end may be lost
cdef void journal_abandon(store *s) noexcept nogil                      # in the child of a fork: the files are the parent's
cdef bint journal_flush(store *s, bint sync) noexcept nogil             # without the lock: writes, and syncs if asked or configured. False: the effects may be lost
cdef bint journal_is_strict(store *s) noexcept nogil                    # is a write acknowledged only when it is synced?
cdef bint journal_sync(journal *j) noexcept nogil                       # under the lock, which is kept: writes and syncs
cdef bint journal_write(journal *j) noexcept nogil                      # under the lock: writes
cdef bint journal_rewrite(store *s) noexcept nogil                      # under the lock; False: it could not be started. Also without a log: then a base is written
cdef bint journal_load(store *s, char *error) noexcept nogil            # under the lock, which is kept: all that the log holds, or the configured folder, on top of what is there
cdef void journal_options(store *s) noexcept nogil                      # under the lock: after CONFIG SET
cdef void journal_tick(store *s) noexcept nogil


cdef inline journal *journal_of(store *s) noexcept nogil:
    """NULL: nothing is logged."""
    return <journal *>s.parts[<int>PART_JOURNAL]
