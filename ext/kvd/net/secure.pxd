"""The transport `tls`. See secure.pyx."""

from kvd.net.channel cimport channel
from kvd.net.context cimport context

cdef bint secure_accept(channel *c, int fd, const context *x) noexcept nogil       # a client's connection; False: no memory, and the descriptor is still the caller's
cdef bint secure_connect(channel *c, int fd, const context *x, const char *host) noexcept nogil   # to a server; host: its name, or NULL
