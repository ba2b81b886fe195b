/* Listening and accepting. Sockets do not block, and are not inherited by programs that are executed. */

#ifndef KVD_SERVER_SOCKET_H
#define KVD_SERVER_SOCKET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int kvd_nonblocking(int fd) {
    int on = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
    (void)on;
    return fd;
}

static int kvd_listen_tcp(const char *host, int port, int backlog) {
    struct addrinfo hints, *list, *a;
    char service[16];
    int fd = -1, on = 1, saved;
    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    if (strcmp(host, "*") == 0) { hints.ai_family = AF_INET; host = NULL; }
    else if (strcmp(host, "::*") == 0) { hints.ai_family = AF_INET6; host = NULL; }
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0) { errno = EADDRNOTAVAIL; return -1; }
    for (a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM, 0);
        if (fd < 0) continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (a->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, backlog) != 0) {
            saved = errno; close(fd); fd = -1; errno = saved;
        }
    }
    saved = errno;
    freeaddrinfo(list);
    errno = saved;
    return fd < 0 ? -1 : kvd_nonblocking(fd);
}

static int kvd_listen_unix(const char *path, int backlog, int mode) {
    struct sockaddr_un a;
    struct stat old;
    int fd;
    if (strlen(path) >= sizeof(a.sun_path)) { errno = ENAMETOOLONG; return -1; }
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode)) unlink(path);     /* of a server that is gone; nothing else */
    memset(&a, 0, sizeof(a));
    a.sun_family = AF_UNIX;
    strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, backlog) != 0) {
        int saved = errno; close(fd); errno = saved; return -1;
    }
    if (mode) chmod(path, mode);
    return kvd_nonblocking(fd);
}

static int kvd_socket_port(int fd) {
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0) return 0;
    if (a.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&a)->sin_port);
    if (a.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    return 0;
}

/* The number of descriptors the process may have. */
static long kvd_descriptors(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) return -1;
    return r.rlim_cur == RLIM_INFINITY || r.rlim_cur > 0x7fffffff ? 0x7fffffff : (long)r.rlim_cur;
}

/* Lets it have that many, or as many as it can get. 0, or the error why it cannot have all. */
static int kvd_ask_descriptors(long wanted) {
    struct rlimit r;
    rlim_t most;
    int error;
    if (kvd_descriptors() >= wanted) return 0;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) return errno;
    most = r.rlim_max;
    r.rlim_cur = (rlim_t)wanted;
    if (most != RLIM_INFINITY && (rlim_t)wanted > most) r.rlim_max = (rlim_t)wanted;
    if (setrlimit(RLIMIT_NOFILE, &r) == 0) return 0;
    error = errno;
    r.rlim_cur = r.rlim_max = most;
    setrlimit(RLIMIT_NOFILE, &r);
    return error;
}

/* Lets the kernel's table of descriptors have room for n of them now, 64k at most (8 bytes each). When accept() has to
   enlarge it, in a process with several threads, that takes 10 to 20 ms, in which no client is served. */
static void kvd_make_room(int fd, long n) {
    long most = kvd_descriptors() - 1;
    int last;
    if (most > 65535) most = 65535;
    last = fcntl(fd, F_DUPFD_CLOEXEC, (int)(n < most ? n : most));
    if (last >= 0) close(last);
}

static int kvd_is_out_of_descriptors(void) {
    return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

static int kvd_accept(int listener) {
    int fd = accept(listener, NULL, NULL);
    return fd < 0 ? -1 : kvd_nonblocking(fd);
}

static void kvd_tune(int fd, int keepalive) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (keepalive > 0) {
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_KEEPIDLE
        int interval = keepalive / 3 > 0 ? keepalive / 3 : 1, count = 3;
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive, sizeof(keepalive));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
#endif
    }
}

/* "ip:port", "[ip]:port" or nothing for other families; *loopback says whether it is this machine */
static int kvd_endpoint(int fd, int peer, char *out, size_t room, int *loopback) {
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    char ip[INET6_ADDRSTRLEN] = "";
    int r = peer ? getpeername(fd, (struct sockaddr *)&a, &n) : getsockname(fd, (struct sockaddr *)&a, &n);
    if (loopback) *loopback = 0;
    if (r != 0) return -1;
    if (a.ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
        if (loopback) *loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
        return snprintf(out, room, "%s:%d", ip, ntohs(v4->sin_port));
    }
    if (a.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
        if (loopback) *loopback = strcmp(ip, "::1") == 0 || strncmp(ip, "::ffff:127.", 11) == 0;
        return snprintf(out, room, "[%s]:%d", ip, ntohs(v6->sin6_port));
    }
    return 0;
}

static int kvd_errno(void) { return errno; }

#endif
