"""A connection to another server, used by a thread of its own. See wire.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.net.channel cimport channel
from kvd.net.context cimport context

cdef extern from "kvd/replica/wire.h" nogil:
    enum: ECANCELED            # errno of what *ended has ended
    bint wire_wait "kvd_wire_wait" (int fd, bint writing, int ms)
    void wire_shutdown "kvd_wire_shutdown" (int fd)                                  # ends the waits of its owner

cdef struct wire:
    channel line               # its fd is -1: not connected
    int error                  # errno of what failed; ETIMEDOUT: no progress for timeout_ms, ECANCELED: *ended
    int64_t timeout_ms
    const bint *ended          # or NULL: becomes true when all of this is to end
    buf data                   # received
    size_t at                  # of it, used

cdef void wire_init(wire *w, int64_t timeout_ms, const bint *ended) noexcept nogil
cdef bint wire_open(wire *w, const char *host, int port) noexcept nogil            # host: a name, an address, or the path of a unix socket. False: error. This and those below wait
cdef bint wire_secure(wire *w, const context *x, const char *host) noexcept nogil    # from now on it is encrypted; host: as in wire_open
cdef void wire_close(wire *w) noexcept nogil
cdef const char *wire_error(wire *w) noexcept nogil                                 # what failed, in words; valid until wire_close
cdef bint wire_send(wire *w, const char *p, size_t n) noexcept nogil               # all of it; False: error
cdef void wire_send_now(wire *w, const char *p, size_t n) noexcept nogil            # if the socket takes it without waiting; errors are met by the next call
cdef int wire_fill(wire *w, int64_t ms) noexcept nogil                              # 1: more was received, 0: nothing within ms, -1: error
cdef bint wire_line(wire *w, view *line) noexcept nogil                             # the next line without its end, valid until the next call; False: error
cdef ssize_t wire_read(wire *w, char *p, size_t n) noexcept nogil                   # at least a byte, and up to n; -1: error
cdef bint wire_command(wire *w, int argc, const view *argv) noexcept nogil          # sends a command


cdef inline view wire_data(wire *w) noexcept nogil:
    """What was received and is not used yet."""
    cdef view v
    v.ptr = w.data.ptr + w.at
    v.len = w.data.len - w.at
    return v
