"""Whole replies to Python values, and the buffers they are in. See replies.pyx."""

from kvd.core.buf cimport buf, buf_release
from kvd.session.session cimport session

cdef enum:
    AS_TEXT = 1                # str instead of bytes
    SETS_AS_LISTS = 2          # as redis-py has them
    KEPT_BUFFER = 65536        # bytes of a reply buffer that a session keeps for its next reply

cdef object text_of(const char *p, Py_ssize_t n, bint decode)
cdef object decode_value(const char **at, int how, object make_error)    # the value that begins there; at is set behind it
cdef object decode_reply(const char *p, size_t n, bint decode)           # one whole reply; raises the error that it is


cdef inline void keep_buffer(session *c, buf *out) noexcept:
    """Under the lock: gives the reply buffer back to the session, if it is small and there is none by now."""
    if c.out.ptr == NULL and out.cap <= KEPT_BUFFER:
        out.len = 0
        out.failed = False
        c.out = out[0]
    else:
        buf_release(out)
