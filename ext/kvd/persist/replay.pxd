"""Replay of the commands of an append-only file. See replay.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.resp.parser cimport parser
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef enum replay_end:
    REPLAY_WHOLE
    REPLAY_TORN                # the file ends within a command or a transaction; what is whole has been run
    REPLAY_BAD                 # see error
    REPLAY_UNREADABLE          # see failed_call

cdef struct replayed:
    uint64_t valid             # bytes up to the last whole command or transaction
    uint64_t size
    uint64_t commands
    int failed_call            # errno
    bint malformed             # the error is in the form of the bytes, not in what they ask for
    char error[256]

cdef struct replaying:
    store *s
    session *c
    parser p
    buf data                   # read, and not run yet
    uint64_t before            # bytes of the file before them
    bint pending               # a unit has begun that is not whole: it begins at `begin`, and parsing goes on where it was
    size_t begin
    size_t inside              # of a transaction: the end of its MULTI; 0: it is none, so far
    int fd
    bint held                  # the caller holds the lock
    bint ended                 # all of the file has been read
    replayed *result
    bint (*run)(replaying *y) noexcept nogil    # the command at p.argv; False: the replay ends, see replay_bad

# A stream: the owner appends to `data`, and runs units under the lock.
cdef void replay_init(replaying *y, store *s, replayed *result) noexcept nogil
cdef int replay_unit(replaying *y) noexcept nogil              # runs the next command, or all of a transaction: PARSE_COMMAND; PARSE_MORE: it is not whole; PARSE_ERROR
cdef void replay_drop(replaying *y) noexcept nogil             # forgets the bytes that were run
cdef bint replay_bad(replaying *y, const char *why, view what) noexcept nogil   # tells why it ends; False
cdef void replay_release(replaying *y) noexcept nogil


cdef inline size_t replay_at(replaying *y) noexcept nogil:
    """The end of what was run."""
    return y.begin if y.pending else y.p.used


cdef replay_end replay_file(store *s, const char *path, uint64_t begin, bint held, replayed *r) noexcept nogil   # begin: bytes that are skipped; held: the caller holds the lock, which is kept
