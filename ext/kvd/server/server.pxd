"""The network threads of a server. See server.pyx."""

from kvd.server.listening cimport server
from kvd.server.poll cimport sigset_t
from kvd.store.store cimport store

cdef server *server_new(store *s) noexcept nogil                                   # or NULL
cdef bint server_start(server *v, int threads) noexcept nogil                      # False: no memory, or no thread
cdef void server_stop(server *v) noexcept nogil                                    # ends the threads, closes everything, wakes server_wait
cdef void server_abandon(server *v) noexcept nogil                                 # the same in a forked child, which does not have the threads
cdef void server_release(server *v) noexcept nogil                                 # gives a reference up; the last one frees v
cdef bint server_wait(server *v, int timeout_ms, const sigset_t *mask) noexcept nogil   # True: SHUTDOWN was called; mask applies while it waits
