/* Readiness of sockets: epoll on Linux, kqueue elsewhere. And wakers, which end such a wait from another thread. */

#ifndef KVD_SERVER_POLL_H
#define KVD_SERVER_POLL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/select.h>
#include <unistd.h>

struct kvd_event { void *tag; int readable; int writable; };
enum { KVD_POLL_EVENTS = 1024 };   /* of one wait, at most */
#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
static inline int kvd_poll_open(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int kvd_poll_watch(int p, int fd, void *tag, int writing, int is_new) {
    struct epoll_event e;
    e.events = EPOLLIN | (writing ? EPOLLOUT : 0);
    e.data.ptr = tag;
    return epoll_ctl(p, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) == 0;
}

static inline void kvd_poll_forget(int p, int fd) { epoll_ctl(p, EPOLL_CTL_DEL, fd, NULL); }
static inline int kvd_poll_wait(int p, struct kvd_event *out, int ms) {
    struct epoll_event e[KVD_POLL_EVENTS];
    int i, n = epoll_wait(p, e, KVD_POLL_EVENTS, ms);
    for (i = 0; i < n; i++) {
        out[i].tag = e[i].data.ptr;
        out[i].readable = (e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
        out[i].writable = (e[i].events & EPOLLOUT) != 0;
    }
    return n;
}

static inline int kvd_waker_open(int fds[2]) {
    fds[0] = fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fds[0] >= 0;
}
#else
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
static inline int kvd_poll_open(void) { return kqueue(); }
static inline int kvd_poll_watch(int p, int fd, void *tag, int writing, int is_new) {
    struct kevent e[2];
    EV_SET(&e[0], fd, EVFILT_READ, EV_ADD, 0, 0, tag);
    EV_SET(&e[1], fd, EVFILT_WRITE, writing ? EV_ADD : EV_DELETE, 0, 0, tag);
    (void)is_new;
    if (kevent(p, e, 1, NULL, 0, NULL) != 0) return 0;
    return kevent(p, e + 1, 1, NULL, 0, NULL) == 0 || !writing;
}

static inline void kvd_poll_forget(int p, int fd) {
    struct kevent e;
    EV_SET(&e, fd, EVFILT_READ, EV_DELETE, 0, 0, NULL);
    kevent(p, &e, 1, NULL, 0, NULL);
    EV_SET(&e, fd, EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
    kevent(p, &e, 1, NULL, 0, NULL);
}

static inline int kvd_poll_wait(int p, struct kvd_event *out, int ms) {
    struct kevent e[KVD_POLL_EVENTS];
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    int i, n = kevent(p, NULL, 0, e, KVD_POLL_EVENTS, ms < 0 ? NULL : &t);
    for (i = 0; i < n; i++) {
        out[i].tag = e[i].udata;
        out[i].readable = e[i].filter == EVFILT_READ;
        out[i].writable = e[i].filter == EVFILT_WRITE;
    }
    return n;
}

static inline int kvd_waker_open(int fds[2]) {
    if (pipe(fds) != 0) return 0;
    fcntl(fds[0], F_SETFL, O_NONBLOCK); fcntl(fds[1], F_SETFL, O_NONBLOCK);
    fcntl(fds[0], F_SETFD, FD_CLOEXEC); fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    return 1;
}
#endif
static inline void kvd_waker_wake(int fds[2]) {
    uint64_t one = 1;
    if (write(fds[1], &one, sizeof(one)) < 0) { /* full: the sleeper is awake already */ }
}

static inline void kvd_waker_drain(int fds[2]) {
    uint64_t sink[16];
    while (read(fds[0], sink, sizeof(sink)) == (ssize_t)sizeof(sink)) {}
}

/* unblocks the signals of `mask` only while it waits, so that none is missed just before */
static inline void kvd_wait_readable(int fd, int ms, const sigset_t *mask) {
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
#if defined(__linux__)
    struct pollfd p = {fd, POLLIN, 0};
    ppoll(&p, 1, ms < 0 ? NULL : &t, mask);
#else
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    pselect(fd + 1, &set, NULL, NULL, ms < 0 ? NULL : &t, mask);
#endif
}

static inline void kvd_waker_close(int fds[2]) {
    if (fds[0] >= 0) close(fds[0]);
    if (fds[1] >= 0 && fds[1] != fds[0]) close(fds[1]);
    fds[0] = fds[1] = -1;
}

#endif
