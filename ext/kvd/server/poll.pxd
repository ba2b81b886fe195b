"""Readiness of sockets: epoll on Linux, kqueue elsewhere, behind five functions.

Level-triggered. A socket is always watched for reading; for writing only while something waits to be
written. `tag` is returned with each event. A waker lets another thread end poll_wait.
"""

cdef extern from "kvd/server/poll.h" nogil:
    ctypedef struct sigset_t:
        pass
    enum: POLL_EVENTS "KVD_POLL_EVENTS"
    struct poll_event "kvd_event":
        void *tag
        bint readable
        bint writable
    int poll_open "kvd_poll_open" () noexcept                                        # -1: failed
    bint poll_watch "kvd_poll_watch" (int p, int fd, void *tag, bint writing, bint is_new) noexcept
    void poll_forget "kvd_poll_forget" (int p, int fd) noexcept
    int poll_wait "kvd_poll_wait" (int p, poll_event *out, int ms) noexcept            # up to POLL_EVENTS; ms -1: no limit
    bint waker_open "kvd_waker_open" (int *fds) noexcept
    void waker_wake "kvd_waker_wake" (int *fds) noexcept
    void waker_drain "kvd_waker_drain" (int *fds) noexcept
    void waker_close "kvd_waker_close" (int *fds) noexcept
    void wait_readable "kvd_wait_readable" (int fd, int ms, const sigset_t *mask) noexcept   # ms -1: no limit; a signal ends it
