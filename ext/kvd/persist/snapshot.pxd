"""A snapshot: the data set of one instant as an RDB file, taken in slices. See snapshot.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.table cimport table
from kvd.core.threads cimport pthread_t
from kvd.core.view cimport view
from kvd.persist.rdb.lengths cimport writer
from kvd.persist.rdb.values cimport saving
from kvd.store.parts cimport PART_SNAPSHOT
from kvd.store.store cimport listener, store
from kvd.types.rewrite cimport rewrite_walk

cdef struct place:             # a database, or the content of one that was flushed meanwhile
    table *keys
    int db                     # its number in the file
    uint64_t at                # what lies before this in the order of table_range is written
    bint begun
    bint done
    table flushed
    place *next                # of the flushed ones

cdef struct snapshot:
    listener listener
    store *s
    buf out                    # not yet taken by the caller
    buf aside                  # keys that were opened while a value was half written
    saving value               # that value
    rewrite_walk rewrite       # the same, as commands
    bint inside                # there is one
    place *places              # by database
    int databases
    place *flushed
    size_t libraries_at        # in out, at the begin
    int selected               # the database of what was written last; -1: none
    pthread_t taker            # of one for the library: the thread that takes it
    bint has_taker
    bint compresses
    bint commands              # it is written as commands, not as an RDB file
    bint finished              # everything is in out
    bint muted                 # it is given up: nothing is written, marks are removed
    bint failed                # for lack of memory
    int asked                  # the RDB version that has to read it; 0: any
    bint lenient               # figures that it cannot hold are left out, rather than the snapshot given up
    int version                # the RDB version that reads it
    const char *unfit          # what the version that was asked for cannot hold; then it has been given up
    int64_t begun_ms
    int64_t changes            # made before its instant
    uint64_t keys              # written
    uint64_t total             # at the begin

ctypedef void (*libraries_visitor)(store *s, void (*take)(void *to, view code) noexcept nogil, void *to) noexcept nogil

cdef int snapshot_asked(store *s) noexcept nogil                          # the option rdb-version; 0: the lowest that loses nothing
cdef snapshot *snapshot_new(store *s, bint is_base, int asked) noexcept nogil     # of this instant; NULL: no memory, or there is one
cdef snapshot *snapshot_new_commands(store *s) noexcept nogil            # the same, as the commands of an append-only file
cdef void snapshot_filter(snapshot *w, bint libraries) noexcept nogil     # right after the instant: no keys, and libraries only if asked
cdef bint snapshot_some(snapshot *w, size_t bytes) noexcept nogil         # a slice of about so many; True: everything is in w.out
cdef void snapshot_hurry(store *s) noexcept nogil                         # under the lock: takes all that is left of one that is being taken, so that another can begin
cdef void snapshot_give_up(snapshot *w) noexcept nogil                    # before its end: then snapshot_some until True
cdef void snapshot_delete(snapshot *w) noexcept nogil                     # after snapshot_some has returned True
cdef void snapshot_abandon(snapshot *w) noexcept nogil                    # gives it up, removes its marks, and deletes it
cdef void snapshot_libraries(libraries_visitor f) noexcept                # passes the code of each function library
cdef void snapshot_put_libraries(store *s, writer *to) noexcept nogil     # a record for each
cdef void put_library(void *to, view code) noexcept nogil                 # a record; to: a writer


cdef inline snapshot *snapshot_of(store *s) noexcept nogil:
    return <snapshot *>s.parts[<int>PART_SNAPSHOT]
