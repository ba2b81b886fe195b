"""Listening sockets and network threads on one store.

A server is made, told where to listen, started and stopped; all of it without the GIL, so that the
Python program around it goes on. With N threads, connections are dealt out in turn and stay with
their thread. Thread 0 accepts and does the background work of the store.

While a server runs the store is `shared` and `ticking`.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset, strcmp, strcspn, strdup, strlen

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.server.connection cimport connection, connection_close, connection_free, network, pthread_self, pthread_t
from kvd.server.log cimport LOG_WARNING, log_line
from kvd.server.loop cimport network_run
from kvd.server.poll cimport poll_open, poll_watch, wait_readable, waker_close, waker_open, waker_wake
from kvd.server.socket cimport close, endpoint, listen_tcp, listen_unix, socket_port, transmit, unlink
from kvd.session.session cimport clients_of
from kvd.store.config cimport (
    OPT_BIND, OPT_MAXCLIENTS, OPT_PORT, OPT_PROTECTED_MODE, OPT_REQUIREPASS, OPT_TCP_BACKLOG, cfg, config, config_text,
)
from kvd.store.parts cimport PART_SERVER
from kvd.store.store cimport store_lock, store_unlock

cdef extern from "kvd/server/server.h" nogil:
    int thread_start "kvd_thread_start" (pthread_t *t, void *(*f)(void *) noexcept nogil, void *arg) noexcept
    int pthread_join(pthread_t t, void **result)

cdef const char *TOO_MANY = b"-ERR max number of clients reached\r\n"
cdef const char *PROTECTED = (
    b"-DENIED This server runs in protected mode: it has no password and listens on all addresses, so it only accepts "
    b"connections of its own machine. Set requirepass, or bind it to certain addresses, or switch protected-mode off "
    b"(CONFIG SET protected-mode no, from this machine) if the network around it is safe.\r\n")


cdef server *server_new(store *s) noexcept nogil:
    cdef server *v = <server *>calloc(1, sizeof(server))
    if v == NULL:
        return NULL
    v.store = s
    if not waker_open(v.stopped):
        free(v)
        return NULL
    return v


cdef listener *free_place(server *v) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd < 0:
            return &v.listeners[i]
    if v.listener_count == MAX_LISTENERS:
        return NULL
    v.listener_count += 1
    return &v.listeners[v.listener_count - 1]


cdef bint add_listener(server *v, int fd, const char *path, const char *word) noexcept nogil:
    cdef listener *l
    if fd < 0:
        return False
    l = free_place(v)
    if l == NULL:
        close(fd)
        return False
    l.fd = fd
    l.is_unix = path != NULL
    l.leaving = False
    l.path = strdup(path) if path != NULL else NULL
    l.word = strdup(word) if word != NULL else NULL
    if v.thread_count:
        poll_watch(v.threads[0].poller, fd, l, False, True)
    return True


cdef void drop_listener(listener *l) noexcept nogil:
    """Thread 0 may be about to accept on it, and then fails."""
    close(l.fd)
    l.fd = -1
    free(l.path)
    free(l.word)
    l.path = l.word = NULL


cdef bint server_listen(server *v, const char *word, int port) noexcept nogil:
    cdef bint optional = word[0] == c'-'
    cdef int fd = listen_tcp(word + optional, v.port if v.port else port, <int>cfg(&v.store.config, OPT_TCP_BACKLOG))
    if fd < 0:
        return optional
    if v.port == 0:
        v.port = socket_port(fd)
    return add_listener(v, fd, NULL, word)


cdef bint server_listen_unix(server *v, const char *path, int mode) noexcept nogil:
    return add_listener(v, listen_unix(path, <int>cfg(&v.store.config, OPT_TCP_BACKLOG), mode), path, NULL)


# ---- listening elsewhere: CONFIG SET port and bind ---------------------------------------------------

cdef void drop_tcp(server *v, bint leaving) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd >= 0 and not v.listeners[i].is_unix and v.listeners[i].leaving == leaving:
            drop_listener(&v.listeners[i])


cdef bint listen_all(server *v, const char *words, int port) noexcept nogil:
    """On every address of a `bind`; port 0: on none. False: on none, because one failed."""
    cdef char word[256]
    cdef size_t n
    v.port = port
    while port:
        while words[0] == c' ':
            words += 1
        if words[0] == 0:
            break
        n = strcspn(words, b" ")
        if n >= sizeof(word):
            drop_tcp(v, False)
            return False
        memcpy(word, words, n)
        word[n] = 0
        words += n
        if not server_listen(v, word, port):
            log_line(v.store, LOG_WARNING, b"Could not create a TCP listening socket for an address that CONFIG SET named")
            drop_tcp(v, False)
            return False
    return True


cdef void current_words(server *v, buf *out) noexcept nogil:
    """The addresses of now; those that leave are marked."""
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd >= 0 and not v.listeners[i].is_unix:
            v.listeners[i].leaving = True
            buf_printf(out, b"%s ", v.listeners[i].word)
    buf_add_char(out, 0)


cdef int on_listen(store *s, config *wanted) noexcept nogil:
    """The new listeners first, if the port is another one; else the old ones must go before, and come back if that fails."""
    cdef server *v = <server *>s.parts[<int>PART_SERVER]
    cdef bint moves = strcmp(config_text(wanted, OPT_BIND), config_text(&s.config, OPT_BIND)) != 0
    cdef bint changes = cfg(wanted, OPT_PORT) != cfg(&s.config, OPT_PORT)
    cdef int port = <int>cfg(wanted, OPT_PORT) if changes else v.port
    cdef int before = v.port
    cdef int failed = -1
    cdef buf words
    if not moves and not changes:
        return -1
    memset(&words, 0, sizeof(words))
    current_words(v, &words)
    if port == before:
        drop_tcp(v, True)
    if listen_all(v, config_text(wanted, OPT_BIND) if moves or words.len == 1 else words.ptr, port):
        drop_tcp(v, True)
    else:
        failed = OPT_PORT if changes else OPT_BIND
        if port == before:
            listen_all(v, words.ptr, before)
        v.port = before
    buf_release(&words)
    return failed


cdef void *thread_main(void *arg) noexcept nogil:
    network_run(<network *>arg)
    return NULL


cdef network *network_new(server *v, int index) noexcept nogil:
    cdef network *net = <network *>calloc(1, sizeof(network))
    if net == NULL:
        return NULL
    net.store = v.store
    net.index = index
    net.poller = poll_open()
    if net.poller < 0 or not waker_open(net.waker):
        free(net)
        return NULL
    poll_watch(net.poller, net.waker[0], &net.waker, False, True)
    return net


cdef void network_free(network *net) noexcept nogil:
    """Under the lock; the thread is gone."""
    cdef connection *k
    while net.connections != NULL:
        k = net.connections
        net.connections = k.next
        connection_close(k)
        connection_free(k)
    while net.arrivals != NULL:
        k = net.arrivals
        net.arrivals = k.next_pending
        close(k.fd)
        connection_free(k)
    close(net.poller)
    waker_close(net.waker)
    free(net.round.argv)
    free(net)


cdef void on_shutdown(store *s) noexcept nogil:
    cdef server *v = <server *>s.parts[<int>PART_SERVER]
    v.stop_asked = True
    ask_threads(v)
    waker_wake(v.stopped)


cdef void ask_threads(server *v) noexcept nogil:
    cdef int i
    for i in range(v.thread_count):
        v.threads[i].stopping = True
        waker_wake(v.threads[i].waker)


cdef void on_deadline(store *s, int64_t deadline) noexcept nogil:
    """Thread 0 sleeps until s.planned: wake it for what is due sooner, unless it is the one that says so."""
    cdef server *v = <server *>s.parts[<int>PART_SERVER]
    s.planned = deadline
    if v.threads[0].thread != pthread_self():
        waker_wake(v.threads[0].waker)


cdef bint server_start(server *v, int threads) noexcept nogil:
    cdef store *s = v.store
    cdef int i
    for i in range(threads):
        v.threads[i] = network_new(v, i)
        if v.threads[i] == NULL:
            return False
        v.thread_count += 1
    for i in range(v.listener_count):
        poll_watch(v.threads[0].poller, v.listeners[i].fd, &v.listeners[i], False, True)
    s.parts[<int>PART_SERVER] = v
    s.guard.shared = True
    s.ticking = True
    s.on_shutdown = on_shutdown
    s.on_listen = on_listen
    s.on_deadline = on_deadline
    for i in range(threads):
        if thread_start(&v.threads[i].thread, thread_main, v.threads[i]) != 0:
            v.thread_count = i
            return False
    return True


cdef void close_listeners(server *v, bint remove_paths) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd < 0:
            continue
        if v.listeners[i].is_unix and remove_paths:
            unlink(v.listeners[i].path)
        drop_listener(&v.listeners[i])
    v.listener_count = 0


cdef void detach(server *v) noexcept nogil:
    cdef store *s = v.store
    s.parts[<int>PART_SERVER] = NULL
    s.on_shutdown = NULL
    s.on_listen = NULL
    s.on_deadline = NULL
    s.ticking = False


cdef void server_stop(server *v) noexcept nogil:
    cdef int i
    ask_threads(v)
    for i in range(v.thread_count):
        pthread_join(v.threads[i].thread, NULL)
    close_listeners(v, True)
    store_lock(v.store)
    for i in range(v.thread_count):
        network_free(v.threads[i])
    store_unlock(v.store)
    detach(v)
    waker_close(v.stopped)
    free(v)


cdef void server_abandon(server *v) noexcept nogil:
    cdef int i
    close_listeners(v, False)
    for i in range(v.thread_count):
        network_free(v.threads[i])
    detach(v)
    waker_close(v.stopped)
    free(v)


cdef bint server_wait(server *v, int timeout_ms, const sigset_t *mask) noexcept nogil:
    if not v.stop_asked:
        wait_readable(v.stopped[0], timeout_ms, mask)
    return v.stop_asked


cdef bint bound_to_all(store *s) noexcept nogil:
    """As delivered: no certain address was asked for."""
    cdef const char *text = config_text(&s.config, OPT_BIND)
    return text[0] == c'*' or text[0] == 0


cdef void turn_away(int fd, const char *why) noexcept nogil:
    transmit(fd, why, strlen(why))
    close(fd)


cdef bint server_admit(server *v, int fd, bint is_unix) noexcept nogil:
    cdef store *s = v.store
    cdef int local = 1
    cdef char text[128]
    if clients_of(s).count - clients_of(s).own >= <size_t>cfg(&s.config, OPT_MAXCLIENTS):
        s.stats.rejected_connections += 1
        turn_away(fd, TOO_MANY)
        return False
    if not is_unix and cfg(&s.config, OPT_PROTECTED_MODE) and config_text(&s.config, OPT_REQUIREPASS)[0] == 0 and bound_to_all(s):
        endpoint(fd, True, text, sizeof(text), &local)
        if not local:
            s.stats.rejected_connections += 1
            turn_away(fd, PROTECTED)
            return False
    s.stats.connections += 1
    return True


cdef network *server_assign(server *v) noexcept nogil:
    v.next_thread = (v.next_thread + 1) % v.thread_count
    return v.threads[v.next_thread]
