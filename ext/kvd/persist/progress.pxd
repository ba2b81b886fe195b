"""How far the loading at a server's start is. See progress.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.buf cimport buf
from kvd.persist.file cimport PATH_ROOM
from kvd.persist.load cimport loading
from kvd.persist.origin cimport origin
from kvd.store.parts cimport PART_LOADING
from kvd.store.store cimport store

cdef struct progress:          # under the store's lock
    bint logs                  # the append-only log is loaded, not a snapshot
    char dump[PATH_ROOM]       # the path of the snapshot
    int64_t begun_ms
    uint64_t total             # bytes of all files
    uint64_t before            # of those that are loaded
    uint64_t at                # bytes read of the one that is being loaded
    int64_t used_memory        # of the server that wrote the snapshot
    origin origin              # of the snapshot

cdef bint progress_begin(store *s) noexcept nogil                       # from now on clients are refused; False: no memory
cdef void progress_expect(store *s, const char *path) noexcept nogil    # this file will be loaded. These three do nothing if there is no progress
cdef void progress_at(store *s, uint64_t offset) noexcept nogil         # so much of the current file has been read
cdef void progress_rest(store *s, uint64_t n) noexcept nogil            # waits for n keys as key-load-delay says; without the lock
cdef void progress_next(store *s) noexcept nogil                        # it is loaded
cdef void progress_end(store *s) noexcept nogil                         # clients are served
cdef void progress_print(store *s, buf *out) noexcept nogil             # the fields of INFO
cdef bint load_told(store *s, const char *path, uint32_t flags, loading *l) noexcept nogil   # load_path, with log lines and progress, and as rdbchecksum says


cdef inline progress *progress_of(store *s) noexcept nogil:
    """NULL: nothing is being loaded."""
    return <progress *>s.parts[<int>PART_LOADING]
