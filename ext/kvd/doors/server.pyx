"""Server: network threads that serve a store, and functions for the command line.

The store can be used as before; the threads take its lock for each batch of commands. A store has at most one server.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.view cimport view, view_of
from kvd.doors.fork cimport fork_forgets, fork_locks
from kvd.doors.lock cimport acquire, release
from kvd.doors.sleep cimport hold_signals, restore_signals
from kvd.doors.store cimport Store
from kvd.net.context cimport can_reach_masters, context_for_clients
from kvd.run.acl.declare cimport user_declare
from kvd.run.renames cimport rename_add
from kvd.server.listening cimport server, server_listen, server_listen_unix
from kvd.server.poll cimport sigset_t
from kvd.server.server cimport server_new, server_release, server_start, server_stop, server_wait
from kvd.server.socket cimport ask_descriptors, descriptors, last_errno
from kvd.store.config cimport OPT_UNIXSOCKETPERM, SPARE_DESCRIPTORS, cfg
from kvd.store.log cimport LOG_DEBUG, LOG_NOTICE, LOG_VERBOSE, LOG_WARNING, log_line, log_to_configured

import os

DEBUG, VERBOSE, NOTICE, WARNING = LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE, LOG_WARNING      # levels of `log`


cdef int start(Store self, hosts, port, tls_port, unix_path, int threads, bint log) except -1:
    cdef server *v
    cdef bint ok
    from kvd.errors import ServerError
    check_port("port", port)
    check_port("tls_port", tls_port)
    if self.closed:
        raise ServerError("the store is closed")
    if self.v != NULL:
        raise ServerError("the store has a server already")
    v = server_new(self.s)
    if v == NULL:
        raise MemoryError()
    v.owner = <void *>self
    v.debug_apart = debug_apart
    if log:
        log_on(self)
    try:
        if port is not None:
            listen_tcp(v, hosts, port, False)
        if tls_port is not None:
            prepare_tls(self, v)
            listen_tcp(v, hosts, tls_port, True)
        if unix_path:
            listen_unix(self, v, unix_path)
        with nogil:
            ok = server_start(v, threads)
        if not ok:
            raise ServerError("a network thread could not be started")
    except BaseException:
        with nogil:
            server_stop(v)
        server_release(v)
        self.unserved()
        raise
    self.v = v
    fork_locks(self)
    return 0


cdef bint debug_apart(void *owner, int fd, int db, int proto, view unsent, view words) noexcept with gil:
    """Called without the lock."""
    from kvd.debugging import begin
    try:
        return begin(<Store>owner, fd, db, proto, unsent.ptr[:unsent.len] if unsent.len else b"", words.ptr[:words.len])
    except (OSError, RuntimeError, MemoryError):      # there are no descriptors, or threads
        return False


cdef int check_port(str name, port) except -1:
    if port is not None and not isinstance(port, int):
        raise TypeError(f"{name} must be an int, not {type(port).__name__}")
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"{name} must be between 0 and 65535, got {port}")
    return 0


cdef int prepare_tls(Store self, server *v) except -1:
    cdef char why[512]
    cdef bint ok
    acquire(self.s)
    ok = context_for_clients(&v.tls, &self.s.config, why, sizeof(why))
    release(self.s)
    if not ok:
        raise cannot_encrypt(why)
    return 0


cdef object cannot_encrypt(const char *why):
    from kvd.errors import ConfigError
    return ConfigError(f"tls: {why.decode(errors='replace')}")


def check_masters(Store self not None):
    """Check the options by which links to masters are encrypted (tls-replication). Raises kvd.ConfigError."""
    cdef char why[512]
    cdef bint ok
    acquire(self.s)
    ok = can_reach_masters(&self.s.config, why, sizeof(why))
    release(self.s)
    if not ok:
        raise cannot_encrypt(why)


cdef int listen_tcp(server *v, hosts, int port, bint is_tls) except -1:
    cdef bytes host
    for name in hosts:
        host = name.encode()
        if not server_listen(v, host, port, is_tls):
            raise cannot_listen(f"Failed listening on port {port} ({'TLS' if is_tls else 'TCP'}), address {name}")
    return 0


cdef int listen_unix(Store self, server *v, unix_path) except -1:
    cdef bytes path = os.fsencode(unix_path)
    if not server_listen_unix(v, path, <int>cfg(&self.s.config, OPT_UNIXSOCKETPERM)):
        raise cannot_listen("Failed opening Unix socket: bind", os.fspath(unix_path))
    self.unix_path = os.fspath(unix_path)
    return 0


cdef object cannot_listen(str what, path=None):
    error = last_errno()
    from kvd.errors import ServerError
    return ServerError(error, f"{what}: {os.strerror(error)}", path)


def stop(Store self not None):
    """End the store's server, if it has one. Any thread may, also while another waits or does the same."""
    cdef server *v = self.v
    if v != NULL and not v.stopping:
        v.stopping = True
        fork_forgets(self)
        from kvd.debugging import end
        end(self)
        with nogil:
            server_stop(v)
        self.v = NULL
        server_release(v)
        self.unserved()


# Of a store that scripts keep busy as long as somebody debugs them: forks do not wait for their ends (kvd.debugging).

def fork_ignores(Store self not None):
    fork_forgets(self)


def fork_begins(Store self not None):
    acquire(self.s)


def fork_ended(Store self not None):
    release(self.s)


def fork_abandons(Store self not None):
    """In the child."""
    self.after_fork_child()


cdef bint wait(Store self, int ms) except -1:
    """Wait at most ms for SHUTDOWN; True if it was requested. A signal ends the wait."""
    cdef sigset_t usual
    cdef server *v = self.v
    if v == NULL:
        return True
    cdef bint asked = False
    v.references += 1              # another thread may stop the server meanwhile
    hold_signals(&usual)           # as in Sleeper.sleep
    try:
        PyErr_CheckSignals()
        with nogil:
            asked = server_wait(v, ms, &usual)
    finally:
        restore_signals(&usual)
        server_release(v)
    PyErr_CheckSignals()
    return asked


def rename_command(Store self not None, str old, str new):
    """Give a command another name in this store, or, if `new` is empty, disable it: the directive rename-command.

    Raises kvd.ConfigError if there is no such command, or the new name is taken.
    """
    cdef const char *why
    cdef bytes before = old.encode("utf-8", "surrogateescape")
    cdef bytes after = new.encode("utf-8", "surrogateescape")
    acquire(self.s)
    why = rename_add(self.s, view_of(before, len(before)), view_of(after, len(after)))
    release(self.s)
    if why != NULL:
        from kvd.errors import ConfigError
        raise ConfigError(f"rename-command: {why.decode()}")


def declare_user(Store self not None, str line):
    """Make a user, or change it: "name rule rule ...", as in the directive user. Raises kvd.ConfigError."""
    cdef buf error
    cdef bytes text = line.encode("utf-8", "surrogateescape")
    cdef bint ok
    memset(&error, 0, sizeof(error))
    acquire(self.s)
    ok = user_declare(self.s, view_of(text, len(text)), &error)
    release(self.s)
    why = error.ptr[:error.len].decode("utf-8", "replace") if error.len else "Out of memory"
    buf_release(&error)
    if not ok:
        from kvd.errors import ConfigError
        raise ConfigError(f"user: {why}")


def end_unlogged(Store self not None):
    """With appendfsync always, let a write that cannot be logged end the process, instead of the connections it concerns."""
    self.s.ends_unlogged = True


def fit_descriptors(long clients):
    """Let the process have a descriptor for each of so many clients, or as many as it can get.

    Returns the number it needs, its limits before and now, and the system's error, or None if it has what it needs."""
    cdef long before = descriptors()
    cdef int error = ask_descriptors(clients + SPARE_DESCRIPTORS)
    return clients + SPARE_DESCRIPTORS, before, descriptors(), os.strerror(error) if error else None


def ask_stop(Store self not None):
    """Do what SHUTDOWN does: the wait() of the store's server returns True."""
    if self.v != NULL:
        self.s.on_shutdown(self.s)


def log(Store self not None, str text, int level=LOG_NOTICE):
    """Write a line to the store's log. level: DEBUG, VERBOSE, NOTICE or WARNING."""
    cdef bytes line = text.encode()
    log_line(self.s, level, line)


def log_on(Store self not None):
    """Start the store's log, as logfile and loglevel configure it. Raises kvd.ConfigError if the file cannot be written."""
    path = self.option("logfile")
    try:
        if path:
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644))
    except OSError as error:
        from kvd.errors import ConfigError
        raise ConfigError(f"logfile: Can't open the log file: {error.strerror}") from None
    self.s.on_log = log_to_configured


class Server:
    """Network threads that serve a store: started by the constructor, stopped by stop() or at the end of a `with` block.

    See Store.serve for the arguments.
    """

    def __init__(self, store=None, port=None, *, host="127.0.0.1", unix_path=None, tls=None, tls_port=None, threads=None, log=False):  # no-cython-lint
        import kvd
        self.store = kvd.Store() if store is None else store
        hosts = [host] if isinstance(host, str) else list(host)
        if tls is not None:
            tls.configure(self.store)
            tls_port = 0 if tls_port is None else tls_port
        if port is None and unix_path is None and tls_port is None:
            port = 0
        start(self.store, hosts, port, tls_port, unix_path, threads or int(self.store.option("io-threads")), log)
        self.host = hosts[0].lstrip("-")

    @property
    def port(self):
        """The TCP port; 0 if there is none, or after stop()."""
        cdef Store store = self.store
        return store.v.port if store.v != NULL else 0

    @property
    def tls_port(self):
        """The TCP port for TLS; 0 if there is none, or after stop()."""
        cdef Store store = self.store
        return store.v.tls_port if store.v != NULL else 0

    @property
    def unix_path(self):
        """The path of the unix socket, or None."""
        return self.store.unix_path

    @property
    def url(self):
        """The URL for redis.from_url: of the plain port if there is one, else of the TLS port, else of the unix socket."""
        if self.port or self.tls_port:
            host = "127.0.0.1" if self.host == "*" else "[::1]" if self.host == "::*" else self.host
            place = f"[{host}]" if ":" in host and host[0] != "[" else host
            return f"redis://{place}:{self.port}" if self.port else f"rediss://{place}:{self.tls_port}"
        return f"unix://{self.unix_path}"

    def stop(self):
        """Close all connections and end the threads; the store and its data remain."""
        stop(self.store)

    def wait(self, timeout=None):
        """Block until a client sends SHUTDOWN or the server is stopped (returns True), or for timeout seconds (returns False).

        Ctrl-C interrupts it."""
        import time
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 3600 if until is None else until - time.monotonic()
            if left <= 0:
                return False
            if wait(self.store, int(min(left, 3600) * 1000)):
                return True

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def __repr__(self):
        return f"<kvd.Server {self.url}>" if self.port or self.tls_port or self.unix_path else "<kvd.Server stopped>"
