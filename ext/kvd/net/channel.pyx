"""The bytes of a connection: over a socket as they are, or encrypted.

A transport is a row of functions: `plain` here, `tls` in secure.pyx. The layers above do not ask which it is. A channel belongs to one
thread; `share` makes a second one for the same connection, which another thread may write to, while the first goes on reading. Each of
the two is closed by its owner. For a plain connection the second has a duplicate of the descriptor, whose number belongs to no other
connection as long as it is open.

Nothing here waits. Two facts that a loop has to respect, both always false for plain connections: `unsent` (watch for writing, then
flush) and `buffered` (do not wait for the socket: read again).
"""

from libc.string cimport memset

from kvd.net.plain cimport close, duplicate, receive, transmit

cdef transport plain


cdef ssize_t plain_read(channel *c, char *p, size_t n) noexcept nogil:
    return receive(c.fd, p, n)


cdef ssize_t plain_write(channel *c, const char *p, size_t n) noexcept nogil:
    return transmit(c.fd, p, n)


cdef int plain_flush(channel *c) noexcept nogil:
    return 0


cdef int plain_greet(channel *c) noexcept nogil:
    return GREET_DONE


cdef bint plain_share(channel *c, channel *copy) noexcept nogil:
    copy[0] = c[0]
    copy.shared = True
    copy.fd = duplicate(c.fd)
    return copy.fd >= 0


cdef void plain_close(channel *c) noexcept nogil:
    if c.fd >= 0:
        close(c.fd)
    c.fd = -1


cdef void channel_open(channel *c, int fd) noexcept nogil:
    memset(c, 0, sizeof(channel))
    c.by = &plain
    c.fd = fd


plain.name = b"tcp"
plain.greets = False
plain.read = plain_read
plain.write = plain_write
plain.flush = plain_flush
plain.greet = plain_greet
plain.share = plain_share
plain.close = plain.forget = plain_close
