"""The transport `tls`: an SSL above a socket.

The mutex lets a second thread write (channel.share) while the first reads: an SSL is never used by two at once. Each call
holds it for the work on the bytes at hand, and never while it waits.

What the SSL writes is gathered in `wire.out` and sent at once as far as the socket takes it; the rest is `unsent`. New bytes are only
encrypted when all before them are sent, so there is never more than a PORTION of them. A read takes as much as has arrived: if it
ends because its room is full, `buffered` says so.

The SSL is made at the first step of the handshake: connections that send nothing do not have one.
After an error the connection is broken: every call fails, and closing it says nothing to the other side.
"""

from libc.errno cimport EAGAIN, ECONNRESET, ENOMEM, EPIPE, errno
from libc.stdlib cimport calloc, free
from libc.stdio cimport snprintf
from libc.string cimport memset, strerror

from kvd.core.buf cimport buf_drop_front, buf_release
from kvd.net.channel cimport GREET_DONE, GREET_FAILED, GREET_WAITS, transport
from kvd.net.context cimport context, context_release, context_retain
from kvd.net.openssl cimport (
    BIO, SSL, SSL_CTRL_SET_TLSEXT_HOSTNAME, SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN, openssl, openssl_error, wiring,
)
from kvd.net.plain cimport close, set_errno, transmit, would_block
from kvd.store.lock cimport (
    pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock,
)

cdef enum:
    PORTION = 65536            # bytes encrypted at once
    KEEP = 32768               # a larger buffer is freed when all is sent
    WHY_ROOM = 300
    HOST_ROOM = 256

cdef enum state:
    GREETING
    OPEN
    BROKEN                     # or closed

cdef struct secure:
    pthread_mutex_t mutex
    const openssl *o
    context x
    SSL *ssl                   # or NULL
    wiring wire
    state state
    int references             # channels; under the mutex
    bint connects
    char why[WHY_ROOM]
    char host[HOST_ROOM]       # to name in the greeting; "": none

cdef transport tls


# ---- under the mutex -----------------------------------------------------------------------------------

cdef inline secure *secure_of(channel *c) noexcept nogil:
    return <secure *>c.inner


cdef ssize_t fail(secure *s, int code) noexcept nogil:
    """-1. The connection is of no use any more."""
    s.state = BROKEN
    set_errno(code)
    return -1


cdef int send_out(secure *s) noexcept nogil:
    """As much as the socket takes. -1: errno."""
    cdef size_t sent = 0
    cdef ssize_t n = 0
    while sent < s.wire.out.len:
        n = transmit(s.wire.fd, s.wire.out.ptr + sent, s.wire.out.len - sent)
        if n < 0:
            break
        sent += n
    if n < 0 and not would_block():
        return <int>fail(s, errno)
    buf_drop_front(&s.wire.out, sent)
    if s.wire.out.len == 0 and s.wire.out.cap > KEEP:
        buf_release(&s.wire.out)
    return 0


cdef bint make_ssl(secure *s) noexcept nogil:
    cdef BIO *b
    s.ssl = s.o.SSL_new(s.x.ssl)
    b = s.o.BIO_new(s.o.socket_method) if s.ssl != NULL else NULL
    if b == NULL:
        return False
    s.o.BIO_set_data(b, &s.wire)
    s.o.BIO_set_init(b, 1)
    s.o.SSL_set_bio(s.ssl, b, b)
    if not s.connects:
        s.o.SSL_set_accept_state(s.ssl)
        return True
    s.o.SSL_set_connect_state(s.ssl)
    if s.host[0]:
        s.o.SSL_ctrl(s.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, s.host)
    return True


cdef int after_failure(secure *s, int result) noexcept nogil:
    """What a call that returned `result` has met: EAGAIN, 0 for the end of the stream, or the errno of what broke the connection."""
    cdef int code = errno
    cdef int kind = s.o.SSL_get_error(s.ssl, result)
    if kind == SSL_ERROR_WANT_READ:
        return EAGAIN
    if kind == SSL_ERROR_ZERO_RETURN:
        return 0
    if openssl_error(s.o, s.why, WHY_ROOM):
        s.state = BROKEN
        return ECONNRESET
    if code == 0:                                  # without TLS's word for the end; what is written may still arrive
        return 0
    s.state = BROKEN
    snprintf(s.why, WHY_ROOM, b"%s", strerror(code))
    return code


cdef ssize_t read_some(secure *s, char *p, size_t n, bint *buffered) noexcept nogil:
    cdef size_t got = 0
    cdef int r, code
    while got < n:
        s.o.ERR_clear_error()
        set_errno(0)
        r = s.o.SSL_read(s.ssl, p + got, <int>min(n - got, <size_t>0x40000000))
        if r <= 0:
            code = after_failure(s, r)
            if got:
                buffered[0] = code != EAGAIN       # it is told by the next read
                return <ssize_t>got
            if code:
                set_errno(code)
            return -1 if code else 0
        got += r
        if not s.o.SSL_has_pending(s.ssl):
            return <ssize_t>got
    buffered[0] = True
    return <ssize_t>got


cdef int step(secure *s) noexcept nogil:
    cdef int r, code
    if s.ssl == NULL and not make_ssl(s):
        snprintf(s.why, WHY_ROOM, b"%s", strerror(ENOMEM))
        return GREET_FAILED
    s.o.ERR_clear_error()
    set_errno(0)
    r = s.o.SSL_do_handshake(s.ssl)
    code = 0 if r == 1 else after_failure(s, r)
    if r != 1 and code == 0 and s.state != BROKEN:
        snprintf(s.why, WHY_ROOM, b"Connection closed by the other side")
    if send_out(s) < 0 and r == 1:                 # also the alert that tells why it failed
        snprintf(s.why, WHY_ROOM, b"%s", strerror(errno))
        return GREET_FAILED
    if r != 1:
        return GREET_WAITS if code == EAGAIN and s.state != BROKEN else GREET_FAILED
    s.state = OPEN
    return GREET_DONE


# ---- the row --------------------------------------------------------------------------------------------

cdef ssize_t tls_read(channel *c, char *p, size_t n) noexcept nogil:
    cdef secure *s = secure_of(c)
    cdef ssize_t got
    cdef int code
    c.buffered = False
    pthread_mutex_lock(&s.mutex)
    if s.state != OPEN:
        got = 0
    else:
        got = read_some(s, p, n, &c.buffered)
        code = errno
        if s.wire.out.len and s.state == OPEN:     # an answer to a change of keys
            send_out(s)
        c.unsent = s.wire.out.len != 0 and s.state == OPEN
        c.why = s.why
        set_errno(code)
    pthread_mutex_unlock(&s.mutex)
    return got


cdef ssize_t write_some(secure *s, const char *p, size_t n) noexcept nogil:
    cdef int r
    if s.state == BROKEN:
        return fail(s, EPIPE)
    if s.wire.out.len and send_out(s) < 0:
        return -1
    if s.wire.out.len or s.state == GREETING:
        set_errno(EAGAIN)
        return -1
    s.o.ERR_clear_error()
    r = s.o.SSL_write(s.ssl, p, <int>min(n, <size_t>PORTION))
    if r <= 0:
        after_failure(s, r)
        return fail(s, ENOMEM if s.wire.out.failed else EPIPE)
    return r if send_out(s) == 0 else -1


cdef ssize_t tls_write(channel *c, const char *p, size_t n) noexcept nogil:
    """Nothing before the handshake is done."""
    cdef secure *s = secure_of(c)
    cdef ssize_t taken
    pthread_mutex_lock(&s.mutex)
    taken = write_some(s, p, n) if n else 0
    c.unsent = s.wire.out.len != 0 and s.state != BROKEN
    pthread_mutex_unlock(&s.mutex)
    return taken


cdef int tls_flush(channel *c) noexcept nogil:
    cdef secure *s = secure_of(c)
    cdef int r
    pthread_mutex_lock(&s.mutex)
    r = send_out(s) if s.state != BROKEN else <int>fail(s, EPIPE)
    c.unsent = s.wire.out.len != 0 and s.state != BROKEN
    pthread_mutex_unlock(&s.mutex)
    return r


cdef int tls_greet(channel *c) noexcept nogil:
    cdef secure *s = secure_of(c)
    cdef int r
    pthread_mutex_lock(&s.mutex)
    r = step(s) if s.state == GREETING else GREET_FAILED
    c.unsent = s.wire.out.len != 0 and r != GREET_FAILED
    c.buffered = r == GREET_DONE and s.o.SSL_has_pending(s.ssl) != 0
    c.why = s.why
    pthread_mutex_unlock(&s.mutex)
    return r


cdef bint tls_share(channel *c, channel *copy) noexcept nogil:
    cdef secure *s = secure_of(c)
    if s == NULL:
        set_errno(EPIPE)
        return False
    copy[0] = c[0]
    copy.shared = True
    pthread_mutex_lock(&s.mutex)
    s.references += 1
    pthread_mutex_unlock(&s.mutex)
    return True


cdef void say_goodbye(secure *s) noexcept nogil:
    s.o.ERR_clear_error()
    s.o.SSL_shutdown(s.ssl)
    send_out(s)


cdef void end(secure *s) noexcept nogil:
    """For all channels, so that the descriptor can be closed."""
    if s.state == OPEN:
        say_goodbye(s)
    s.state = BROKEN
    if s.ssl != NULL:
        s.o.SSL_free(s.ssl)
    s.ssl = NULL
    buf_release(&s.wire.out)
    close(s.wire.fd)


cdef void tls_close(channel *c) noexcept nogil:
    """The first channel ends the connection, a shared one only its own use of it. The last frees the rest."""
    cdef secure *s = secure_of(c)
    cdef int left
    if s == NULL:
        return
    pthread_mutex_lock(&s.mutex)
    if not c.shared:
        end(s)
    s.references -= 1
    left = s.references
    pthread_mutex_unlock(&s.mutex)
    c.fd = -1
    c.inner = NULL
    c.why = NULL
    if left == 0:
        context_release(&s.x)
        pthread_mutex_destroy(&s.mutex)
        free(s)


cdef void tls_forget(channel *c) noexcept nogil:
    """The mutex may be held, and the SSL be in the middle of something, by a thread that the child does not have: they stay as they are."""
    if c.fd >= 0 and not c.shared:
        close(c.fd)
    c.fd = -1
    c.inner = NULL


cdef bint secure_open(channel *c, int fd, const context *x) noexcept nogil:
    cdef secure *s = <secure *>calloc(1, sizeof(secure))
    if s == NULL:
        return False
    pthread_mutex_init(&s.mutex, NULL)
    s.o = x.o
    s.x = context_retain(x)
    s.wire.fd = fd
    s.references = 1
    memset(c, 0, sizeof(channel))
    c.by = &tls
    c.fd = fd
    c.inner = s
    return True


cdef bint secure_accept(channel *c, int fd, const context *x) noexcept nogil:
    return secure_open(c, fd, x)


cdef bint secure_connect(channel *c, int fd, const context *x, const char *host) noexcept nogil:
    if not secure_open(c, fd, x):
        return False
    secure_of(c).connects = True
    if host != NULL:
        snprintf(secure_of(c).host, HOST_ROOM, b"%s", host)
    return True


tls.name = b"tls"
tls.greets = True
tls.read = tls_read
tls.write = tls_write
tls.flush = tls_flush
tls.greet = tls_greet
tls.share = tls_share
tls.close = tls_close
tls.forget = tls_forget
