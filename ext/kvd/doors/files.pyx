"""Files from Python: `load` is kvd.Store.load; `inspect` reads an RDB file without keeping anything, and `scan` the commands of
an append-only file, for kvd check.

An RDB file is read and loaded in slices. Between them neither the lock nor the GIL is held. If other threads can reach the store
through its lock, the GIL is not held during a slice either; else it is what protects the store.
"""

from cpython.buffer cimport PyBUF_SIMPLE, Py_buffer, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EIO
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.buf cimport buf_release
from kvd.core.clock cimport NEVER
from kvd.core.crc64 cimport crc64
from kvd.core.threads cimport pthread_self
from kvd.core.view cimport view_of
from kvd.doors.fork cimport fork_locks
from kvd.doors.lock cimport acquire, release
from kvd.doors.store cimport Store
from kvd.persist.attach cimport journal_open, journal_stop
from kvd.persist.file cimport ERROR_ROOM, RDB_HEADER, rdb_header, rdb_magic
from kvd.persist.journal cimport journal_flush, journal_of
from kvd.persist.load cimport (
    LOADING_FAILED, LOADING_INSPECT, LOADING_KEEP, LOADING_LENDS, LOADING_MERGE, LOADING_PREAMBLE, LOADING_UNCHECKED,
    loading, loading_drop, loading_feed, loading_finish, loading_offset, loading_open, loading_open_file, loading_some,
)
from kvd.persist.progress cimport progress_end, progress_of
from kvd.persist.rdb.forms cimport RDB_LEAST, RDB_USUAL, RDB_VERSION
from kvd.persist.rewrite cimport journal_rewrite, log_renew
from kvd.persist.saves cimport is_busy, saves, saves_cancel, saves_of, saves_wait
from kvd.persist.scan cimport scan_commands, scanning
from kvd.persist.snapshot cimport (
    snapshot as snapshot_struct, snapshot_asked, snapshot_delete, snapshot_give_up, snapshot_new, snapshot_of,
    snapshot_some,
)
from kvd.persist.start cimport start_begin, start_load
from kvd.replica.replication cimport is_replica, replication_of
from kvd.replica.upkeep cimport replication_stop
from kvd.run.after cimport after
from kvd.store.store cimport store, store_share
from kvd.store.tick cimport store_next
from kvd.types.kind cimport TYPES
from kvd.types.value cimport type_name

import os
import time

cdef enum:
    SLICE = 1 << 16            # bytes: below a millisecond

OWN_SNAPSHOT = "this thread is taking a snapshot of the store"
KEEP, MERGE, PREAMBLE, UNCHECKED = LOADING_KEEP, LOADING_MERGE, LOADING_PREAMBLE, LOADING_UNCHECKED


cdef bint slice_of(Store owner, loading *l) except -1:
    """Loads some of the file, and installs it at its end. True: there is more."""
    cdef bint going = False
    with nogil:
        loading_feed(l)
    PyErr_CheckSignals()
    owner.acquire_idle()
    try:
        if owner.closed:
            from kvd.errors import ClosedError
            raise ClosedError("the store is closed")
        if owner.s.guard.held:
            with nogil:
                going = loading_some(l, SLICE)
            owner.s.guard.held = True      # who borrowed the lock meanwhile has said that it is free
        else:
            going = loading_some(l, SLICE)
        if not going and not l.flags & LOADING_INSPECT:
            loading_finish(l)
            after(owner.s)
    finally:
        release(owner.s)
    return going


cdef int run(Store owner, loading *l) except -1:
    """Loads all of it. In any case nothing of the input is referred to any more."""
    try:
        while slice_of(owner, l):
            pass
    finally:
        acquire(owner.s)
        loading_drop(l)
        release(owner.s)
    if owner.s.wanted != NEVER:
        owner.plan()
    return 0


cdef int read_source(Store owner, object source, uint32_t flags, loading *l) except -1:
    """source: a path, or bytes, or a binary file, which is read to its end."""
    cdef Py_buffer data
    cdef int fd
    flags |= LOADING_LENDS
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb", buffering=0) as file:
            fd = file.fileno()
            loading_open_file(l, owner.s, fd, flags)
            return run(owner, l)
    if hasattr(source, "read"):
        source = source.read()
        if not isinstance(source, bytes):
            raise TypeError("the file is not open in binary mode")
    PyObject_GetBuffer(source, &data, PyBUF_SIMPLE)
    try:
        loading_open(l, owner.s, view_of(<const char *>data.buf, data.len), flags)
        return run(owner, l)
    finally:
        PyBuffer_Release(&data)


cdef object name_of(object source):
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return getattr(source, "name", None)


cdef str error_of(loading *l):
    return (<bytes>l.error).decode("utf-8", "backslashreplace")


cdef int raise_failure(loading *l, object source) except -1:
    from kvd.errors import FileError
    name = name_of(source)
    if l.failed_call:
        raise OSError(l.failed_call, os.strerror(l.failed_call), name)
    if error_of(l) == "no memory":
        raise MemoryError()
    raise FileError(f"{name}: {error_of(l)}" if isinstance(name, str) else error_of(l), l.offset)


def load(Store owner not None, object source, uint32_t flags=0):
    """Load an RDB file. Returns the number of keys. See kvd.Store.load.

    flags: KEEP (what the store holds stays), MERGE (a key that is there already is replaced, not an error), PREAMBLE (keys that have
    expired are loaded, too), UNCHECKED (the checksum may be wrong)."""
    cdef loading l
    memset(&l, 0, sizeof(l))
    read_source(owner, source, flags & ~LOADING_INSPECT, &l)
    if l.state == LOADING_FAILED:
        raise_failure(&l, source)
    return l.keys


cdef dict aux_of(loading *l):
    cdef dict found = {}
    cdef size_t at = 0
    cdef uint32_t n
    cdef list words = []
    while at < l.aux.len:
        n = (<uint32_t *>(l.aux.ptr + at))[0]
        words.append(l.aux.ptr[at + 4:at + 4 + n])
        at += 4 + n
    for i in range(0, len(words), 2):
        found[words[i].decode("utf-8", "backslashreplace")] = words[i + 1].decode("utf-8", "backslashreplace")
    return found


def inspect(Store owner not None, object source):
    """Read an RDB file without loading it. Returns what it contains, as a dict:

    version, valkey: the format. keys: number of them, types: the number of each type, expires: keys with a deadline, expired:
    keys whose deadline has passed, empty: empty collections, which are not loaded. libraries: of functions. aux: the
    auxiliary fields. checksum: whether it has one (a wrong one is an error). end: the offset of the first byte that does not belong
    to it. error: None, or the reason why it cannot be loaded, offset: where.

    owner: gives the memory for one value at a time. Raises OSError if the file cannot be read."""
    cdef loading l
    cdef int i
    memset(&l, 0, sizeof(l))
    try:
        read_source(owner, source, LOADING_INSPECT, &l)
        if l.failed_call:
            raise_failure(&l, source)
        return {
            "version": l.version, "valkey": bool(l.valkey), "keys": l.keys, "expires": l.timed, "expired": l.expired,
            "types": {type_name(i).decode(): l.types[i] for i in range(TYPES) if l.types[i]},
            "empty": l.empty, "libraries": l.libraries, "aux": aux_of(&l), "checksum": bool(l.summed_up),
            "end": loading_offset(&l), "error": error_of(&l) if l.state == LOADING_FAILED else None, "offset": l.offset,
        }
    finally:
        buf_release(&l.aux)


def scan(object data, int64_t until=0):
    """Find the first broken command of an append-only file, without its RDB preamble if it has one. O(N). Returns a dict:

    good: the number of bytes after which it could be cut so that it is whole, commands: those up to there, error: None, or what
    is wrong at offset, torn: whether the error is that the file ends too early, time: the last annotation of time, stopped: whether
    the scan ended before an annotation later than `until`.

    data: bytes-like. until: seconds since 1970, or 0."""
    cdef Py_buffer view
    cdef scanning found
    found.until = until
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            scan_commands(<const uint8_t *>view.buf, view.len, &found)
    finally:
        PyBuffer_Release(&view)
    return {
        "good": found.good, "commands": found.commands, "error": found.error.decode() if found.error != NULL else None,
        "offset": found.offset, "torn": bool(found.torn), "time": found.time, "stopped": bool(found.stopped),
    }


# ---- the files of a store ----------------------------------------------------------------------------

cdef object loaded(Store owner, bint ok, const char *error):
    if not ok:
        from kvd.errors import FileError
        raise FileError((<bytes>error).decode("utf-8", "backslashreplace") or "no memory")
    fork_locks(owner)
    acquire(owner.s)
    owner.s.wanted = store_next(owner.s)
    release(owner.s)
    if owner.s.wanted != NEVER:
        owner.plan()


def open_log(Store owner not None, bytes path, int sync, bint lazy):
    """Load the log in one file, and append to it from now on.

    path: absolute. sync: 0 every second, 1 always, 2 never. lazy: effects may be written by a thread, every tenth of a second.
    Raises kvd.FileError."""
    cdef char error[ERROR_ROOM]
    cdef const char *where = path
    cdef bint ok
    error[0] = 0
    with nogil:
        ok = journal_open(owner.s, where, sync, lazy, error) != NULL
    loaded(owner, ok, error)


def begin_loading(Store owner not None):
    """Refuse the commands of clients from now on, until start_persistence has loaded the data set: LOADING. Raises MemoryError."""
    cdef bint ok
    acquire(owner.s)
    ok = start_begin(owner.s)
    release(owner.s)
    if not ok:
        raise MemoryError()


def start_persistence(Store owner not None):
    """Load what the configuration names: the append-only log, which is then written to, or the snapshot file.

    A server may run meanwhile, if begin_loading was called before it was started. Raises kvd.FileError, after which its clients are
    still refused."""
    cdef char error[ERROR_ROOM]
    cdef bint ok
    cdef bint begins = progress_of(owner.s) == NULL
    error[0] = 0
    if begins:
        begin_loading(owner)
    with nogil:
        ok = start_load(owner.s, error)
    if begins and not ok:
        acquire(owner.s)
        progress_end(owner.s)
        release(owner.s)
    loaded(owner, ok, error)


def link_failure(Store owner not None):
    """Why the store has no connection to its master, as far as known; empty: it has one, or is connecting for the first time."""
    acquire(owner.s)
    text = replication_of(owner.s).up.why.decode("utf-8", "replace") if replication_of(owner.s) != NULL else ""
    release(owner.s)
    return text


def close_files(Store owner not None):
    """Write and sync the log, and end a snapshot that is being taken. Nothing is written afterwards.

    Raises OSError if the end of the log could not be written, or not what replaced the data set."""
    cdef int error
    cdef bint whole
    acquire(owner.s)
    owner.s.on_tick = owner.s.on_options = NULL     # else a log that is configured would begin again, with what is left
    release(owner.s)
    with nogil:
        replication_stop(owner.s)
        whole = is_replica(owner.s) or log_renew(owner.s)      # of a replica, the old data set is as good, if it is not all there
        error = journal_stop(owner.s)
        saves_cancel(owner.s)
        saves_wait(owner.s)
    if not whole:
        raise OSError(EIO, "the file holds what the store held before its data set was replaced, and what was written later: it could not be written anew")
    if error:
        raise OSError(error, f"the last writes could not be written to the file: {os.strerror(error)}")


def compact(Store owner not None):
    """Start a rewrite of the log. None: it has to wait for a snapshot or rewrite, False: it failed, or there is no log."""
    cdef bint busy, mine
    cdef bint ok = False
    acquire(owner.s)
    busy = is_busy(owner.s)
    mine = is_mine(owner.s)
    if not busy:
        ok = journal_of(owner.s) != NULL and journal_rewrite(owner.s)
    release(owner.s)
    if mine:
        raise RuntimeError(OWN_SNAPSHOT)
    return None if busy else bool(ok)


def is_writing(Store owner not None):
    """Is a snapshot being taken, or a rewrite being written?"""
    cdef bint writing
    acquire(owner.s)
    writing = is_busy(owner.s)
    release(owner.s)
    return bool(writing)


def has_log(Store owner not None):
    """Are the writes logged?"""
    return journal_of(owner.s) != NULL


def log_failed(Store owner not None):
    """Why the last rewrite of the log has failed; None: it has not."""
    cdef saves *v
    cdef bytes why = None
    acquire(owner.s)
    v = saves_of(owner.s)
    if journal_of(owner.s) != NULL and v.rewriting.failed:
        why = v.why
    release(owner.s)
    return None if why is None else why.decode("utf-8", "backslashreplace")


def sync_log(Store owner not None):
    """Write and sync the log now. False: it failed."""
    cdef bint ok
    with nogil:
        ok = journal_flush(owner.s, True)
    return bool(ok)


cdef bint is_mine(store *s) noexcept nogil:
    """Is this thread taking a snapshot?"""
    cdef snapshot_struct *w = snapshot_of(s)
    return w != NULL and w.has_taker and w.taker == pthread_self()


cdef snapshot_struct *begin_snapshot(Store owner, int version) except NULL:
    """Waits until the one that is being taken has ended."""
    cdef snapshot_struct *w
    cdef bint busy, mine
    while True:
        acquire(owner.s)
        w = NULL
        busy = snapshot_of(owner.s) != NULL
        mine = is_mine(owner.s)
        if not busy:
            store_share(owner.s)
            w = snapshot_new(owner.s, False, version if version >= 0 else snapshot_asked(owner.s))
            if w != NULL:
                w.taker = pthread_self()
                w.has_taker = True
        release(owner.s)
        if mine:
            raise RuntimeError(OWN_SNAPSHOT)
        if w != NULL:
            return w
        if not busy:
            raise MemoryError()
        time.sleep(0.001)


def snapshot(Store owner not None, file, int version=-1):
    """Write a snapshot of this instant to a binary file object. Returns the number of keys. Other threads may use the store meanwhile.

    version: of the format; 0: the lowest that loses nothing, -1: that of the option."""
    cdef snapshot_struct *w
    cdef bint whole = False
    cdef bytes data
    cdef char header[RDB_HEADER + 1]
    cdef bint ok
    cdef uint64_t crc = 0
    cdef uint64_t written = 0
    seekable = file.seekable() if hasattr(file, "seekable") else False
    begin = file.tell() if seekable else 0
    w = begin_snapshot(owner, version)
    head = w.asked
    if head == 0:              # what the file needs is known at its end
        head = RDB_LEAST if seekable else RDB_VERSION if owner.s.arrays else RDB_USUAL
    try:
        while not whole:
            acquire(owner.s)
            whole = snapshot_some(w, SLICE)
            data = w.out.ptr[:w.out.len] if w.out.len else b""
            w.out.len = 0
            release(owner.s)
            if written == 0 and data and head != RDB_LEAST:
                rdb_magic(header, head)
                data = header[:RDB_HEADER] + data[RDB_HEADER:]
            crc = crc64(crc, <const char *>data, len(data))
            written += len(data)
            file.write(data)
        n = w.keys
        version = w.version
        unfit = None if w.unfit == NULL else f"RDB version {w.asked} cannot hold {w.unfit.decode()}"
        ok = not w.failed and not w.muted
    finally:
        while not whole:
            acquire(owner.s)
            snapshot_give_up(w)
            whole = snapshot_some(w, SLICE)
            release(owner.s)
        snapshot_delete(w)
    if unfit:
        from kvd.errors import FileError
        raise FileError(unfit)
    if not ok:
        raise MemoryError()
    if seekable and version != head:
        crc = rdb_header(header, version, crc, written)
        file.seek(begin)
        file.write(header[:RDB_HEADER])
        file.seek(begin + written)
    file.write((<object>crc).to_bytes(8, "little"))
    return n
