"""A connection to another server, used by a thread of its own: to a master, or by MIGRATE.

Calls wait, but never longer than the timeout without a byte of progress, and end soon after `ended` has become true.
Names are resolved by the system, which has its own limit of time.
"""

from libc.errno cimport EMSGSIZE, ENOMEM, ETIMEDOUT, errno
from libc.string cimport memchr, memcpy, memset

from kvd.core.buf cimport buf_drop_front, buf_release, buf_reserve
from kvd.core.clock cimport mono_us
from kvd.core.view cimport view_of
from kvd.resp.writer cimport write_command

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "kvd/replica/wire.h" nogil:
    int start "kvd_wire_start" (const char *host, int port, int at, bint *more)
    int result "kvd_wire_result" (int fd)
    ssize_t receive "kvd_wire_receive" (int fd, char *p, size_t n)

cdef enum:
    STEP_MS = 100              # between two looks at `ended`
    CHUNK = 65536              # bytes received at once
    LINE_MAX = 65536


cdef void wire_init(wire *w, int64_t timeout_ms, const bint *ended) noexcept nogil:
    memset(w, 0, sizeof(wire))
    w.fd = -1
    w.timeout_ms = timeout_ms
    w.ended = ended


cdef void wire_close(wire *w) noexcept nogil:
    if w.fd >= 0:
        close(w.fd)
    w.fd = -1
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
        if wire_wait(w.fd, writing, <int>max(min(left, <int64_t>STEP_MS), <int64_t>0)):
            return True
        left = (until - mono_us()) // 1000
        if left <= 0:
            return fail(w, ETIMEDOUT)


cdef bint wire_open(wire *w, const char *host, int port) noexcept nogil:
    cdef int at = 0
    cdef bint more = True
    while more:
        w.fd = start(host, port, at, &more)
        w.error = errno if w.fd < 0 else 0
        if w.fd >= 0 and ready(w, True, w.timeout_ms):
            w.error = result(w.fd)
        if w.error == 0:
            return True
        if w.fd >= 0:
            close(w.fd)
            w.fd = -1
        if w.error == ECANCELED:
            return False
        at += 1
    return False


cdef bint wire_send(wire *w, const char *p, size_t n) noexcept nogil:
    cdef ssize_t k
    while n:
        k = wire_transmit(w.fd, p, n)
        if k < 0:
            return fail(w, errno)
        if k == 0 and not ready(w, True, w.timeout_ms):
            return False
        p += k
        n -= k
    return True


cdef bint wire_command(wire *w, int argc, const view *argv) noexcept nogil:
    cdef buf out
    cdef bint ok
    memset(&out, 0, sizeof(buf))
    write_command(&out, argc, argv)
    ok = fail(w, ENOMEM) if out.failed else wire_send(w, out.ptr, out.len)
    buf_release(&out)
    return ok


cdef int wire_fill(wire *w, int64_t ms) noexcept nogil:
    cdef ssize_t n
    if w.at and (w.at == w.data.len or w.at >= CHUNK):
        buf_drop_front(&w.data, w.at)
        w.at = 0
    if not buf_reserve(&w.data, CHUNK):
        w.data.failed = False
        fail(w, ENOMEM)
        return -1
    if not ready(w, False, ms):
        return 0 if w.error == ETIMEDOUT else -1
    n = receive(w.fd, w.data.ptr + w.data.len, w.data.cap - w.data.len)
    if n < 0:
        fail(w, errno)
        return -1
    w.data.len += n
    return n > 0


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
    cdef ssize_t got = 0
    if have.len:
        n = min(n, have.len)
        memcpy(p, have.ptr, n)
        w.at += n
        return n
    while got == 0:
        if not ready(w, False, w.timeout_ms):
            return -1
        got = receive(w.fd, p, n)
    if got < 0:
        fail(w, errno)
    return got
