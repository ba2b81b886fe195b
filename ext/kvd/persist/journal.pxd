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
    uint64_t renames           # in the folder, ever
    uint64_t listed            # of these, synced
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
    bint stale                 # the store holds another data set than the log, until the rewrite that begins next is complete
    bint renews                # such a rewrite has begun
    bint rewriting             # see also saves.rewriting
    int64_t first_kept         # number of the increment that the running rewrite began
    char single[PATH_ROOM]     # the path of a log in one file; empty: there is a folder
    int sync                   # its journal_policy
    bint collects              # its rewrite: effects go to `since` as well
    buf since                  # those since the instant of the rewrite that its successor does not have yet
    int next                   # the successor, which the thread of the rewrite closes; -1
    uint64_t next_size         # bytes of it
    bint doubles               # writes go to it as well
    pthread_t thread
    nap nap
    bint has_thread

cdef journal *journal_new(store *s) noexcept nogil                      # of nothing yet; NULL: no memory
cdef void journal_release(journal *j) noexcept nogil                    # closes its files; `next` is the rewrite's
cdef int journal_policy_of(journal *j) noexcept nogil
cdef bint journal_is_strict(store *s) noexcept nogil                    # is a write acknowledged only when it is synced?
cdef bint journal_flush(store *s, bint sync) noexcept nogil             # without the lock: writes, and syncs if asked or configured. False: the effects may be lost
cdef bint journal_write(journal *j) noexcept nogil                      # under the lock: writes
cdef bint journal_sync(journal *j) noexcept nogil                       # under the lock, which is kept: writes and syncs
cdef bint journal_sync_unlocked(journal *j, bint current) noexcept nogil    # under the lock, which is released meanwhile: syncs what was written before the file, and that too (current). True also if the log has ended
cdef void journal_repair(journal *j) noexcept nogil                     # of the thread, after a failure: tries again. The lock may be released meanwhile
cdef bint journal_fail(journal *j, int error) noexcept nogil            # writes are refused until what failed has succeeded. False; error 0: it has, True
cdef bint journal_note_names(journal *j, uint64_t upto, int error) noexcept nogil     # after a sync of the folder that holds the first `upto` renames. False: error
cdef bint journal_note_retired(journal *j, int error) noexcept nogil    # after the sync of the file before this one, which is closed. False: error


cdef inline journal *journal_of(store *s) noexcept nogil:
    """NULL: nothing is logged."""
    return <journal *>s.parts[<int>PART_JOURNAL]


cdef inline bint journal_is(store *s, int64_t born) noexcept nogil:
    """Is the log still that one, after the lock was released?"""
    return journal_of(s) != NULL and journal_of(s).born == born
