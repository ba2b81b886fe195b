"""Loading of an RDB file into a store, in slices. See load.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.persist.origin cimport origin
from kvd.persist.rdb.lengths cimport reader
from kvd.store.store cimport database, store
from kvd.types.kind cimport TYPES

cdef enum loading_flag:
    LOADING_KEEP = 1           # what the store holds stays, and the file's keys are added; else they replace everything
    LOADING_MERGE = 2          # a key or library that is there already is replaced; else it is an error
    LOADING_PREAMBLE = 4       # commands follow, or replicas have the same: keys that have expired are kept, and deleted later
    LOADING_UNCHECKED = 8      # the checksum may be wrong (rdbchecksum no)
    LOADING_LENDS = 32         # no command is running: the lock is lent also in the middle of values
    LOADING_HELD = 64          # load_path: the caller holds the lock, which is kept
    LOADING_CONTINUES = 128    # the file's history of replication goes on: replicas are to be told what has expired
    LOADING_INSPECT = 16       # every value is read and dropped: nothing can be installed

cdef enum loading_state:
    LOADING_HEAD               # nothing has been read yet
    LOADING_RECORDS
    LOADING_WHOLE              # everything was read, and is right: loading_finish can install it
    LOADING_FAILED             # see error

cdef enum:
    PLACED_AT_ONCE = 16
    AUX_ROOM = 65536           # bytes of auxiliary fields that are kept

cdef struct placing:           # a key that waits for its bucket to arrive in the cache
    entry *e
    uint64_t hash
    const uint8_t *at          # its record

cdef struct bytes_source:      # bytes that come from elsewhere than a file
    ssize_t (*take)(bytes_source *self, char *p, size_t n) noexcept nogil    # up to n of them; 0: the end; -1: errno tells why there is none

cdef struct loading:
    store *s
    uint32_t flags
    int state
    char error[320]            # "at offset N: reason", or why the file cannot be read
    uint64_t offset            # of the error
    int failed_call            # errno of the system call that failed, or 0
    # what was read so far
    int version                # of the format: 1 to 12, or 80
    bint valkey                # VALKEY instead of REDIS at the beginning
    uint64_t keys              # loaded, not counting those below
    uint64_t expired           # whose deadline had passed
    uint64_t empty             # collections without elements, which are skipped
    uint64_t timed             # of keys: with a deadline
    uint64_t types[<int>TYPES]  # keys of each
    uint64_t libraries
    bint summed_up             # the file has a checksum, and it is right
    char server[32]            # version of the server that wrote it
    int64_t created            # seconds since 1970; 0: not said
    int64_t used_memory        # of that server
    int base                   # aof-base; -1: not said
    origin origin              # of its data set
    buf aux                    # with LOADING_INSPECT: all fields; each name and value as 4 bytes of length and the bytes
    # the input
    reader r
    const uint8_t *first       # of the bytes in memory
    const uint8_t *sum_from    # bytes before it are in crc
    uint64_t crc
    uint64_t before            # bytes of the file before them
    uint64_t size              # of the file; 0: not known
    bint whole                 # no bytes follow those in memory
    bint starved               # more bytes are needed: loading_feed
    int fd                     # or -1
    bytes_source *source       # instead of a file
    buf room                   # of those read from fd
    # the databases that are being filled
    database *dbs
    int databases
    database *db               # the current one
    uint64_t expected          # keys of it, by the file; the table is expanded for them first
    uint64_t promised          # the sum of those of all databases
    uint32_t access            # of keys of which the file does not tell it
    placing placings[PLACED_AT_ONCE]
    int waiting
    # of the key that follows
    bint has_deadline
    int64_t deadline           # ms
    int64_t idle               # seconds; -1: not said
    int frequency              # -1: not said
    void *batch                # libraries compiled so far (library_files)

cdef struct library_files:     # functions of the script layer, which is above this one
    bint (*make)(store *s, void **batch, view code, bint replace, buf *why) noexcept nogil    # compiles one
    bint (*install)(store *s, void **batch, bint flush, bint replace, buf *why) noexcept nogil   # all or none. flush: existing ones go
    void (*drop)(store *s, void **batch) noexcept nogil

cdef void loading_libraries(library_files *by) noexcept                                  # called once, when that layer is imported; *by stays the caller's

cdef void loading_open(loading *l, store *s, view data, uint32_t flags) noexcept nogil  # of a whole file in memory, which stays the caller's
cdef void loading_open_file(loading *l, store *s, int fd, uint32_t flags) noexcept nogil  # the same of an open file, which stays the caller's
cdef void loading_open_source(loading *l, store *s, bytes_source *source, uint32_t flags) noexcept nogil   # the same of a source, which stays the caller's
cdef view loading_rest(loading *l) noexcept nogil                    # bytes that were read from the source and follow the data
cdef void loading_feed(loading *l) noexcept nogil                    # reads more of the file if needed. Call it before each slice, without the lock
cdef bint loading_some(loading *l, size_t bytes) noexcept nogil      # a slice of about so many bytes, under the lock; False: look at state
cdef bint loading_finish(loading *l) noexcept nogil                  # installs everything, under the lock; False: nothing was, see error
cdef void loading_drop(loading *l) noexcept nogil                    # frees what is not installed, under the lock. Always; afterwards the figures can still be read
cdef uint64_t loading_offset(loading *l) noexcept nogil              # bytes of the file read so far; at the end, where the RDB part ends
cdef bint load_path(store *s, const char *path, uint32_t flags, loading *l,
                    void (*between)(void *context) noexcept nogil, void *context) noexcept nogil
cdef bint load_bytes(store *s, view data) noexcept nogil               # the same of a whole file in memory, under the lock: it replaces everything
cdef void database_install(store *s, database *to, database *fresh) noexcept nogil   # the content of fresh becomes that of the store's database, whose old one is freed
# load_path: everything above for a file, taking the lock for each slice; `between` (or NULL) is called after each, without it.
# False: nothing was loaded, l.error tells why. Call neither finish nor drop.
