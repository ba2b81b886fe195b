"""The network threads of a server.

A server is created, given its addresses, started and stopped; all of it without the GIL, so that the
Python program continues. With N threads, connections are assigned in turn and stay with
their thread. Thread 0 accepts and does the background work of the store.

While a server runs the store is `shared` and `ticking`.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from kvd.core.buf cimport buf_release
from kvd.core.threads cimport pthread_join, pthread_self, thread_start
from kvd.net.context cimport context_release
from kvd.server.connection cimport connection, connection_drop, connection_free, network
from kvd.server.listening cimport close_listeners, server_reconfigure
from kvd.server.loop cimport network_run
from kvd.server.poll cimport poll_open, poll_watch, wait_readable, waker_close, waker_open, waker_wake
from kvd.server.socket cimport close, make_room
from kvd.store.config cimport OPT_MAXCLIENTS, SPARE_DESCRIPTORS, cfg
from kvd.store.parts cimport PART_SERVER
from kvd.store.store cimport store_lock, store_unlock


cdef server *server_new(store *s) noexcept nogil:
    cdef server *v = <server *>calloc(1, sizeof(server))
    if v == NULL:
        return NULL
    v.store = s
    v.references = 1
    if not waker_open(v.stopped):
        free(v)
        return NULL
    return v


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


cdef void network_free(network *net, bint forked) noexcept nogil:
    """Under the lock; the thread is gone. forked: in the child, which must not use the parent's connections."""
    cdef connection *k
    while net.connections != NULL:
        k = net.connections
        net.connections = k.next
        if not k.dead:
            connection_drop(k, forked)
        connection_free(k)
    while net.arrivals != NULL:
        k = net.arrivals
        net.arrivals = k.next_pending
        connection_drop(k, forked)
        connection_free(k)
    close(net.poller)
    waker_close(net.waker)
    buf_release(&net.spare)
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
    """Thread 0 sleeps until s.planned: wakes it for a sooner deadline, unless the caller is thread 0."""
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
    if v.listener_count:
        make_room(v.listeners[0].fd, cfg(&s.config, OPT_MAXCLIENTS) + SPARE_DESCRIPTORS)
    s.parts[<int>PART_SERVER] = v
    s.guard.shared = True
    s.ticking = True
    s.on_shutdown = on_shutdown
    s.on_listen = server_reconfigure
    s.on_deadline = on_deadline
    for i in range(threads):
        if thread_start(&v.threads[i].thread, thread_main, v.threads[i]) != 0:
            return False
        v.threads_started += 1
    return True


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
    for i in range(v.threads_started):
        pthread_join(v.threads[i].thread, NULL)
    close_listeners(v, True)
    store_lock(v.store)
    for i in range(v.thread_count):
        network_free(v.threads[i], False)
    detach(v)
    store_unlock(v.store)
    v.stop_asked = True
    waker_wake(v.stopped)


cdef void server_abandon(server *v) noexcept nogil:
    cdef int i
    close_listeners(v, False)
    for i in range(v.thread_count):
        network_free(v.threads[i], True)
    detach(v)


cdef void server_release(server *v) noexcept nogil:
    v.references -= 1
    if v.references == 0:
        context_release(&v.tls)
        waker_close(v.stopped)
        free(v)


cdef bint server_wait(server *v, int timeout_ms, const sigset_t *mask) noexcept nogil:
    if not v.stop_asked:
        wait_readable(v.stopped[0], timeout_ms, mask)
    return v.stop_asked
