"""Client eviction: the clients that hold most memory are closed until the rest fits into maxmemory-clients.

What a client holds are its buffers: commands that have arrived in part, transactions, replies that it does not take. Replicas, masters,
the sessions of the program itself, and clients that have said CLIENT NO-EVICT ON are not closed. One that is closed still counts until
its thread has freed its buffers: such memory is left out here.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.run.client_line cimport print_client
from kvd.session.session cimport session, session_kill
from kvd.store.config cimport OPT_MAXMEMORY, OPT_MAXMEMORY_CLIENTS, cfg
from kvd.store.log cimport LOG_NOTICE, log_line


cdef void client_limit_applied(store *s) noexcept nogil:
    """The option is a number of bytes, or, negative, a percentage of maxmemory."""
    cdef int64_t limit = cfg(&s.config, OPT_MAXMEMORY_CLIENTS)
    clients_of(s).most_memory = <size_t>(limit if limit >= 0 else -limit * (cfg(&s.config, OPT_MAXMEMORY) // 100))
    clients_evict(s)


cdef inline bint may_be_closed(session *c) noexcept nogil:
    return not (c.killed or c.in_process or c.no_evict or c.syncs or c.master)


cdef session *largest(store *s, size_t *leaving) noexcept nogil:
    """leaving: the memory of those that are being closed."""
    cdef session *c = clients_of(s).first
    cdef session *found = NULL
    leaving[0] = 0
    while c != NULL:
        if c.killed:
            leaving[0] += c.counted
        elif may_be_closed(c) and (found == NULL or c.counted > found.counted):
            found = c
        c = c.next
    return found


cdef void tell(session *c) noexcept nogil:
    cdef buf text
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"Evicting client: ")
    print_client(c, &text)
    if text.len:
        text.len -= 1                  # the line end
    buf_add_char(&text, 0)
    if not text.failed:
        log_line(c.store, LOG_NOTICE, text.ptr)
    buf_release(&text)


cdef void close_largest(store *s) noexcept nogil:
    cdef size_t leaving = 0
    cdef session *c = largest(s, &leaving)
    while c != NULL and clients_of(s).memory - leaving > clients_of(s).most_memory:
        tell(c)
        session_kill(c)
        s.stats.evicted_clients += 1
        c = largest(s, &leaving)
