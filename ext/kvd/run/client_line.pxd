"""A client as a line of CLIENT LIST. See client_line.pyx."""

from kvd.core.buf cimport buf
from kvd.session.session cimport session

cdef void client_flags(session *s, buf *out) noexcept nogil        # a letter for each; N: none
cdef const char *known_flags() noexcept nogil                      # all that there can be, of kvd or of Redis and Valkey
cdef void print_client(session *s, buf *out) noexcept nogil       # with a line end
