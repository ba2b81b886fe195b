"""What TLS connections have in common: certificates, CAs, protocols. See context.pyx."""

from libc.stddef cimport size_t

from kvd.net.openssl cimport SSL_CTX, openssl
from kvd.store.config cimport config

cdef struct context:
    const openssl *o
    SSL_CTX *ssl               # NULL: there is none

cdef bint context_for_clients(context *x, config *c, char *why, size_t room) noexcept nogil   # to accept connections as c has it; False: why
cdef bint context_for_masters(context *x, config *c, char *why, size_t room) noexcept nogil   # to make connections
cdef bint can_reach_masters(config *c, char *why, size_t room) noexcept nogil   # if tls-replication asks for encryption: is it possible as c has it? False: why
cdef context context_retain(const context *x) noexcept nogil
cdef void context_release(context *x) noexcept nogil                       # what uses it goes on
cdef bint is_about_tls(int id) noexcept nogil                              # an option
