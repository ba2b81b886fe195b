"""A connection to another server, used by a thread of its own: to a master, or by MIGRATE.

Calls wait, but never longer than the timeout without a byte of progress, and end soon after `ended` has become true.
Names are resolved by the system, which has its own limit of time. The bytes go through a channel (net/channel.pyx): as they are, or
encrypted after wire_secure.
"""

from libc.errno cimport ECONNRESET, EMSGSIZE, ENOMEM, EPROTO, ETIMEDOUT, errno
from libc.string cimport memchr, memcpy, memset, strerror

from kvd.core.buf cimport buf_drop_front, buf_release, buf_reserve
from kvd.core.clock cimport mono_us
from kvd.core.view cimport view_of
from kvd.net.channel cimport GREET_DONE, GREET_FAILED, channel_open
from kvd.net.plain cimport would_block
from kvd.net.secure cimport secure_connect
from kvd.resp.writer cimport write_command

cdef extern from "kvd/replica/wire.h" nogil:
    int start "kvd_wire_start" (const char *host, int port, int at, bint *more)
    int result "kvd_wire_result" (int fd)
    bint is_name "kvd_wire_is_name" (const char *host)

cdef enum:
    STEP_MS = 100              # between two looks at `ended`
    CHUNK = 65536              # bytes received at once
    LINE_MAX = 65536


cdef void wire_init(wire *w, int64_t timeout_ms, const bint *ended) noexcept nogil:
    memset(w, 0, sizeof(wire))
    channel_open(&w.line, -1)
    w.timeout_ms = timeout_ms
    w.ended = ended


cdef void wire_close(wire *w) noexcept nogil:
    w.line.by.close(&w.line)
    w.at = 0
    buf_release(&w.data)


cdef bint fail(wire *w, int code) noexcept nogil:
    w.error = code
    return False


cdef bint ready(wire *w, bint writing, int64_t ms) noexcept nogil:
    """Waits until the socket can be read or written. False: not within ms (error is ETIMEDOUT), or `ended`."""
    cdef int64_t until = mono_us() + ms * 1000
    cdef int64_t left = ms
    while True:
        if w.ended != NULL and w.ended[0]:
            return fail(w, ECANCELED)
        if wire_wait(w.line.fd, writing, <int>max(min(left, <int64_t>STEP_MS), <int64_t>0)):
            return True
        left = (until - mono_us()) // 1000
        if left <= 0:
            return fail(w, ETIMEDOUT)


cdef bint wire_open(wire *w, const char *host, int port) noexcept nogil:
    cdef int at = 0
    cdef bint more = True
    while more:
        channel_open(&w.line, start(host, port, at, &more))
        w.error = errno if w.line.fd < 0 else 0
        if w.line.fd >= 0 and ready(w, True, w.timeout_ms):
            w.error = result(w.line.fd)
        if w.error == 0:
            return True
        w.line.by.close(&w.line)
        if w.error == ECANCELED:
            return False
        at += 1
    return False


cdef bint wire_secure(wire *w, const context *x, const char *host) noexcept nogil:
    cdef int state = 0
    if not secure_connect(&w.line, w.line.fd, x, host if is_name(host) else NULL):
        return fail(w, ENOMEM)
    while state != GREET_DONE:
        state = w.line.by.greet(&w.line)
        if state == GREET_FAILED:
            return fail(w, EPROTO)
        if (state != GREET_DONE or w.line.unsent) and not ready(w, w.line.unsent, w.timeout_ms):
            return False
    return wire_send(w, NULL, 0)


cdef const char *wire_error(wire *w) noexcept nogil:
    return w.line.why if w.line.why != NULL and w.line.why[0] else strerror(w.error)


cdef bint wire_send(wire *w, const char *p, size_t n) noexcept nogil:
    cdef ssize_t k
    while n or w.line.unsent:
        k = w.line.by.write(&w.line, p, n) if n else w.line.by.flush(&w.line)
        if k < 0 and not would_block():
            return fail(w, errno)
        if k > 0:
            p += k
            n -= k
        elif (k < 0 or w.line.unsent) and not ready(w, True, w.timeout_ms):
            return False
    return True


cdef void wire_send_now(wire *w, const char *p, size_t n) noexcept nogil:
    w.line.by.write(&w.line, p, n)


cdef bint wire_command(wire *w, int argc, const view *argv) noexcept nogil:
    cdef buf out
    cdef bint ok
    memset(&out, 0, sizeof(buf))
    write_command(&out, argc, argv)
    ok = fail(w, ENOMEM) if out.failed else wire_send(w, out.ptr, out.len)
    buf_release(&out)
    return ok


cdef ssize_t take(wire *w, char *p, size_t n, int64_t ms) noexcept nogil:
    """Bytes, 0: none within ms, -1: error."""
    cdef int64_t until = mono_us() + ms * 1000
    cdef int64_t left = ms
    cdef ssize_t got
    while True:
        if w.ended != NULL and w.ended[0]:
            fail(w, ECANCELED)
            return -1
        if not w.line.buffered and not ready(w, False, max(left, <int64_t>0)):
            return 0 if w.error == ETIMEDOUT else -1
        got = w.line.by.read(&w.line, p, n)
        if got > 0:
            return got
        if got == 0 or not would_block():
            fail(w, errno if got else ECONNRESET)
            return -1
        left = (until - mono_us()) // 1000         # it was a part of something encrypted
        if left <= 0 and not w.line.buffered:
            fail(w, ETIMEDOUT)
            return 0


cdef int wire_fill(wire *w, int64_t ms) noexcept nogil:
    cdef ssize_t n
    if w.at and (w.at == w.data.len or w.at >= CHUNK):
        buf_drop_front(&w.data, w.at)
        w.at = 0
    if not buf_reserve(&w.data, CHUNK):
        w.data.failed = False
        fail(w, ENOMEM)
        return -1
    n = take(w, w.data.ptr + w.data.len, w.data.cap - w.data.len, ms)
    if n > 0:
        w.data.len += n
    return 1 if n > 0 else <int>n


cdef bint wire_line(wire *w, view *line) noexcept nogil:
    cdef const char *end
    cdef view have
    while True:
        have = wire_data(w)
        end = <const char *>memchr(have.ptr, c'\n', have.len) if have.len else NULL
        if end != NULL:
            line[0] = view_of(have.ptr, end - have.ptr)
            w.at += line.len + 1
            if line.len and line.ptr[line.len - 1] == c'\r':
                line.len -= 1
            return True
        if have.len > LINE_MAX:
            return fail(w, EMSGSIZE)
        if wire_fill(w, w.timeout_ms) < 1:
            return False


cdef ssize_t wire_read(wire *w, char *p, size_t n) noexcept nogil:
    cdef view have = wire_data(w)
    cdef ssize_t got
    if have.len:
        n = min(n, have.len)
        memcpy(p, have.ptr, n)
        w.at += n
        return n
    got = take(w, p, n, w.timeout_ms)
    return got if got > 0 else -1
