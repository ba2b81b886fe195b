"""System calls on sockets, in the few forms that the server needs. Each returns a number, or -1 with errno."""

from libc.stddef cimport size_t

cdef extern from "kvd/server/socket.h" nogil:
    int listen_tcp "kvd_listen_tcp" (const char *host, int port, int backlog) noexcept
    int listen_unix "kvd_listen_unix" (const char *path, int backlog, int mode) noexcept
    int socket_port "kvd_socket_port" (int fd) noexcept
    long descriptors "kvd_descriptors" () noexcept
    int ask_descriptors "kvd_ask_descriptors" (long wanted) noexcept
    void make_room "kvd_make_room" (int fd, long n) noexcept
    bint is_out_of_descriptors "kvd_is_out_of_descriptors" () noexcept     # after accept_one
    int accept_one "kvd_accept" (int listener) noexcept
    void socket_tune "kvd_tune" (int fd, int keepalive) noexcept
    int endpoint "kvd_endpoint" (int fd, bint peer, char *out, size_t room, int *loopback) noexcept
    int last_errno "kvd_errno" () noexcept
    int close(int fd)
    int unlink(const char *path)
    const char *strerror(int error)
