"""The sockets that a server listens on, and the acceptance of clients.

Plain and TLS ports differ in the channel that a client gets. What the latter need (certificates, a CA) is made when such a port is
opened, and again by CONFIG SET of an option about TLS: clients that are connected keep what they have.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset, strcmp, strcspn, strdup, strlen

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.net.channel cimport channel_open
from kvd.net.context cimport context_for_clients, context_release
from kvd.net.secure cimport secure_accept
from kvd.server.poll cimport poll_watch
from kvd.server.socket cimport ask_descriptors, close, endpoint, listen_tcp, listen_unix, socket_port, unlink
from kvd.session.session cimport clients_of
from kvd.store.config cimport (
    OPT_BIND, OPT_MAXCLIENTS, OPT_PORT, OPT_PROTECTED_MODE, OPT_TCP_BACKLOG, OPT_TLS_PORT, SPARE_DESCRIPTORS,
    cfg, config_text,
)
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.parts cimport PART_SERVER
from kvd.store.store cimport LISTEN_TLS_FAILED

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


cdef bint add_listener(server *v, int fd, const char *path, const char *word, bint is_tls) noexcept nogil:
    cdef listener *l
    if fd < 0:
        return False
    l = free_slot(v)
    if l == NULL:
        close(fd)
        return False
    l.fd = fd
    l.is_unix = path != NULL
    l.is_tls = is_tls
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


cdef inline int *port_of(server *v, bint is_tls) noexcept nogil:
    return &v.tls_port if is_tls else &v.port


cdef bint server_listen(server *v, const char *word, int port, bint is_tls) noexcept nogil:
    cdef bint optional = word[0] == c'-'
    cdef int *used = port_of(v, is_tls)
    cdef int fd = listen_tcp(word + optional, used[0] if used[0] else port, <int>cfg(&v.store.config, OPT_TCP_BACKLOG))
    if fd < 0:
        return optional
    if used[0] == 0:
        used[0] = socket_port(fd)
    return add_listener(v, fd, NULL, word, is_tls)


cdef bint server_listen_unix(server *v, const char *path, int mode) noexcept nogil:
    return add_listener(v, listen_unix(path, <int>cfg(&v.store.config, OPT_TCP_BACKLOG), mode), path, NULL, False)


cdef void close_listeners(server *v, bint remove_paths) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if v.listeners[i].fd < 0:
            continue
        if v.listeners[i].is_unix and remove_paths:
            unlink(v.listeners[i].path)
        drop_listener(&v.listeners[i])
    v.listener_count = 0


# ---- CONFIG SET port, bind, tls-... --------------------------------------------------------------------

cdef inline bint is_of(const listener *l, bint is_tls) noexcept nogil:
    """Is it a TCP listener of that kind?"""
    return l.fd >= 0 and not l.is_unix and l.is_tls == is_tls


cdef void drop_tcp(server *v, bint is_tls, bint leaving) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if is_of(&v.listeners[i], is_tls) and v.listeners[i].leaving == leaving:
            drop_listener(&v.listeners[i])


cdef bint listen_all(server *v, bint is_tls, const char *words, int port) noexcept nogil:
    """On every address of a `bind`; port 0: on none. False: one failed, and all are closed."""
    cdef char word[256]
    cdef size_t n
    port_of(v, is_tls)[0] = port
    while port:
        while words[0] == c' ':
            words += 1
        if words[0] == 0:
            break
        n = strcspn(words, b" ")
        if n >= sizeof(word):
            drop_tcp(v, is_tls, False)
            return False
        memcpy(word, words, n)
        word[n] = 0
        words += n
        if not server_listen(v, word, port, is_tls):
            log_line(v.store, LOG_WARNING, b"Could not create a TCP listening socket for an address in CONFIG SET")
            drop_tcp(v, is_tls, False)
            return False
    return True


cdef void print_words(server *v, bint is_tls, buf *out) noexcept nogil:
    """The addresses of its listeners of that kind."""
    cdef int i
    for i in range(v.listener_count):
        if is_of(&v.listeners[i], is_tls):
            buf_printf(out, b"%s ", v.listeners[i].word)


cdef void set_leaving(server *v, bint is_tls, bint leaving) noexcept nogil:
    cdef int i
    for i in range(v.listener_count):
        if is_of(&v.listeners[i], is_tls):
            v.listeners[i].leaving = leaving


cdef bint listen_on(server *v, bint is_tls, const char *words, int port) noexcept nogil:
    """Instead of where it listens now. Opens the new listeners first if the port changes; else closes the old ones first, and reopens them
    if that fails."""
    cdef int before = port_of(v, is_tls)[0]
    cdef bint ok
    cdef buf old
    memset(&old, 0, sizeof(old))
    print_words(v, is_tls, &old)
    buf_add_char(&old, 0)
    set_leaving(v, is_tls, True)
    if port == before:
        drop_tcp(v, is_tls, True)
    ok = listen_all(v, is_tls, words, port)
    if ok:
        drop_tcp(v, is_tls, True)
    elif port == before:
        listen_all(v, is_tls, old.ptr, before)
    else:
        set_leaving(v, is_tls, False)
        port_of(v, is_tls)[0] = before
    buf_release(&old)
    return ok


cdef bint move(server *v, bint is_tls, config *wanted) noexcept nogil:
    """Its listeners to where `wanted` has them, as far as that differs from what is configured. Addresses that do not change are those in
    use, if need be by the other kind: they may be fewer than the option has."""
    cdef config *current = &v.store.config
    cdef int id = OPT_TLS_PORT if is_tls else OPT_PORT
    cdef bint rebinds = strcmp(config_text(wanted, OPT_BIND), config_text(current, OPT_BIND)) != 0
    cdef bint changes = cfg(wanted, id) != cfg(current, id)
    cdef bint ok
    cdef buf words
    if not rebinds and not changes:
        return True
    memset(&words, 0, sizeof(words))
    if not rebinds:
        print_words(v, is_tls, &words)
    if not rebinds and words.len == 0:
        print_words(v, not is_tls, &words)
    if words.len == 0:
        buf_printf(&words, b"%s", config_text(wanted, OPT_BIND))
    buf_add_char(&words, 0)
    ok = listen_on(v, is_tls, words.ptr, <int>cfg(wanted, id) if changes else port_of(v, is_tls)[0])
    buf_release(&words)
    return ok


cdef int move_all(server *v, config *wanted) noexcept nogil:
    """-1, or the option that failed."""
    cdef config *current = &v.store.config
    cdef bint changes = cfg(wanted, OPT_PORT) != cfg(current, OPT_PORT)
    cdef bint moves = changes or strcmp(config_text(wanted, OPT_BIND), config_text(current, OPT_BIND)) != 0
    cdef int before = v.port
    cdef buf words
    cdef int failed = -1
    memset(&words, 0, sizeof(words))
    print_words(v, False, &words)
    buf_add_char(&words, 0)
    if not move(v, False, wanted):
        failed = OPT_PORT if changes else OPT_BIND
    elif not move(v, True, wanted):
        failed = OPT_TLS_PORT if cfg(wanted, OPT_TLS_PORT) != cfg(current, OPT_TLS_PORT) else OPT_BIND
        if moves:
            listen_on(v, False, words.ptr, before)
    buf_release(&words)
    return failed


cdef bint fits_descriptors(store *s, int64_t maxclients) noexcept nogil:
    """Can there be that many clients, if there are to be more than now?"""
    return maxclients <= cfg(&s.config, OPT_MAXCLIENTS) or ask_descriptors(maxclients + SPARE_DESCRIPTORS) == 0


cdef int server_reconfigure(store *s, config *wanted, bint about_tls) noexcept nogil:
    cdef server *v = <server *>s.parts[<int>PART_SERVER]
    cdef bint moves = cfg(wanted, OPT_TLS_PORT) != cfg(&s.config, OPT_TLS_PORT)
    cdef bint renews = about_tls and (cfg(wanted, OPT_TLS_PORT) if moves else v.tls_port) != 0
    cdef char why[512]
    cdef context fresh
    cdef int failed
    memset(&fresh, 0, sizeof(fresh))
    if not fits_descriptors(s, cfg(wanted, OPT_MAXCLIENTS)):
        return OPT_MAXCLIENTS
    if renews and not context_for_clients(&fresh, wanted, why, sizeof(why)):
        log_line(s, LOG_WARNING, why)
        return LISTEN_TLS_FAILED
    failed = move_all(v, wanted)
    if failed < 0 and renews:
        context_release(&v.tls)
        v.tls = fresh
    else:
        context_release(&fresh)
    return failed


# ---- accepting --------------------------------------------------------------------------------------

cdef bint bound_to_all(store *s) noexcept nogil:
    """Is `bind` at its default, all addresses?"""
    cdef const char *text = config_text(&s.config, OPT_BIND)
    return text[0] == c'*' or text[0] == 0


cdef bint reject(channel *line, const char *why) noexcept nogil:
    """False. A client that has to be greeted first is closed without a word, as by Redis."""
    if not line.by.greets:
        line.by.write(line, why, strlen(why))
    line.by.close(line)
    return False


cdef bint is_denied(store *s, int fd) noexcept nogil:
    """Is it a client from elsewhere that protected-mode does not let in?"""
    cdef int local = 1
    cdef char text[128]
    if not cfg(&s.config, OPT_PROTECTED_MODE) or not clients_of(s).passwordless or not bound_to_all(s):
        return False
    endpoint(fd, True, text, sizeof(text), &local)
    return not local


cdef bint server_admit(server *v, listener *l, int fd, channel *line, const char **denied) noexcept nogil:
    cdef store *s = v.store
    denied[0] = NULL
    channel_open(line, fd)
    if l.is_tls and not secure_accept(line, fd, &v.tls):
        close(fd)
        return False
    if clients_of(s).count - clients_of(s).own >= <size_t>cfg(&s.config, OPT_MAXCLIENTS):
        s.stats.rejected_connections += 1
        return reject(line, TOO_MANY)
    if not l.is_unix and is_denied(s, fd):
        s.stats.rejected_connections += 1
        if not line.by.greets:
            return reject(line, PROTECTED)
        denied[0] = PROTECTED
        return True
    s.stats.connections += 1
    return True


cdef network *server_assign(server *v) noexcept nogil:
    v.next_thread = (v.next_thread + 1) % v.thread_count
    return v.threads[v.next_thread]
