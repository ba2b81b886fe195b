"""Replay of the commands of an append-only file. See replay.pyx."""

from libc.stdint cimport int64_t, uint64_t

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

cdef replay_end replay_file(store *s, const char *path, uint64_t begin, bint held, replayed *r) noexcept nogil   # begin: bytes that are skipped; held: the caller holds the lock, which is kept
