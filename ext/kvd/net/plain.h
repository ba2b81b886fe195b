/* Receiving and sending on a socket that does not block. A call is repeated if a signal ended it; none raises SIGPIPE. */

#ifndef KVD_NET_PLAIN_H
#define KVD_NET_PLAIN_H

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static inline ssize_t kvd_receive(int fd, void *p, size_t n) {
    ssize_t r;
    do { r = recv(fd, p, n, 0); } while (r < 0 && errno == EINTR);
    return r;
}

static inline ssize_t kvd_send(int fd, const void *p, size_t n) {
    ssize_t r;
    do { r = send(fd, p, n, MSG_NOSIGNAL); } while (r < 0 && errno == EINTR);
    return r;
}

static inline int kvd_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }
static inline int kvd_would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }
static inline void kvd_set_errno(int code) { errno = code; }

#endif
