/* Connecting to another server, with a limit of time. Sockets do not block; waiting is done here, in steps of `ms` at most. */

#ifndef KVD_REPLICA_WIRE_H
#define KVD_REPLICA_WIRE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int kvd_wire_socket(int family) {
    int fd = socket(family, SOCK_STREAM, 0), on = 1;
    if (fd < 0) return -1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
    return fd;
}

/* A socket whose connection to the address has been started, or -1 and errno. at: which of the host's addresses. *more: there are others */
static inline int kvd_wire_start(const char *host, int port, int at, int *more) {
    struct addrinfo hints, *list, *a;
    char service[16];
    int fd, saved;
    *more = 0;
    if (host[0] == '/') {
        struct sockaddr_un u;
        if (strlen(host) >= sizeof(u.sun_path)) { errno = ENAMETOOLONG; return -1; }
        memset(&u, 0, sizeof(u));
        u.sun_family = AF_UNIX;
        strcpy(u.sun_path, host);
        fd = kvd_wire_socket(AF_UNIX);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&u, sizeof(u)) != 0) { saved = errno; close(fd); errno = saved; return -1; }
        return fd;
    }
    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0) { errno = EHOSTUNREACH; return -1; }
    for (a = list; a && at; a = a->ai_next) at--;
    if (!a) { freeaddrinfo(list); errno = EHOSTUNREACH; return -1; }
    *more = a->ai_next != NULL;
    fd = kvd_wire_socket(a->ai_family);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS && errno != EINTR) {
        saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    saved = errno;
    freeaddrinfo(list);
    errno = saved;
    return fd;
}

/* errno of a connection that was being made, 0: it is there */
static inline int kvd_wire_result(int fd) {
    int code = 0;
    socklen_t n = sizeof(code);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) != 0 ? errno : code;
}

/* waits until the socket can be read (writing: written); 1: it can, 0: not within ms */
static inline int kvd_wire_wait(int fd, int writing, int ms) {
    struct pollfd p = {fd, (short)(writing ? POLLOUT : POLLIN), 0};
    return poll(&p, 1, ms) > 0;
}

/* is it a name, which the greeting of TLS can tell the other side? Not an address or a path */
static inline int kvd_wire_is_name(const char *host) {
    return strchr(host, ':') == NULL && host[0] != '/' && host[strspn(host, "0123456789.")] != 0;
}

static inline void kvd_wire_shutdown(int fd) { shutdown(fd, SHUT_RDWR); }

#endif
