"""A client as a line of CLIENT LIST. See client_line.pyx."""

from kvd.core.buf cimport buf
from kvd.session.session cimport session

cdef void print_client(session *s, buf *out) noexcept nogil       # with a line end
