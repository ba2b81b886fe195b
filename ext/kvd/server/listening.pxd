"""The sockets that a server listens on, and the acceptance of clients. See listening.pyx."""

from kvd.core.view cimport view
from kvd.net.channel cimport channel
from kvd.net.context cimport context
from kvd.server.connection cimport network
from kvd.store.config cimport config
from kvd.store.store cimport store

cdef enum:
    MAX_LISTENERS = 32
    MAX_THREADS = 128

cdef struct listener:
    int fd                     # -1: the slot is free
    bint is_unix
    bint is_tls
    bint leaving               # its address is being changed
    char *path                 # of a unix socket; own copy
    char *word                 # of a TCP address, as in `bind`; own copy

cdef struct server:
    store *store
    listener listeners[MAX_LISTENERS]
    int listener_count         # slots ever used
    network *threads[MAX_THREADS]
    int thread_count
    int threads_started
    int next_thread
    int port                   # the TCP port in use; 0: none
    int tls_port               # the same, for TLS
    context tls                # for the connections that are accepted there; under the store's lock
    bint stop_asked            # SHUTDOWN
    int stopped[2]             # a waker for server_wait
    int references             # of the store, and of each server_wait; counted under the GIL
    bint stopping
    void *owner                # of the function below
    bint (*debug_apart)(void *owner, int fd, int db, int proto, view unsent, view words) noexcept nogil   # begins a debugging session for the client of a copy of the descriptor; False: it cannot

cdef bint server_listen(server *v, const char *word, int port, bint is_tls) noexcept nogil      # a word of `bind`; False: see errno
cdef bint server_listen_unix(server *v, const char *path, int mode) noexcept nogil
cdef int server_reconfigure(store *s, config *wanted, bint about_tls) noexcept nogil               # CONFIG SET of port, bind, or tls-...: see store.on_listen
cdef void close_listeners(server *v, bint remove_paths) noexcept nogil
cdef bint server_admit(server *v, listener *l, int fd, channel *line, const char **denied) noexcept nogil   # under the lock. False: refused and closed. denied: what to tell the client before it is closed, or NULL
cdef network *server_assign(server *v) noexcept nogil                              # the thread for the next client
