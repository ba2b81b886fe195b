"""The replication stream that is kept: for replicas that are behind, and for those that come back. See backlog.pyx."""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef struct block:             # a piece of the stream
    block *next
    int64_t begin              # offset of its first byte
    size_t used
    size_t room
    uint32_t readers           # in this block
    char bytes[1]

cdef struct reader:            # of a replica: what it has yet to be sent
    block *at                  # NULL: it reads nothing
    int64_t offset

cdef struct backlog:
    block *first               # NULL: nothing is kept
    block *last
    int64_t offset             # of the end: bytes of the stream, ever
    size_t memory
    bint failed                # there was no memory: what is kept has a gap

cdef bint backlog_begin(backlog *b, int64_t offset) noexcept nogil         # forgets what it has; from now on bytes are kept. False: no memory
cdef void backlog_end(backlog *b) noexcept nogil                          # forgets what it has; readers are invalid
cdef void backlog_add(backlog *b, view bytes, size_t size) noexcept nogil   # size: repl-backlog-size
cdef void backlog_trim(backlog *b, size_t size) noexcept nogil             # drops what is older, and read by all
cdef int64_t backlog_first(backlog *b) noexcept nogil                      # offset of the first byte that is kept
cdef bint reader_begin(backlog *b, reader *r, int64_t offset) noexcept nogil   # False: the stream is not kept from there on
cdef void reader_take(backlog *b, reader *r, buf *out, size_t most) noexcept nogil
cdef void reader_end(reader *r) noexcept nogil
