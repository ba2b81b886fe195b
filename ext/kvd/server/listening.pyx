"""The sockets that a server listens on, and the acceptance of clients."""

from libc.stdlib cimport free
from libc.string cimport memcpy, memset, strcmp, strcspn, strdup, strlen

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.server.poll cimport poll_watch
from kvd.server.socket cimport close, endpoint, listen_tcp, listen_unix, socket_port, transmit, unlink
from kvd.session.session cimport clients_of
from kvd.store.config cimport (
    OPT_BIND, OPT_MAXCLIENTS, OPT_PORT, OPT_PROTECTED_MODE, OPT_TCP_BACKLOG, cfg, config_text,
)
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.parts cimport PART_SERVER

cdef const char *TOO_MANY = b"-ERR max number of clients reached\r\n"
cdef const char *PROTECTED = (
    b"-DENIED This server runs in protected mode: it has no password and listens on all addresses, so it only accepts "
    b"connections from its own machine. Set requirepass, or bind it to specific addresses, or disable protected-mode "
    b"(CONFIG SET protected-mode no, from this machine) if its network is trusted.\r\n")


cdef listener *free_slot(server *v) noexcept nogil:
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
    l = free_slot(v)
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
    """Thread 0 may be about to accept on it; its accept then fails."""
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


cdef void close_listeners(server *v, bint remove_paths) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd < 0:
            continue
        if v.listeners[i].is_unix and remove_paths:
            unlink(v.listeners[i].path)
        drop_listener(&v.listeners[i])
    v.listener_count = 0


# ---- CONFIG SET port and bind ------------------------------------------------------------------------

cdef void drop_tcp(server *v, bint leaving) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd >= 0 and not v.listeners[i].is_unix and v.listeners[i].leaving == leaving:
            drop_listener(&v.listeners[i])


cdef bint listen_all(server *v, const char *words, int port) noexcept nogil:
    """On every address of a `bind`; port 0: on none. False: one failed, and all are closed."""
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
            log_line(v.store, LOG_WARNING, b"Could not create a TCP listening socket for an address in CONFIG SET")
            drop_tcp(v, False)
            return False
    return True


cdef void current_words(server *v, buf *out) noexcept nogil:
    """The current addresses; those that change are marked."""
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd >= 0 and not v.listeners[i].is_unix:
            v.listeners[i].leaving = True
            buf_printf(out, b"%s ", v.listeners[i].word)
    buf_add_char(out, 0)


cdef int listen_elsewhere(store *s, config *wanted) noexcept nogil:
    """Opens the new listeners first if the port changes; else closes the old ones first, and reopens them if that fails."""
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


# ---- accepting --------------------------------------------------------------------------------------

cdef bint bound_to_all(store *s) noexcept nogil:
    """Is `bind` at its default, all addresses?"""
    cdef const char *text = config_text(&s.config, OPT_BIND)
    return text[0] == c'*' or text[0] == 0


cdef void reject(int fd, const char *why) noexcept nogil:
    transmit(fd, why, strlen(why))
    close(fd)


cdef bint server_admit(server *v, int fd, bint is_unix) noexcept nogil:
    cdef store *s = v.store
    cdef int local = 1
    cdef char text[128]
    if clients_of(s).count - clients_of(s).own >= <size_t>cfg(&s.config, OPT_MAXCLIENTS):
        s.stats.rejected_connections += 1
        reject(fd, TOO_MANY)
        return False
    if not is_unix and cfg(&s.config, OPT_PROTECTED_MODE) and clients_of(s).passwordless and bound_to_all(s):
        endpoint(fd, True, text, sizeof(text), &local)
        if not local:
            s.stats.rejected_connections += 1
            reject(fd, PROTECTED)
            return False
    s.stats.connections += 1
    return True


cdef network *server_assign(server *v) noexcept nogil:
    v.next_thread = (v.next_thread + 1) % v.thread_count
    return v.threads[v.next_thread]
