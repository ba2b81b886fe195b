"""System calls on a connected socket. Each returns a number, or -1 with errno."""

from libc.stddef cimport size_t

cdef extern from "kvd/net/plain.h" nogil:
    ssize_t receive "kvd_receive" (int fd, void *p, size_t n) noexcept
    ssize_t transmit "kvd_send" (int fd, const void *p, size_t n) noexcept
    int duplicate "kvd_duplicate" (int fd) noexcept
    bint would_block "kvd_would_block" () noexcept
    void set_errno "kvd_set_errno" (int code) noexcept
    int close(int fd)
