"""The replication stream that is kept: for replicas that are behind, and for those that come back.

    first -> block -> block -> last      bytes are appended to the last
               ^                ^
             reader           reader     of a replica

The stream is stored once, whatever the number of replicas: each has a reader, which is an offset, and the block where that lies.
Blocks before the first reader are dropped as long as `repl-backlog-size` bytes are left without them. So memory is that size, and
what the slowest replica is behind, which client-output-buffer-limit bounds.

Offsets count the bytes of the stream, ever: a reader at 0 has read nothing.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from kvd.core.buf cimport buf_add

cdef enum:
    LEAST_BLOCK = 16384        # bytes
    MOST_BLOCK = 1 << 20
    BLOCKS = 16                # of a backlog of the configured size, about


cdef block *block_new(backlog *b, size_t room) noexcept nogil:
    cdef block *one = <block *>malloc(sizeof(block) + room)
    if one == NULL:
        return NULL
    one.next = NULL
    one.begin = b.offset
    one.used = 0
    one.room = room
    one.readers = 0
    b.memory += sizeof(block) + room
    if b.last != NULL:
        b.last.next = one
    else:
        b.first = one
    b.last = one
    return one


cdef void drop_first(backlog *b) noexcept nogil:
    cdef block *one = b.first
    b.first = one.next
    if b.first == NULL:
        b.last = NULL
    b.memory -= sizeof(block) + one.room
    free(one)


cdef void backlog_end(backlog *b) noexcept nogil:
    while b.first != NULL:
        drop_first(b)


cdef bint backlog_begin(backlog *b, int64_t offset) noexcept nogil:
    backlog_end(b)
    b.offset = offset
    b.failed = block_new(b, LEAST_BLOCK) == NULL
    return not b.failed


cdef void backlog_add(backlog *b, view bytes, size_t size) noexcept nogil:
    cdef size_t room = min(max(size // BLOCKS, <size_t>LEAST_BLOCK), <size_t>MOST_BLOCK)
    cdef size_t n
    while bytes.len:
        if b.last == NULL or b.last.used == b.last.room:
            if b.failed or block_new(b, room) == NULL:
                b.failed = True
                b.offset += bytes.len
                return
            backlog_trim(b, size)
        n = min(bytes.len, b.last.room - b.last.used)
        memcpy(b.last.bytes + b.last.used, bytes.ptr, n)
        b.last.used += n
        b.offset += n
        bytes.ptr += n
        bytes.len -= n


cdef void backlog_trim(backlog *b, size_t size) noexcept nogil:
    while b.first != b.last and b.first.readers == 0 and <size_t>(b.offset - b.first.next.begin) >= size:
        drop_first(b)


cdef int64_t backlog_first(backlog *b) noexcept nogil:
    return b.first.begin if b.first != NULL else b.offset


cdef bint reader_begin(backlog *b, reader *r, int64_t offset) noexcept nogil:
    cdef block *one = b.first
    if one == NULL or b.failed or offset < one.begin or offset > b.offset:
        return False
    while one.next != NULL and offset >= one.next.begin:
        one = one.next
    r.at = one
    r.offset = offset
    one.readers += 1
    return True


cdef void reader_take(backlog *b, reader *r, buf *out, size_t most) noexcept nogil:
    cdef size_t at, n
    while most and r.offset < b.offset and r.at != NULL:
        at = r.offset - r.at.begin
        if at == r.at.used:
            r.at.readers -= 1
            r.at = r.at.next
            r.at.readers += 1
            continue
        n = min(most, r.at.used - at)
        buf_add(out, r.at.bytes + at, n)
        if out.failed:
            return
        r.offset += n
        most -= n


cdef void reader_end(reader *r) noexcept nogil:
    if r.at != NULL:
        r.at.readers -= 1
    r.at = NULL
