"""A growable byte buffer: what sockets read into and replies are written to.

A buffer doubles up to 1 MiB and then grows by a quarter, so that one huge reply does not reserve twice
its size. Invariant: len <= cap; after a failed growth the old content is still there.
A reply that exceeds its limit is incomplete: code that writes one in a loop checks `failed`.

Memory comes from malloc, not from a store's heap: buffers belong to network threads, which hold no
store lock while they read and write. Owners report the capacity to the store (session_account).
"""

from libc.stdlib cimport free
from libc.string cimport memcpy, memmove

cdef extern from "kvd/core/buf.h" nogil:
    struct buf "kvd_buf":
        char *ptr
        size_t len
        size_t cap
        size_t limit       # it grows no further; 0: none
        bint failed        # an append found no memory, or met the limit: the content is not whole
    bint buf_reserve "kvd_buf_room" (buf *b, size_t more) noexcept   # False: no memory, or the limit; b.failed is set
    bint buf_reserve_exactly "kvd_buf_exactly" (buf *b, size_t more) noexcept   # the same, without spare capacity
    void buf_printf "kvd_printf" (buf *b, const char *format, ...) noexcept


cdef inline void buf_release(buf *b) noexcept nogil:
    """Free the memory; the buffer is empty and usable."""
    free(b.ptr)
    b.ptr = NULL
    b.len = b.cap = 0
    b.failed = False


cdef inline void buf_add(buf *b, const void *p, size_t n) noexcept nogil:
    if buf_reserve(b, n):
        memcpy(b.ptr + b.len, p, n)
        b.len += n


cdef inline void buf_add_char(buf *b, char c) noexcept nogil:
    if buf_reserve(b, 1):
        b.ptr[b.len] = c
        b.len += 1


cdef inline void buf_drop_front(buf *b, size_t n) noexcept nogil:
    """Forget the first n bytes."""
    b.len -= n
    if b.len and n:
        memmove(b.ptr, b.ptr + n, b.len)


cdef inline void buf_rotate(buf *b, size_t at, size_t mark) noexcept nogil:
    """Puts what was written since `mark` (64 bytes at most) in front of what was written since `at`."""
    cdef char back[64]
    cdef size_t n = b.len - mark
    if b.failed or n > sizeof(back):
        return
    memcpy(back, b.ptr + mark, n)
    memmove(b.ptr + at + n, b.ptr + at, mark - at)
    memcpy(b.ptr + at, back, n)
