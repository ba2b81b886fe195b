"""The bytes of a connection: over a socket as they are, or encrypted. See channel.pyx."""

from libc.stddef cimport size_t

cdef enum:
    GREET_FAILED = -1          # see channel.why
    GREET_WAITS = 0            # for the other side
    GREET_DONE = 1

cdef struct channel:
    const transport *by
    int fd                     # non-blocking; -1: closed
    void *inner                # of the transport
    bint shared                # made by share()
    bint unsent                # bytes that write() has taken wait for the socket: flush() when it can be written
    bint buffered              # bytes have arrived that a poll of the socket does not announce: read() again
    const char *why            # what went wrong, if the transport knows more than errno; valid until close(), or NULL

cdef struct transport:         # a row
    const char *name           # as in the log: tcp, tls
    bint greets                # the connection begins with a handshake
    ssize_t (*read)(channel *c, char *p, size_t n) noexcept nogil          # bytes, 0: the end, -1: errno, which may be EAGAIN
    ssize_t (*write)(channel *c, const char *p, size_t n) noexcept nogil   # bytes taken, -1: errno, which may be EAGAIN
    int (*flush)(channel *c) noexcept nogil                                # 0: sent, or unsent says that some is left. -1: errno
    int (*greet)(channel *c) noexcept nogil                                # a step of the handshake: GREET_
    bint (*share)(channel *c, channel *copy) noexcept nogil                # for another thread, which writes; False: errno
    void (*close)(channel *c) noexcept nogil                               # tells the other side, if the transport has a word for that
    void (*forget)(channel *c) noexcept nogil                              # closes the socket without a byte: in a forked child

cdef void channel_open(channel *c, int fd) noexcept nogil                # plain; the descriptor is the channel's from now on
