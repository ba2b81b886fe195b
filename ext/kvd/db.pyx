"""The Python doors to a store: Store (commands as methods) and Server (network threads on it).

A method is the command without the wire: arguments become views, `dispatch` runs the command in the
store's own session, the reply is decoded. Simple replies are decoded here, nested ones by hiredis. `get`
and `set` without options skip the reply as well; they do what GET and SET do through the same calls.

Locks: nobody may wait for the store's lock while holding the GIL (a network thread that holds the lock
never wants the GIL, but a Python thread would stop all others). So: try, else release the GIL and wait.
A store that no other thread can reach takes no lock at all.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memset, strdup

from kvd.commands.blocking cimport serve_ready
from kvd.commands.figures cimport figures_init, figures_of, figures_release
from kvd.commands.strings cimport plain_set
from kvd.commands.table cimport call, command, command_find, dispatch, freeze
from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport mono_us, wall_ms
from kvd.core.entry cimport entry
from kvd.core.mem cimport mem_total
from kvd.core.table cimport table_hash
from kvd.core.text cimport INT_TEXT, format_int, parse_int
from kvd.core.view cimport view, view_of, view_str
from kvd.script.runtime cimport runtime_release
from kvd.decode cimport AS_TEXT, SETS_AS_LISTS, decode_value, text_of
from kvd.server.log cimport log_line, log_to_configured
from kvd.server.poll cimport sigset_t, wait_readable, waker_close, waker_drain, waker_open, waker_wake
from kvd.server.server cimport (
    server, server_abandon, server_listen, server_listen_unix, server_new, server_start, server_stop, server_wait,
)
from kvd.server.socket cimport last_errno
from kvd.session.channels cimport is_listening
from kvd.session.session cimport REPLY_ON, clients_init, clients_of, clients_release, session, session_account, session_delete, session_new
from kvd.session.waiters cimport wait_end, wait_give_up, wait_move, wait_of
from kvd.store.config cimport OPT_DATABASES, OPT_REQUIREPASS, OPT_UNIXSOCKETPERM, cfg, config_print, config_text, config_set, option_find
from kvd.store.evict cimport over_limit
from kvd.store.keyspace cimport (
    CLOCK_FROZEN, keyspace_read, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_trylock, pthread_mutex_unlock, store,
    store_delete, store_memory, store_new, store_lend, store_lock_slowly, store_next, store_tick, store_time, store_time_cheap, store_wall_us, usleep,
)
from kvd.types.string cimport string_view
from kvd.types.value cimport STRING, type_of

import importlib
import os
import weakref
from collections import deque

# the families of commands define themselves when imported
for _family in (
        "bits", "caching", "cluster", "configuration", "connection", "expiry", "geo", "hashes", "hyperloglog", "info", "introspection", "keys",
        "lists", "monitoring", "process", "pubsub", "sets", "sorting", "stream_groups", "stream_info", "stream_reads",
        "streams", "strings", "transactions", "zsets",
):
    importlib.import_module(f"kvd.commands.{_family}")
importlib.import_module("kvd.persist.dumping")
importlib.import_module("kvd.script.eval")
importlib.import_module("kvd.script.functions")

cdef extern from "Python.h" nogil:
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyEval_SaveThread() noexcept
    void PyEval_RestoreThread(PyThreadState *state) noexcept
    int check_signals "PyErr_CheckSignals" () noexcept

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    bint PyUnicode_CheckExact(object o)

cdef extern from * nogil:
    """
    #ifdef Py_GIL_DISABLED
    #define KVD_FREE_THREADED 1
    #else
    #define KVD_FREE_THREADED 0
    #endif
    """
    bint FREE_THREADED "KVD_FREE_THREADED"

cdef extern from * nogil:
    """
    #include <signal.h>
    #include <pthread.h>
    static void kvd_hold_signals(sigset_t *usual) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, usual);
    }
    static void kvd_restore_signals(const sigset_t *usual) { pthread_sigmask(SIG_SETMASK, usual, NULL); }
    """
    void hold_signals "kvd_hold_signals" (sigset_t *usual) noexcept
    void restore_signals "kvd_restore_signals" (const sigset_t *usual) noexcept

cdef enum:
    STACK_ARGS = 16

cdef int64_t NEVER = 0x7FFFFFFFFFFFFFFF

freeze()

cdef const command *GET = command_find(view_str(b"get"))
cdef const command *SET = command_find(view_str(b"set"))


# ---- locking ----------------------------------------------------------------------------------------

cdef inline void acquire(store *s) noexcept:
    if s.shared:
        if pthread_mutex_trylock(&s.lock) != 0:
            with nogil:
                store_lock_slowly(s)
        s.locked = True


cdef inline void release(store *s) noexcept:
    if s.locked:                   # it may have become shared meanwhile: see relax
        s.locked = False
        pthread_mutex_unlock(&s.lock)


# ---- arguments and replies --------------------------------------------------------------------------

cdef object encode(object value):
    """Bytes of what is neither bytes nor str, by redis-py's rules."""
    cdef char digits[INT_TEXT]
    if isinstance(value, bool):
        raise TypeError("a bool is neither bytes, str, int nor float; convert it first")
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 63:
            return PyBytes_FromStringAndSize(digits, format_int(digits, value))
        return b"%d" % value
    if isinstance(value, float):
        return repr(value).encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return bytes(value)
    raise TypeError(f"cannot store {type(value).__name__}: convert it to bytes, str, int or float first")


cdef inline bint plain_view(object value, view *v) except -1:
    """A view into bytes or str; False for anything else."""
    cdef Py_ssize_t n
    if PyBytes_CheckExact(value):
        v.ptr = PyBytes_AS_STRING(value)
        v.len = PyBytes_GET_SIZE(value)
        return True
    if PyUnicode_CheckExact(value):
        v.ptr = PyUnicode_AsUTF8AndSize(value, &n)
        v.len = n
        return True
    return False


cdef inline int to_view(object value, view *v, list keep) except -1:
    """A view into value, or into its encoding, which `keep` then owns."""
    if plain_view(value, v):
        return 0
    value = encode(value)
    keep.append(value)
    v.ptr = PyBytes_AS_STRING(value)
    v.len = PyBytes_GET_SIZE(value)
    return 0


cdef object failure(view text):
    from kvd import errors
    return errors.from_reply(text.ptr[:text.len].decode("utf-8", "replace"))


def nested_failure(text):
    """An error inside a list: what EXEC answers for a command that failed."""
    from kvd import errors
    return errors.from_reply(text)


cdef object decode_reply(const char *p, size_t n, bint decode):
    """One whole reply; raises the error that it is."""
    cdef const char *eol
    cdef int64_t number
    if n == 0:
        return None                # CLIENT REPLY OFF
    eol = <const char *>memchr(p, c'\r', n)
    if p[0] == c'$':
        parse_int(view_of(p + 1, eol - p - 1), &number)
        return text_of(eol + 2, number, decode) if number >= 0 else None
    if p[0] == c':':
        parse_int(view_of(p + 1, eol - p - 1), &number)
        return number
    if p[0] == c'+':
        return text_of(p + 1, eol - p - 1, decode)
    if p[0] == c'-':
        raise failure(view_of(p + 1, eol - p - 1))
    if p[0] == c'_':
        return None
    return decode_value(&p, decode, nested_failure)


# ---- sleeping ---------------------------------------------------------------------------------------

cdef class Sleeper:
    """Lets a thread sleep until the session it waits for is woken, some time is over or a signal comes.

    Without the GIL, without any lock, and without looking in between."""

    cdef int fds[2]

    def __cinit__(self):
        if not waker_open(self.fds):
            raise OSError(last_errno(), os.strerror(last_errno()))

    def __dealloc__(self):
        waker_close(self.fds)

    cdef int attach(self, session *c) except -1:
        c.link = <void *>self.fds
        c.wake = wake_sleeper
        return 0

    cdef int sleep(self, int ms) except -1:
        """ms -1: for ever. Runs signal handlers, and raises what they raise."""
        cdef sigset_t usual
        hold_signals(&usual)           # one that comes from here on ends the wait instead of just preceding it
        try:
            PyErr_CheckSignals()       # compiled code runs no handlers by itself
            with nogil:
                wait_readable(self.fds[0], ms, &usual)
        finally:
            restore_signals(&usual)
        PyErr_CheckSignals()
        waker_drain(self.fds)
        return 0


cdef void wake_sleeper(session *c) noexcept nogil:
    waker_wake(<int *>c.link)


cdef inline int ms_until(int64_t deadline) noexcept:
    """deadline: wall ms; 0: for ever."""
    cdef int64_t left
    if deadline == 0:
        return -1
    left = deadline - wall_ms()
    return <int>min(max(left, <int64_t>0), <int64_t>0x7FFFFFFF)


# ---- background work and fork -------------------------------------------------------------------------

cdef int64_t monotonic(int64_t wall):
    """A wall time in ms on the janitor's clock, in us; 0: it has come."""
    cdef int64_t left = wall - wall_ms()
    return mono_us() + left * 1000 if left > 0 else 0


_shared = weakref.WeakSet()    # stores with a server: what a fork has to take care of
_blocked = weakref.WeakSet()   # stores in which a thread has waited: the child of a fork does not have it


cdef void want_tick(store *s, int64_t deadline) noexcept nogil:
    """An on_deadline for stores without a server: Store methods see it and tell the janitor."""
    s.wanted = min(deadline, s.wanted)


def _before_fork():
    for one in list(_shared):
        (<Store>one).fork_lock()


def _after_fork_parent():
    for one in list(_shared):
        (<Store>one).fork_unlock()


def _after_fork_child():
    for one in list(_shared):
        (<Store>one).fork_child()
    for one in list(_blocked):
        (<Store>one).fork_unblock()
    _shared.clear()
    _blocked.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_parent, after_in_child=_after_fork_child)


# ---- long scripts --------------------------------------------------------------------------------------

cdef enum:
    KEEP_GIL_US = 5000             # a script that runs longer lets other Python threads go on
    SIGNALS_US = 50000             # between looks for a Ctrl-C

cdef struct relaxing:              # of a command that may be a long script; on the stack of who runs it
    PyThreadState *state           # NULL: the GIL is held
    int64_t looked_us
    bint interrupted               # by a signal; its exception is set
    void *owner                    # the Store


cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil:
    """Between instructions of a script that runs in the caller's thread, under the lock and at first the GIL.

    The GIL is given back for the rest of the run; so the store gets its lock now if it did without. When the
    store is busy the lock is given away for a moment too: who takes it is told so by the gate."""
    cdef relaxing *r = <relaxing *>c.relaxed
    cdef store *s = c.store
    if spent_us < KEEP_GIL_US:
        return True
    if r.state == NULL:
        if not s.locked:
            s.shared = True        # for good: others may wait for the lock from now on
            pthread_mutex_lock(&s.lock)
            s.locked = True
        share(r.owner)
        r.state = PyEval_SaveThread()
    if busy:
        s.locked = False
        store_lend(s)
        s.locked = True
    if spent_us - r.looked_us >= SIGNALS_US:
        r.looked_us = spent_us
        PyEval_RestoreThread(r.state)
        r.interrupted = check_signals() != 0
        r.state = PyEval_SaveThread()
    return not r.interrupted


cdef inline void begin_relaxed(session *c, relaxing *r, Store owner) noexcept:
    memset(r, 0, sizeof(relaxing))
    r.owner = <void *>owner
    c.relaxed = r
    c.relax = relax


cdef inline int end_relaxed(session *c, relaxing *r) except -1:
    """Takes the GIL back. Under the lock, which it gives back only if it raises what a signal handler has raised."""
    c.relax = NULL
    if r.state != NULL:
        PyEval_RestoreThread(r.state)
    if r.interrupted:
        c.out.len = 0
        release(c.store)
        return -1
    return 0


cdef void share(void *owner) noexcept with gil:
    """A fork has to wait for its lock from now on."""
    _shared.add(<Store>owner)


# ---- Store ------------------------------------------------------------------------------------------

@cython.no_gc_clear                # its C session goes first, while the sleeper it points to is still there
cdef class Session:
    """A session of its own on a store: database, MULTI and WATCH state that no other caller shares.

    Made by `Store.session()`. Commands run one at a time; a session belongs to one thread at a time."""

    cdef Store owner
    cdef session *c
    cdef bint decode
    cdef Sleeper sleeper           # of one that receives messages
    cdef object inbox              # replies and messages that are decoded but not yet received

    def execute(self, *args):
        """Run a command; see Store.execute."""
        if self.c == NULL:
            raise RuntimeError("the session is closed")
        return self.owner.run(self.c, args, self.decode)

    def _listen(self):
        """From now on it receives: replies and messages come by _receive, in their order."""
        self.sleeper = Sleeper()
        self.sleeper.attach(self.c)
        self.inbox = deque()

    def _send(self, *args):
        """Run a command whose replies _receive returns. Raises RuntimeError when the session is closed."""
        if self.c == NULL:
            raise RuntimeError("the session is closed")
        self.owner.feed(self.c, args)

    def _receive(self, timeout):
        """The next reply or message. timeout: seconds, None for ever; None if nothing came. Interruptible.

        Raises ConnectionError when the store has closed the session, as it does with slow subscribers."""
        cdef buf out
        cdef bint killed
        cdef int64_t deadline = 0
        if timeout is not None:
            deadline = wall_ms() + max(<int64_t>(timeout * 1000), 0)
        cdef const char *p
        while self.c != NULL:
            if self.inbox:
                return self.inbox.popleft()
            acquire(self.owner.s)
            killed = self.c.killed
            out.len = self.c.out.len
            if out.len:
                out = self.c.out
                memset(&self.c.out, 0, sizeof(buf))
                session_account(self.c)
            release(self.owner.s)
            if out.len:
                p = out.ptr
                try:
                    while p < out.ptr + out.len:
                        self.inbox.append(decode_value(&p, self.decode, nested_failure))
                finally:
                    buf_release(&out)
            elif killed:
                self.close()
            elif deadline and wall_ms() >= deadline:
                return None
            else:
                self.sleeper.sleep(ms_until(deadline))
        raise ConnectionError("the session is closed")

    def close(self):
        """Forget the session; a transaction that is open is discarded."""
        if self.c != NULL:
            acquire(self.owner.s)
            session_delete(self.c)
            release(self.owner.s)
            self.c = NULL

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __dealloc__(self):
        if self.c != NULL and self.owner is not None and self.owner.s != NULL:
            acquire(self.owner.s)
            session_delete(self.c)
            release(self.owner.s)


cdef void ring_nobody(session *c) noexcept nogil:
    """Nobody waits at the moment; what is written stays in c.out."""


@cython.no_gc_clear
cdef class Link(Session):
    """A session for redis-py's connections: it speaks the protocol that HELLO chose, and nothing in it blocks or raises for
    an error reply. Made by `Store._link`. One thread at a time."""

    cdef readonly object make_error    # the exception for the text of an error reply
    cdef buf raw                   # taken from the session, not yet decoded from `at` on
    cdef size_t at

    def __dealloc__(self):
        buf_release(&self.raw)

    cdef object decoded(self, const char **p, bint decode):
        return decode_value(p, SETS_AS_LISTS | (AS_TEXT if decode else 0), self.make_error)

    def call(self, tuple args, bint decode):
        """Run a command at once: its reply (an exception for an error), or WAITING if it waits for a key.

        Raises TypeError for an argument that is neither bytes, str, int nor float, ConnectionError when closed."""
        cdef const char *p
        cdef buf out
        cdef object reply = None
        self.check()
        self.owner.feed(self.c, args)
        if self.c.wait != NULL:
            return WAITING
        acquire(self.owner.s)
        out = self.c.out
        memset(&self.c.out, 0, sizeof(buf))
        release(self.owner.s)
        try:
            if out.failed:
                raise MemoryError()
            p = out.ptr
            while p < out.ptr + out.len:
                if p[0] == c'>':
                    self.inbox.append((True, self.decoded(&p, decode)))
                else:
                    reply = self.decoded(&p, decode)
            return reply
        finally:
            acquire(self.owner.s)
            keep_buffer(self.c, &out)
            release(self.owner.s)

    cdef bint is_plain(self):
        """May `get` and `set` go past the gate? Nothing that the gate looks at is the case."""
        cdef session *c = self.c
        return (c != NULL and self.owner.time_source is None and not self.owner.s.shared and not c.multi and not c.tracks
                and c.authenticated and c.reply == REPLY_ON and not clients_of(self.owner.s).monitors and not is_listening(c))

    def get(self, name, bint decode):
        """GET without its reply's way through bytes: the value, None, or WAITING when `call` has to do it."""
        cdef view key
        if not plain_view(name, &key) or not self.is_plain():
            return WAITING
        return self.owner.get_plain(self.c, key, decode)

    def set(self, name, value):
        """SET without options in the same way: True, or WAITING when `call` has to do it."""
        cdef view k, v
        cdef call c
        cdef store *s = self.owner.s
        if not plain_view(name, &k) or not plain_view(value, &v) or not self.is_plain() or over_limit(s):
            return WAITING
        self.owner.set_plain(self.c, &c, k, v)
        return True

    cdef int check(self) except -1:
        if self.c == NULL:
            raise ConnectionError("the session is closed")
        return 0

    def send(self, tuple args):
        """Run a command whose reply `next` returns, like all messages, in their order."""
        self.check()
        self.owner.feed(self.c, args)

    def pending(self):
        """Whether `next` has something that was taken from the session before; `ready` looks there too."""
        return self.at < self.raw.len or len(self.inbox) > 0

    def ready(self):
        """Whether `next` has something. Raises ConnectionError when the store has closed the session."""
        cdef bint killed
        if self.at < self.raw.len or self.inbox:
            return True
        self.check()
        acquire(self.owner.s)
        killed = self.c.killed or self.c.closing
        if self.c.out.len:
            buf_release(&self.raw)
            self.raw = self.c.out
            self.at = 0
            memset(&self.c.out, 0, sizeof(buf))
            session_account(self.c)
        release(self.owner.s)
        if self.at < self.raw.len:
            return True
        if killed:
            self.close()
            raise ConnectionError("Connection closed by server.")
        return False

    def put(self, reply):
        """A reply that no command has given: the next one that `next` returns."""
        self.inbox.append((False, reply))

    def next(self, bint decode):
        """(is it a push, the reply or message); `ready` has said that there is one."""
        cdef const char *p
        cdef bint push
        if self.inbox:
            return self.inbox.popleft()
        p = self.raw.ptr + self.at
        push = p[0] == c'>'
        try:
            return push, self.decoded(&p, decode)
        finally:
            self.at = p - self.raw.ptr

    def fileno(self):
        """A descriptor that becomes readable when something comes; `drain` empties it."""
        self.check()
        if self.sleeper is None:
            self.sleeper = Sleeper()
            acquire(self.owner.s)
            self.sleeper.attach(self.c)
            release(self.owner.s)
            _blocked.add(self.owner)
        return self.sleeper.fds[0]

    def drain(self):
        """Make the descriptor unreadable again."""
        waker_drain(self.sleeper.fds)

    def sleep(self, timeout):
        """Sleep until something comes, at most timeout seconds (None: for ever), or as long as the command waits.

        Runs signal handlers and raises what they raise."""
        cdef int ms = -1 if timeout is None else <int>min(max(timeout, 0) * 1000 + 0.999, 0x7FFFFFFF)
        cdef int own
        self.fileno()
        left = self.patience()
        if left is not None:
            own = <int>min(max(left, 0) * 1000 + 0.999, 0x7FFFFFFF)
            ms = own if ms < 0 or own < ms else ms
        if not self.ready():
            self.sleeper.sleep(ms)
            self.patience()

    def patience(self):
        """Seconds that its command still waits, None for ever or if none does; ends the wait when they are over."""
        cdef int64_t deadline
        self.check()
        acquire(self.owner.s)
        deadline = wait_of(self.c).deadline if self.c.wait != NULL else 0
        if deadline and wall_ms() >= deadline:
            wait_give_up(self.c, NULL)
            deadline = 0
        release(self.owner.s)
        return (deadline - wall_ms()) / 1000.0 if deadline else None

    def waits(self):
        """Whether its command waits for a key."""
        return self.c != NULL and self.c.wait != NULL

    def give_up(self):
        """End the wait of its command without a reply."""
        self.check()
        acquire(self.owner.s)
        wait_end(self.c)
        release(self.owner.s)


WAITING = object()                 # the reply of Link.call for a command that waits


cdef class Store:
    """A key-value store in this process: Redis's data, commands and expiry, without a server.

    Keyword arguments are options of a redis.conf with underscores for dashes, such as
    `Store(maxmemory="100mb", maxmemory_policy="allkeys-lru")`; `kvd serve --help` lists them.
    `decode_responses=True` returns str instead of bytes.

    Any number of stores live side by side; one that is dropped gives all its memory back. A store may
    be used from any number of threads, and by a forked child, which gets a copy of its own.

    Raises kvd.ConfigError for an unknown option or a bad value."""

    cdef store *s
    cdef session *c
    cdef server *v
    cdef bint decode
    cdef object janitor        # told when something is due before its next visit
    cdef object __weakref__
    cdef readonly object unix_path
    cdef object time_source    # called for the time before each command, or None (kvd.clock)
    cdef object made_clock
    cdef public object faults  # kvd.testing.Faults, or None

    def __cinit__(self, *, bint decode_responses=False, **options):
        cdef int64_t databases = 16
        if "databases" in options:
            try:
                databases = int(options["databases"])
            except (TypeError, ValueError):
                databases = 0
            if not 1 <= databases <= 16384:
                from kvd.errors import ConfigError
                raise ConfigError("databases: argument must be between 1 and 16384 inclusive")
        self.decode = decode_responses
        self.s = store_new(<int>databases)
        if self.s == NULL or not clients_init(self.s) or not figures_init(self.s):
            raise MemoryError()
        self.s.shared = FREE_THREADED
        self.s.wanted = NEVER
        self.s.on_deadline = want_tick
        fill_run_id(self.s)
        self.c = session_new(self.s, True)
        if self.c == NULL:
            raise MemoryError()
        self.c.proto = 3
        for name, value in options.items():
            self.configure(name.replace("_", "-"), value)

    def __dealloc__(self):
        if self.s == NULL:
            return
        if self.v != NULL:
            with nogil:
                server_stop(self.v)
            self.v = NULL
        runtime_release(self.s)
        clients_release(self.s)
        figures_release(self.s)
        store_delete(self.s)
        self.s = NULL

    def configure(self, str name, object value):
        """Set an option before or while the store is used, also one that CONFIG SET may not change.

        name: as in a redis.conf. value: str, int, float or bool. Raises kvd.ConfigError."""
        cdef buf why
        cdef bytes text, key = name.encode()
        cdef int id = option_find(view_of(key, len(key)))
        cdef bint ok
        if id < 0:
            from kvd.config import unknown_option
            raise unknown_option(name)
        text = (("yes" if value else "no") if isinstance(value, bool) else str(value)).encode()
        memset(&why, 0, sizeof(why))
        acquire(self.s)
        ok = config_set(&self.s.config, id, view_of(text, len(text)), &why) if id != OPT_DATABASES else True
        release(self.s)
        message = why.ptr[:why.len].decode() if why.len else ""
        buf_release(&why)
        if not ok:
            from kvd.errors import ConfigError
            raise ConfigError(f"{name}: {message}")

    def option(self, str name):
        """The value of an option as text, as CONFIG GET shows it. Raises kvd.ConfigError."""
        cdef buf out
        cdef bytes key = name.encode()
        cdef int id = option_find(view_of(key, len(key)))
        if id < 0:
            from kvd.config import unknown_option
            raise unknown_option(name)
        memset(&out, 0, sizeof(out))
        acquire(self.s)
        config_print(&self.s.config, id, &out)
        release(self.s)
        text = out.ptr[:out.len].decode()
        buf_release(&out)
        return text

    def set_config_path(self, str path):
        """Where CONFIG REWRITE writes; INFO shows it."""
        acquire(self.s)
        free(self.s.config_path)
        encoded = path.encode()
        self.s.config_path = strdup(encoded)
        release(self.s)

    @property
    def clock(self):
        """The store's clock: freeze and advance it, so that tests of deadlines need not sleep; see kvd.clock.Clock."""
        if self.made_clock is None:
            from kvd.clock import Clock

            self.made_clock = Clock(self)
        return self.made_clock

    def _set_clock(self, int mode, int64_t us, source=None):
        """mode: 0 the wall's, 1 us later than it, 2 frozen at us. source: called for the time (seconds) before each command."""
        acquire(self.s)
        self.s.clock_mode = mode
        self.s.clock_us = us
        self.s.window = 0              # the cheap clock measures anew
        self.s.mark = 0
        store_time(self.s)
        store_tick(self.s, 100000)     # what is due now goes now
        if self.s.ready:
            serve_ready(self.s)
        self.s.planned = store_next(self.s)
        release(self.s)
        self.time_source = source
        if self.s.planned != NEVER and self.v == NULL:
            self.s.wanted = self.s.planned
            self.plan()

    def _clock_us(self):
        """(mode, shift or frozen time, now), in microseconds."""
        return self.s.clock_mode, self.s.clock_us, store_wall_us(self.s)

    cdef int ask_time(self) except -1:
        """Before a command, when someone else says what time it is."""
        cdef int64_t us = <int64_t>(self.time_source() * 1e6)
        if us != self.s.clock_us or self.s.clock_mode != CLOCK_FROZEN:
            self._set_clock(CLOCK_FROZEN, us, self.time_source)
        return 0

    # -- running commands

    cdef object run(self, session *c, tuple args, bint decode):
        cdef view stack[STACK_ARGS]
        cdef view *argv = stack
        cdef Py_ssize_t i, n = len(args)
        cdef list keep = []
        cdef buf out
        cdef relaxing long_script
        cdef store *s = self.s
        if n == 0:
            raise TypeError("execute() needs a command")
        if self.time_source is not None:
            self.ask_time()
        if n > STACK_ARGS:
            argv = <view *>malloc(n * sizeof(view))
            if argv == NULL:
                raise MemoryError()
        try:
            for i in range(n):
                to_view(args[i], &argv[i], keep)
            acquire(s)
            if c.scripting:                    # a script of another thread lends the lock, not its session
                release(s)
                return self.run_beside(c.db, args, decode)
            store_time_cheap(s)
            begin_relaxed(c, &long_script, self)
            dispatch(c, argv, <int>n)
            end_relaxed(c, &long_script)
            if c.wait == NULL:
                out = c.out
                memset(&c.out, 0, sizeof(buf))
                session_account(c)
                release(s)
            else:
                out = self.blocked(c)
        finally:
            if argv != stack:
                free(argv)
        if s.wanted != NEVER:
            self.plan()
        try:
            if out.failed:
                raise MemoryError()
            return decode_reply(out.ptr, out.len, decode)
        finally:
            acquire(s)
            keep_buffer(c, &out)
            release(s)

    cdef object run_beside(self, int db, tuple args, bint decode):
        """The same in a session that is made for it."""
        cdef Session one = self.session()
        with one:
            one.c.db = db
            return self.run(one.c, args, decode)

    cdef buf blocked(self, session *c) except *:
        """The reply of a command that waits for a key. Called under the lock, returns without it.

        A session of its own waits in c's place, so that c can go on; other threads serve it."""
        cdef store *s = self.s
        cdef session *w = NULL
        cdef buf out
        cdef int64_t deadline = wait_of(c).deadline
        cdef Sleeper sleeper
        cdef bint held = True
        try:
            sleeper = Sleeper()
            w = session_new(s, True)
            if w == NULL:
                raise MemoryError()
            w.proto = c.proto
            w.db = c.db
            sleeper.attach(w)
            wait_move(c, w)
            _blocked.add(self)
            while w.wait != NULL:
                if deadline and wall_ms() >= deadline:
                    wait_give_up(w, NULL)
                    break
                release(s)
                held = False
                sleeper.sleep(ms_until(deadline))
                acquire(s)
                held = True
            out = w.out
            memset(&w.out, 0, sizeof(buf))
            return out
        finally:
            if not held:
                acquire(s)
            wait_end(c)
            if w != NULL:
                session_delete(w)
            release(s)

    cdef int feed(self, session *c, tuple args) except -1:
        """Runs a command, leaving its replies in c.out."""
        cdef view stack[STACK_ARGS]
        cdef view *argv = stack
        cdef Py_ssize_t i, n = len(args)
        cdef list keep = []
        cdef relaxing long_script
        if n == 0:
            raise TypeError("a command needs a name")
        if self.time_source is not None:
            self.ask_time()
        if n > STACK_ARGS:
            argv = <view *>malloc(n * sizeof(view))
            if argv == NULL:
                raise MemoryError()
        try:
            for i in range(n):
                to_view(args[i], &argv[i], keep)
            acquire(self.s)
            store_time_cheap(self.s)
            begin_relaxed(c, &long_script, self)
            dispatch(c, argv, <int>n)
            end_relaxed(c, &long_script)
            session_account(c)
            release(self.s)
        finally:
            if argv != stack:
                free(argv)
        if self.s.wanted != NEVER:
            self.plan()
        return 0

    def execute(self, *args):
        """Run any command: `store.execute("SET", "k", "v", "EX", 10)`.

        Arguments: bytes, str, int or float. Returns the reply in natural Python values, in RESP3's shapes
        (None, int, float, bytes, list, dict, set); simple strings such as OK as bytes; str instead of bytes with
        decode_responses. Raises kvd.ResponseError or a subclass for an error reply.

        SELECT, MULTI and WATCH act on the store's own session, which all callers of execute share; use
        `session()` for one of your own."""
        return self.run(self.c, args, self.decode)

    def session(self):
        """A new Session on this store."""
        cdef Session one = Session.__new__(Session)
        one.owner = self
        one.decode = self.decode
        acquire(self.s)
        one.c = session_new(self.s, True)
        if one.c != NULL:
            one.c.proto = 3
        release(self.s)
        if one.c == NULL:
            raise MemoryError()
        return one

    def _link(self, make_error):
        """A new Link. make_error: called with the text of an error reply, makes the exception."""
        cdef Link one = Link.__new__(Link)
        one.owner = self
        one.make_error = make_error
        one.inbox = deque()
        acquire(self.s)
        one.c = session_new(self.s, True)
        if one.c != NULL:
            one.c.wake = ring_nobody
            one.c.authenticated = config_text(&self.s.config, OPT_REQUIREPASS)[0] == 0
        release(self.s)
        if one.c == NULL:
            raise MemoryError()
        return one

    # -- background work

    cdef int plan(self) except -1:
        """A deadline was set that is sooner than what is planned."""
        self.s.planned = min(self.s.planned, self.s.wanted)
        self.s.wanted = NEVER
        if self.janitor is None:
            from kvd.janitor import Plan

            self.janitor = Plan(self)
        self.janitor(monotonic(self.s.planned))
        return 0

    def _expire(self, int64_t slice_us):
        """The janitor's call: a slice of background work. When the next is due, in microseconds, or None."""
        cdef int64_t next_ms
        if self.s == NULL or self.v != NULL:
            return None
        acquire(self.s)
        if self.s.busy != NULL:                # in the middle of a script nothing expires
            self.s.planned = wall_ms() + 100
        elif self.s.planned != NEVER:
            store_time(self.s)
            if self.s.planned <= self.s.now:
                store_tick(self.s, slice_us)
                self.s.planned = store_next(self.s)
        next_ms = self.s.planned
        release(self.s)
        return None if next_ms == NEVER else monotonic(next_ms)

    # -- fork

    cdef void fork_lock(self):
        """Under the lock, and not in the middle of a script that lends it to others."""
        acquire(self.s)
        while self.s.busy != NULL:
            release(self.s)
            with nogil:
                usleep(1000)
            acquire(self.s)

    cdef void fork_unlock(self):
        release(self.s)

    cdef void fork_unblock(self):
        """In the child: nobody is left who waits."""
        cdef session *one = clients_of(self.s).first
        while one != NULL:
            if one.in_process:
                wait_end(one)
            one = one.next

    cdef void fork_child(self):
        """The child's copy: private, without network threads."""
        pthread_mutex_init(&self.s.lock, NULL)
        self.s.locked = False
        if self.v != NULL:
            server_abandon(self.v)
            self.v = NULL
        self.s.shared = FREE_THREADED
        self.s.on_deadline = want_tick
        self.s.wanted = store_next(self.s)
        self.unix_path = None

    # -- strings

    cdef object get_plain(self, session *who, view key, bint decode):
        """GET, past the gate: the value, None, or WAITING (and nothing is counted) for a value of another type."""
        cdef char scratch[INT_TEXT]
        cdef view v
        cdef store *s = self.s
        cdef entry *e
        store_time_cheap(s)
        e = keyspace_read(s, &s.dbs[who.db], key, table_hash(key))
        if e != NULL and type_of(e) != STRING:
            s.stats.hits -= 1
            return WAITING
        figures_of(s).commands[GET.id].calls += 1
        s.stats.commands += 1
        if e == NULL:
            return None
        v = string_view(e, scratch)
        return text_of(v.ptr, v.len, decode)

    def get(self, name):
        """The value of a string key, or None. Raises kvd.WrongTypeError. O(1)."""
        cdef view key
        cdef store *s = self.s
        if not (s.shared or self.c.multi or clients_of(s).monitors or self.time_source is not None) and plain_view(name, &key):
            value = self.get_plain(self.c, key, self.decode)
            if value is not WAITING:
                return value
        return self.run(self.c, (b"GET", name), self.decode)

    cdef int set_plain(self, session *who, call *c, view k, view v) except -1:
        """SET without options, past the gate."""
        cdef store *s = self.s
        store_time_cheap(s)
        c.store = s
        c.session = who
        c.db = &s.dbs[who.db]
        c.command = SET
        c.out = &who.out
        c.proto = 3
        figures_of(s).commands[SET.id].calls += 1
        s.stats.commands += 1
        if not plain_set(c, k, v):
            who.out.len = 0
            raise MemoryError()
        if s.ready:
            serve_ready(s)             # who tracks the key hears of it
        if s.wanted != NEVER:
            self.plan()
        return 0

    def set(self, name, value, ex=None, px=None, nx=False, xx=False, keepttl=False, get=False, exat=None, pxat=None,
            ifeq=None, ifne=None, ifdeq=None, ifdne=None):
        """Set a string key, whatever it held before. O(1).

        ex, px: time to live in seconds, milliseconds (int or timedelta). exat, pxat: the moment it ends (int
        or datetime). nx, xx: only if the key does not, does exist. keepttl: keep the deadline it has. get:
        return the old value. ifeq, ifne, ifdeq, ifdne: only if value or digest is, is not the given one.

        Returns True, or None if a condition did not hold; with get, the old value or None."""
        cdef view k, v
        cdef call c
        cdef store *s = self.s
        if (ex is None and px is None and not nx and not xx and not keepttl and not get and exat is None and pxat is None
                and ifeq is None and ifne is None and ifdeq is None and ifdne is None
                and not s.shared and not self.c.multi and not clients_of(s).monitors and self.time_source is None and not over_limit(s)
                and plain_view(name, &k) and plain_view(value, &v)):
            self.set_plain(self.c, &c, k, v)
            return True
        args = [b"SET", name, value, *_times(ex, px, exat, pxat)]
        if keepttl:
            args.append(b"KEEPTTL")
        if nx:
            args.append(b"NX")
        if xx:
            args.append(b"XX")
        args += _operands(ifeq, ifne, ifdeq, ifdne)
        if get:
            return self.execute(*args, b"GET")
        return None if self.execute(*args) is None else True

    def mget(self, keys, *more):
        """Values of many keys, None for those that hold no string. O(N)."""
        return self.execute(b"MGET", *_flat(keys, more))

    def mset(self, mapping):
        """Set many keys at once; returns True. O(N)."""
        return _ok(self.execute(b"MSET", *_pairs(mapping)))

    def msetnx(self, mapping):
        """Set many keys if none of them exists; returns whether it did. O(N)."""
        return self.execute(b"MSETNX", *_pairs(mapping)) == 1

    def msetex(self, mapping, *, ex=None, px=None, exat=None, pxat=None, keepttl=False, nx=False, xx=False):
        """Set many keys with one time to live, all or none; returns whether it did. O(N)."""
        args = [b"MSETEX", len(mapping), *_pairs(mapping), *_times(ex, px, exat, pxat)]
        args += [word for word, on in ((b"KEEPTTL", keepttl), (b"NX", nx), (b"XX", xx)) if on]
        return self.execute(*args) == 1

    def getset(self, name, value):
        """Set a key and return the value it had, or None. O(1)."""
        return self.run(self.c, (b"GETSET", name, value,), self.decode)

    def getdel(self, name):
        """Return the value of a key and delete it. O(1)."""
        return self.run(self.c, (b"GETDEL", name,), self.decode)

    def getex(self, name, ex=None, px=None, exat=None, pxat=None, persist=False):
        """Return the value of a key and set (or with persist remove) its time to live. O(1)."""
        args = [b"GETEX", name, *_times(ex, px, exat, pxat)]
        if persist:
            args.append(b"PERSIST")
        return self.execute(*args)

    def setnx(self, name, value):
        """Set a key that does not exist; returns whether it did. O(1)."""
        return self.run(self.c, (b"SETNX", name, value,), self.decode) == 1

    def setex(self, name, time, value):
        """Set a key with a time to live in seconds (int or timedelta); returns True. O(1)."""
        return _ok(self.run(self.c, (b"SETEX", name, _seconds(time), value,), self.decode))

    def psetex(self, name, time_ms, value):
        """Set a key with a time to live in milliseconds (int or timedelta); returns True. O(1)."""
        return _ok(self.run(self.c, (b"PSETEX", name, _milliseconds(time_ms), value,), self.decode))

    def append(self, key, value):
        """Append to a key; returns the new length in bytes. Amortised O(1)."""
        return self.run(self.c, (b"APPEND", key, value,), self.decode)

    def strlen(self, name):
        """Length in bytes of a key's value, 0 without one. O(1)."""
        return self.run(self.c, (b"STRLEN", name,), self.decode)

    def getrange(self, key, start, end):
        """Bytes start to end, both included; negative positions count from the end. O(N) of the result."""
        return self.run(self.c, (b"GETRANGE", key, start, end,), self.decode)

    def substr(self, name, start, end=-1):
        """The same under its old name."""
        return self.run(self.c, (b"SUBSTR", name, start, end,), self.decode)

    def setrange(self, name, offset, value):
        """Overwrite from an offset on, padding with zero bytes; returns the new length. O(1)."""
        return self.run(self.c, (b"SETRANGE", name, offset, value,), self.decode)

    def incr(self, name, amount=1):
        """Add an integer to a key's value (0 if missing); returns the sum. O(1)."""
        return self.run(self.c, (b"INCRBY", name, amount,), self.decode)

    incrby = incr

    def decr(self, name, amount=1):
        """Subtract an integer from a key's value (0 if missing); returns the difference. O(1)."""
        return self.run(self.c, (b"DECRBY", name, amount,), self.decode)

    decrby = decr

    def incrbyfloat(self, name, amount=1.0):
        """Add a float to a key's value (0 if missing); returns the sum as float. O(1)."""
        return float(self.run(self.c, (b"INCRBYFLOAT", name, amount,), self.decode))

    def lcs(self, key1, key2, len=False, idx=False, minmatchlen=0, withmatchlen=False):
        """Longest common subsequence of two keys: the string, its length (len) or the ranges (idx). O(N*M)."""
        args = [b"LCS", key1, key2]
        if len:
            args.append(b"LEN")
        if idx:
            args.append(b"IDX")
        if minmatchlen:
            args += [b"MINMATCHLEN", minmatchlen]
        if withmatchlen:
            args.append(b"WITHMATCHLEN")
        return self.execute(*args)

    def digest(self, name):
        """XXH3 digest of a key's value as 16 hexadecimal characters, or None. O(N) of the value."""
        return self.run(self.c, (b"DIGEST", name,), self.decode)

    def delex(self, name, ifeq=None, ifne=None, ifdeq=None, ifdne=None):
        """Delete a key if its value or digest is, or is not, the given one; returns how many were deleted."""
        return self.execute(b"DELEX", name, *_operands(ifeq, ifne, ifdeq, ifdne))

    # -- keys

    def delete(self, *names):
        """Delete keys; returns how many existed. O(N)."""
        return self.execute(b"DEL", *names)

    def unlink(self, *names):
        """Delete keys, giving memory back in slices; returns how many existed. O(N)."""
        return self.execute(b"UNLINK", *names)

    def exists(self, *names):
        """How many of the keys exist; one named twice counts twice. O(N)."""
        return self.execute(b"EXISTS", *names)

    def touch(self, *names):
        """Mark keys as just accessed; returns how many exist. O(N)."""
        return self.execute(b"TOUCH", *names)

    def type(self, name):
        """Type of a key's value, as b"string" and so on, or b"none". O(1)."""
        return self.run(self.c, (b"TYPE", name,), self.decode)

    def expire(self, name, time, nx=False, xx=False, gt=False, lt=False):
        """Set the time to live in seconds (int or timedelta). Returns whether it did. O(1).

        nx, xx: only without, with a deadline. gt, lt: only if it becomes later, earlier."""
        return self.execute(b"EXPIRE", name, _seconds(time), *_conditions(nx, xx, gt, lt)) == 1

    def pexpire(self, name, time, nx=False, xx=False, gt=False, lt=False):
        """The same in milliseconds."""
        return self.execute(b"PEXPIRE", name, _milliseconds(time), *_conditions(nx, xx, gt, lt)) == 1

    def expireat(self, name, when, nx=False, xx=False, gt=False, lt=False):
        """Set the moment at which a key expires (seconds since 1970, or datetime). Returns whether it did. O(1)."""
        return self.execute(b"EXPIREAT", name, _moment(when, 1), *_conditions(nx, xx, gt, lt)) == 1

    def pexpireat(self, name, when, nx=False, xx=False, gt=False, lt=False):
        """The same in milliseconds since 1970."""
        return self.execute(b"PEXPIREAT", name, _moment(when, 1000), *_conditions(nx, xx, gt, lt)) == 1

    def ttl(self, name):
        """Seconds a key still lives; -1 without a deadline, -2 without the key. O(1)."""
        return self.run(self.c, (b"TTL", name,), self.decode)

    def pttl(self, name):
        """Milliseconds a key still lives; -1 without a deadline, -2 without the key. O(1)."""
        return self.run(self.c, (b"PTTL", name,), self.decode)

    def expiretime(self, name):
        """When a key expires, in seconds since 1970; -1 without a deadline, -2 without the key. O(1)."""
        return self.run(self.c, (b"EXPIRETIME", name,), self.decode)

    def pexpiretime(self, name):
        """When a key expires, in milliseconds since 1970; -1 without a deadline, -2 without the key. O(1)."""
        return self.run(self.c, (b"PEXPIRETIME", name,), self.decode)

    def persist(self, name):
        """Remove a key's deadline; returns whether it had one. O(1)."""
        return self.run(self.c, (b"PERSIST", name,), self.decode) == 1

    def rename(self, src, dst):
        """Give a key another name, overwriting what has it; returns True. Raises ResponseError without src. O(1)."""
        return _ok(self.run(self.c, (b"RENAME", src, dst,), self.decode))

    def renamenx(self, src, dst):
        """Give a key a name that is not taken; returns whether it did. O(1)."""
        return self.run(self.c, (b"RENAMENX", src, dst,), self.decode) == 1

    def copy(self, source, destination, destination_db=None, replace=False):
        """Copy value and deadline to another key; returns whether it did. O(N) of the value."""
        args = [b"COPY", source, destination]
        if destination_db is not None:
            args += [b"DB", destination_db]
        if replace:
            args.append(b"REPLACE")
        return self.execute(*args) == 1

    def move(self, name, db):
        """Move a key to another database that does not have it; returns whether it did. O(1)."""
        return self.run(self.c, (b"MOVE", name, db,), self.decode) == 1

    def swapdb(self, first, second):
        """Exchange the contents of two databases; returns True. O(1)."""
        return _ok(self.run(self.c, (b"SWAPDB", first, second,), self.decode))

    def dbsize(self):
        """How many keys the database has. O(1)."""
        return self.run(self.c, (b"DBSIZE",), self.decode)

    def flushdb(self, asynchronous=False):
        """Remove all keys of the database; returns True."""
        return _ok(self.run(self.c, (b"FLUSHDB", b"ASYNC" if asynchronous else b"SYNC",), self.decode))

    def flushall(self, asynchronous=False):
        """Remove all keys of all databases; returns True."""
        return _ok(self.run(self.c, (b"FLUSHALL", b"ASYNC" if asynchronous else b"SYNC",), self.decode))

    def keys(self, pattern="*"):
        """All keys that match a pattern. O(N): use scan_iter for large databases."""
        return self.run(self.c, (b"KEYS", pattern,), self.decode)

    def scan(self, cursor=0, match=None, count=None, _type=None):
        """A step of an iteration: (next cursor, keys); the cursor is 0 at the end."""
        args = [b"SCAN", cursor]
        if match is not None:
            args += [b"MATCH", match]
        if count is not None:
            args += [b"COUNT", count]
        if _type is not None:
            args += [b"TYPE", _type]
        cursor, found = self.execute(*args)
        return int(cursor), found

    def scan_iter(self, match=None, count=None, _type=None):
        """Iterate over keys; one that is there from beginning to end is seen, perhaps twice."""
        cursor = None
        while cursor != 0:
            cursor, found = self.scan(cursor or 0, match, count, _type)
            yield from found

    def randomkey(self):
        """A random key, or None. O(1)."""
        return self.run(self.c, (b"RANDOMKEY",), self.decode)

    def object(self, infotype, key):
        """OBJECT ENCODING, FREQ, IDLETIME or REFCOUNT of a key, or None."""
        return self.run(self.c, (b"OBJECT", infotype, key,), self.decode)

    # -- the store itself

    def ping(self):
        """True."""
        return self.run(self.c, (b"PING",), self.decode) is not None

    def select(self, index):
        """Change the database of the store's own session; returns True."""
        return _ok(self.run(self.c, (b"SELECT", index,), self.decode))

    def config_get(self, *patterns):
        """Options whose names match, as a dict."""
        return self.execute(b"CONFIG", b"GET", *(patterns or ("*",)))

    def config_set(self, name, value, *more):
        """Change options at run time; returns True."""
        return _ok(self.execute(b"CONFIG", b"SET", name, value, *more))

    def info(self, *sections):
        """INFO as a dict: numbers as int or float, `a=1,b=2` values as dicts."""
        text = self.run(self.c, (b"INFO", *sections), True)
        from kvd.config import parse_info
        return parse_info(text)

    def memory_usage(self, key, samples=None):
        """Bytes of memory that a key and its value occupy, or None."""
        return self.execute(b"MEMORY", b"USAGE", key, *(() if samples is None else (b"SAMPLES", samples)))

    @property
    def decode_responses(self):
        """Whether replies are str instead of bytes."""
        return bool(self.decode)

    @property
    def used_memory(self):
        """Bytes of memory the store occupies."""
        return store_memory(self.s)

    def __len__(self):
        return self.dbsize()

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name, value):
        self.set(name, value)

    def __delitem__(self, name):
        self.delete(name)

    def __contains__(self, name):
        return self.exists(name) == 1

    def __iter__(self):
        return self.scan_iter()

    def __repr__(self):
        return f"<kvd.Store keys={self.dbsize()} memory={self.used_memory}>"

    def __reduce__(self):
        raise TypeError("a Store cannot be pickled")

    # -- serving

    def serve(self, port=None, *, host="127.0.0.1", unix_path=None, threads=None, log=False):
        """Answer Redis clients on this data, from native threads in the background.

        port: TCP port; 0 for a free one, None for none unless there is no unix_path either (then a free
        one). host: address or list of addresses. unix_path: path of a unix socket. threads: network threads
        (io-threads). log: write the log that logfile and loglevel describe. Returns a Server.

        Raises kvd.ServerError if the port is taken or the path cannot be made."""
        return Server(self, port, host=host, unix_path=unix_path, threads=threads, log=log)

    cdef int start(self, hosts, port, unix_path, int threads, bint log) except -1:
        cdef server *v
        cdef bytes host, path
        cdef bint ok, optional
        cdef int number = -1 if port is None else port
        from kvd.errors import ServerError
        if self.v != NULL:
            raise ServerError("the store has a server already")
        v = server_new(self.s)
        if v == NULL:
            raise MemoryError()
        if log:
            self.s.on_log = log_to_configured
        for name in hosts if number >= 0 else ():
            optional = name.startswith("-")
            host = name.lstrip("-").encode()
            if not server_listen(v, host, number, optional):
                error = last_errno()
                server_stop(v)
                self.unserved()
                raise ServerError(error, f"Failed listening on port {number} (TCP), address {name}: {os.strerror(error)}")
        if unix_path:
            path = os.fsencode(unix_path)
            if not server_listen_unix(v, path, <int>cfg(&self.s.config, OPT_UNIXSOCKETPERM)):
                error = last_errno()
                server_stop(v)
                self.unserved()
                raise ServerError(error, f"Failed opening Unix socket: bind: {os.strerror(error)}")
            self.unix_path = os.fspath(unix_path)
        with nogil:
            ok = server_start(v, threads)
        if not ok:
            with nogil:
                server_stop(v)
            self.unserved()
            raise ServerError("a network thread could not be started")
        self.v = v
        _shared.add(self)
        return 0

    cdef int unserved(self) except -1:
        """There is no server (any more): the janitor takes over what has a deadline."""
        self.unix_path = None
        self.s.shared = True           # others may wait for the lock still
        self.s.on_deadline = want_tick
        self.s.planned = NEVER
        self.s.wanted = store_next(self.s)
        if self.s.wanted != NEVER:
            self.plan()
        return 0

    def _stop(self):
        cdef server *v = self.v
        if v != NULL:
            _shared.discard(self)
            with nogil:
                server_stop(v)
            self.v = NULL
            self.unserved()

    def _wait(self, int ms):
        """True when SHUTDOWN was asked for; returns after ms at the latest, or on a signal."""
        cdef sigset_t usual
        cdef server *v = self.v
        if v == NULL:
            return True
        hold_signals(&usual)           # as in Sleeper.sleep
        try:
            PyErr_CheckSignals()
            with nogil:
                server_wait(v, ms, &usual)
        finally:
            restore_signals(&usual)
        PyErr_CheckSignals()
        return v.stop_asked

    def _ask_stop(self):
        """What SHUTDOWN does: wait() returns True."""
        if self.v != NULL:
            self.s.on_shutdown(self.s)

    def _port(self):
        return self.v.port if self.v != NULL else 0

    def _log(self, str text, int level=2):
        """Write a line to the server's log."""
        cdef bytes line = text.encode()
        log_line(self.s, level, line)

    def _log_on(self):
        self.s.on_log = log_to_configured


cdef void keep_buffer(session *c, buf *out) noexcept:
    """Under the lock: gives the reply buffer back to the session, if it is small and there is none by now."""
    if c.out.ptr == NULL and out.cap <= 65536:
        out.len = 0
        out.failed = False
        c.out = out[0]
    else:
        buf_release(out)


cdef void fill_run_id(store *s):
    cdef bytes text = os.urandom(20).hex().encode()
    cdef int i
    for i in range(40):
        s.run_id[i] = text[i]
    s.run_id[40] = 0


def total_memory():
    """Bytes of memory that all stores of the process hold."""
    return mem_total()


class Server:
    """Network threads on a store, started when made and stopped by stop() or at the end of a `with` block.

    See Store.serve for the arguments."""

    def __init__(self, store=None, port=None, *, host="127.0.0.1", unix_path=None, threads=None, log=False):  # no-cython-lint
        import kvd
        self.store = kvd.Store() if store is None else store
        hosts = [host] if isinstance(host, str) else list(host)
        if port is None and unix_path is None:
            port = 0
        (<Store?>self.store).start(hosts, port, unix_path, threads or int(self.store.option("io-threads")), log)
        self.host = hosts[0].lstrip("-")

    @property
    def port(self):
        """The TCP port, 0 without one or after stop()."""
        return self.store._port()

    @property
    def unix_path(self):
        """Path of the unix socket, or None."""
        return self.store.unix_path

    @property
    def url(self):
        """URL for redis.from_url."""
        if self.port:
            host = "127.0.0.1" if self.host == "*" else "[::1]" if self.host == "::*" else self.host
            return f"redis://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}"
        return f"unix://{self.unix_path}"

    def stop(self):
        """Close all connections and end the threads; the store stays."""
        self.store._stop()

    def wait(self, timeout=None):
        """Block until SHUTDOWN is asked for, or timeout seconds have passed; True for SHUTDOWN. Ctrl-C ends it."""
        import time
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 3600 if until is None else until - time.monotonic()
            if left <= 0:
                return False
            if self.store._wait(int(min(left, 3600) * 1000)):
                return True

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def __repr__(self):
        return f"<kvd.Server {self.url}>" if self.port or self.unix_path else "<kvd.Server stopped>"


# ---- argument forms of redis-py ---------------------------------------------------------------------

def _ok(reply):
    return reply in (b"OK", "OK")


def _seconds(value):
    return int(value.total_seconds()) if hasattr(value, "total_seconds") else value


def _milliseconds(value):
    return int(value.total_seconds() * 1000) if hasattr(value, "total_seconds") else value


def _moment(value, scale):
    return int(value.timestamp() * scale) if hasattr(value, "timestamp") else value


def _operands(ifeq, ifne, ifdeq, ifdne):
    pairs = ((b"IFEQ", ifeq), (b"IFNE", ifne), (b"IFDEQ", ifdeq), (b"IFDNE", ifdne))
    return [part for pair in pairs if pair[1] is not None for part in pair]


def _times(ex, px, exat, pxat):
    args = []
    for word, value, convert, scale in ((b"EX", ex, _seconds, None), (b"PX", px, _milliseconds, None), (b"EXAT", exat, _moment, 1),
                                        (b"PXAT", pxat, _moment, 1000)):
        if value is not None:
            args += [word, convert(value) if scale is None else convert(value, scale)]
    return args


def _flat(keys, more):
    if isinstance(keys, (bytes, str, int, float, bytearray, memoryview)):
        return [keys, *more]
    return [*keys, *more]


def _pairs(mapping):
    flat = []
    for item in mapping.items():
        flat += item
    return flat


def _conditions(nx, xx, gt, lt):
    return [word for word, on in ((b"NX", nx), (b"XX", xx), (b"GT", gt), (b"LT", lt)) if on]
