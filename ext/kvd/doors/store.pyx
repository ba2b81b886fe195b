"""The engine of a Store: one session, and everything that runs commands in it.

A method of a Store runs a command without RESP input: arguments become views, `dispatch` runs the command in the store's own
session, the reply is decoded. Methods for commands are written in Python (kvd.methods); this module has `execute`, which they
call, and `get` and `set`, which without options skip the reply: they call the same functions as GET and SET.

A command that has to wait for a key does so in a session made for it (`wait_beside`), so that other threads can use the store
meanwhile. The janitor (kvd.janitor) does the background work of a store without a server.
"""

from libc.errno cimport EIO
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memset, strdup

from kvd.commands.strings cimport plain_set
from kvd.core.buf cimport buf_release
from kvd.core.clock cimport NEVER, mono_us, wall_ms
from kvd.core.entry cimport entry
from kvd.core.mem cimport mem_total
from kvd.core.table cimport table_hash
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view_of, view_str
from kvd.doors.args cimport STACK_ARGS, encoded_view, int_view, plain_view
from kvd.doors.fork cimport fork_locks, fork_waits
from kvd.doors.lock cimport FREE_THREADED, acquire, release
from kvd.doors.relax cimport relax, relaxed
from kvd.doors.replies cimport KEPT_BUFFER, decode_reply, text_of
from kvd.doors.sleep cimport Sleeper, ms_until
from kvd.persist.attach cimport journal_abandon, journal_options, journal_stop, journal_tick
from kvd.persist.journal cimport journal_flush, journal_is_strict, journal_of, journal_write
from kvd.persist.saves cimport saves_forget, saves_release, saves_tick, saves_wake
from kvd.replica.upkeep cimport (
    replication_abandon, replication_options, replication_release, replication_stop, replication_tick,
)
from kvd.run.accounts cimport accounts_release
from kvd.run.acl.declare cimport users_load
from kvd.run.acl.log cimport log_release
from kvd.run.acl.users cimport acl_init, acl_release
from kvd.run.after cimport after, end_wait, expire_waits
from kvd.run.call cimport call, call_init, command
from kvd.run.dispatch cimport dispatch
from kvd.run.figures cimport (
    HEADER_MAX, LARGE_REPLY, figure_fast, figure_logged, figures_init, figures_release, header_size, is_large_reply,
    may_be_large, weigh,
)
from kvd.run.large cimport (
    LARGE, USE_COPIED, USE_TAKEN, large_args, large_copy, large_lend, large_ready, large_reclaim, large_release,
    large_use, large_use_of,
)
from kvd.run.options cimport options_applied
from kvd.run.registry cimport command_named, freeze
from kvd.run.renames cimport renames_release
from kvd.script.interpreter cimport runtime_release
from kvd.server.server cimport server_abandon, server_release, server_stop
from kvd.session.clients cimport clients_init, clients_release, session_delete, session_new
from kvd.session.session cimport DOOR_LINK, DOOR_STORE, clients_of, is_plain, session_account, session_kill
from kvd.session.waiters cimport wait_end, wait_move, wait_of, waits_next
from kvd.store.clock cimport store_time, store_time_cheap, store_wall_us
from kvd.store.config cimport OPT_ACLFILE, OPT_DATABASES, OPT_SAVE, cfg, config_print, config_set, option_find
from kvd.store.keyspace cimport keyspace_find, keyspace_flush, keyspace_met
from kvd.store.lock cimport guard_init, usleep
from kvd.store.store cimport (
    CLOCK_FROZEN, CLOCK_SHIFTED, CLOCK_WALL, SPECIAL_CLOCK, SPECIAL_CLOSED, database, special_set, store_delete,
    store_memory, store_new,
)
from kvd.store.tick cimport store_next, store_tick
from kvd.types.kind cimport STRING, type_of
from kvd.types.string cimport string_view

import importlib
import os
from os.path import abspath, isdir
from types import GenericAlias


# command modules register their commands when imported
for _family in (
        "array_search", "arrays", "bits", "caching", "clients", "cluster", "configuration", "connection", "debug", "expiry", "geo", "hash_expiry",
        "hashes", "hash_imports", "hot_keys", "hyperloglog", "increx", "info", "introspection", "keys", "lcs", "list_moves", "lists", "monitoring", "process",
        "pubsub", "sets", "slot_stats", "sorting", "stream_groups", "stream_info", "stream_producers", "stream_reads", "streams", "string_edits",
        "strings", "transactions", "zset_pops", "zset_ranges", "zset_unions", "zsets",
):
    importlib.import_module(f"kvd.commands.{_family}")
importlib.import_module("kvd.persist.dumping")
importlib.import_module("kvd.persist.commands")
importlib.import_module("kvd.persist.reload")
importlib.import_module("kvd.commands.acl")
importlib.import_module("kvd.replica.commands")
importlib.import_module("kvd.replica.info")
importlib.import_module("kvd.replica.restart")
importlib.import_module("kvd.replica.migrate")
importlib.import_module("kvd.script.eval")
importlib.import_module("kvd.script.functions")
importlib.import_module("kvd.script.library_files")

cdef enum:
    DUE_NOW_US = 100000            # time limit for work that becomes due when a clock is set

freeze()

cdef const command *GET = command_named(view_str(b"get"))
cdef const command *SET = command_named(view_str(b"set"))

WALL, SHIFTED, FROZEN = CLOCK_WALL, CLOCK_SHIFTED, CLOCK_FROZEN     # modes of a store's clock (kvd.clock)
WAITING = object()             # no reply yet: the command is blocked, or has to be run by the slow path


cdef int64_t monotonic(int64_t wall):
    """Converts a wall time in ms to the janitor's clock, in us; 0: it has passed."""
    cdef int64_t left = wall - wall_ms()
    return mono_us() + left * 1000 if left > 0 else 0


cdef void want_tick(store *s, int64_t deadline) noexcept nogil:
    """An on_deadline for stores without a server: Store methods check it and inform the janitor."""
    s.wanted = min(deadline, s.wanted)


cdef void share(store *s) noexcept with gil:
    """Other threads can reach it from now on: forks have to take its lock."""
    fork_locks(<Forking>s.owner)


cdef void options_changed(store *s) noexcept nogil:
    saves_tick(s)
    journal_options(s)
    replication_options(s)
    replication_tick(s)
    if s.due != NEVER:
        saves_wake(s)


cdef void tick(store *s) noexcept nogil:
    saves_tick(s)
    journal_tick(s)
    replication_tick(s)


cdef int count_of_databases(object value) except -1:
    cdef int64_t n
    try:
        n = int(value)
    except (TypeError, ValueError):
        n = 0
    if not 1 <= n <= 16384:
        from kvd.errors import ConfigError
        raise ConfigError("databases: argument must be between 1 and 16384 inclusive")
    return <int>n


cdef class Store(Forking):
    """The engine of kvd.Store, which documents its arguments."""

    __class_getitem__ = classmethod(GenericAlias)

    def __cinit__(self, *args, **options):
        self.s = store_new(count_of_databases(options.get("databases", 16)))
        if self.s == NULL or not acl_init(self.s) or not clients_init(self.s) or not figures_init(self.s):
            raise MemoryError()
        self.s.guard.shared = FREE_THREADED
        self.s.on_deadline = want_tick
        self.s.on_share = share
        self.s.on_tick = tick
        self.s.on_options = options_changed
        self.s.owner = self.long_script.owner = <void *>self
        fill_run_id(self.s)
        self.c = self.open_session(3)
        self.c.door = DOOR_STORE

    def _begin(self, bint decode, dict options):
        """decode: str instead of bytes. options: as in configure, with underscores for dashes."""
        self.decode = decode
        for name, value in sorted(options.items(), key=lambda item: item[0] == "aclfile"):
            if name == "databases" and count_of_databases(value) != cfg(&self.s.config, OPT_DATABASES):
                from kvd.errors import ConfigError
                raise ConfigError("databases cannot change after creation: a subclass must pass it to __new__")
            self.configure(name.replace("_", "-"), value)

    def __dealloc__(self):
        cdef int error
        if self.s == NULL:
            return
        if self.v != NULL:
            with nogil:
                server_stop(self.v)
            server_release(self.v)
            self.v = NULL
        with nogil:
            replication_stop(self.s)
            error = journal_stop(self.s)
            saves_release(self.s)
        buf_release(&self.spare)
        runtime_release(self.s)
        clients_release(self.s)
        log_release(self.s)
        acl_release(self.s)
        replication_release(self.s)
        figures_release(self.s)
        accounts_release(self.s)
        renames_release(self.s)
        store_delete(self.s)
        self.s = NULL
        if error:                      # Python reports it (sys.unraisablehook)
            raise OSError(error, "the last writes of a store that was not closed could not be written to its file")

    def configure(self, str name, object value):
        """Set an option before or during the use of the store, including those that CONFIG SET may not change.

        name: as in redis.conf. value: str, int, float or bool. The users of an aclfile are loaded at once. Raises kvd.ConfigError."""
        cdef buf why
        cdef bytes text, key = name.encode()
        cdef int id = option_find(view_of(key, len(key)))
        cdef bint ok
        if id < 0:
            from kvd.config import unknown_option
            raise unknown_option(name)
        if name == "dir" and not isdir(str(value)):
            from kvd.errors import ConfigError
            raise ConfigError(f"dir: Can't chdir to '{value}': No such file or directory")
        if name == "dir" or (name == "aclfile" and value):
            value = abspath(str(value))        # the program may change its directory later
        text = (("yes" if value else "no") if isinstance(value, bool) else str(value)).encode("utf-8", "surrogateescape")
        memset(&why, 0, sizeof(why))
        acquire(self.s)
        ok = config_set(&self.s.config, id, view_of(text, len(text)), &why) if id != OPT_DATABASES else True
        if ok and id == OPT_ACLFILE and text:
            ok = users_load(self.s, text, &why)
        options_applied(self.s, False)
        if id == OPT_SAVE:
            tick(self.s)
            self.s.wanted = self.next_due()
        release(self.s)
        if self.s.wanted != NEVER:
            self.plan()
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
        text = out.ptr[:out.len].decode("utf-8", "surrogateescape")
        buf_release(&out)
        return text

    def set_config_path(self, str path):
        """Set the path that CONFIG REWRITE writes and INFO shows."""
        acquire(self.s)
        free(self.s.config_path)
        encoded = path.encode()
        self.s.config_path = strdup(encoded)
        release(self.s)

    @property
    def clock(self):
        """The store's clock. Freezing and advancing it lets tests of expiry run without sleeping; see kvd.clock.Clock."""
        if self.made_clock is None:
            from kvd.clock import Clock

            self.made_clock = Clock(self)
        return self.made_clock

    def _set_clock(self, int mode, int64_t us, source=None):
        """mode: WALL, SHIFTED (us later than the wall clock) or FROZEN (at us). source: called for the time (seconds) before each command."""
        acquire(self.s)
        self.s.clock.mode = mode
        self.s.clock.us = us
        self.s.clock.window = 0        # the cheap clock measures again
        self.s.clock.mark = 0
        special_set(&self.s.special, SPECIAL_CLOCK, source is not None)
        store_time(self.s)
        store_tick(self.s, DUE_NOW_US)
        after(self.s)
        self.s.planned = self.next_due()
        release(self.s)
        self.time_source = source
        if self.s.planned != NEVER and self.v == NULL:
            self.s.wanted = self.s.planned
            self.plan()

    def _clock_us(self):
        """(mode, shift or frozen time, now), in microseconds."""
        return self.s.clock.mode, self.s.clock.us, store_wall_us(self.s)

    cdef int ask_time(self) except -1:
        """Sets the clock from its source, before a command."""
        cdef int64_t us = <int64_t>(self.time_source() * 1e6)
        if us != self.s.clock.us or self.s.clock.mode != CLOCK_FROZEN:
            self._set_clock(CLOCK_FROZEN, us, self.time_source)
        return 0

    # -- running commands

    cdef int perform(self, session *c, tuple args, buf *reply, bint waits) except -1:
        """Runs a command, holding the lock once.

        reply: an empty buffer for the reply; NULL: it stays in c.out. waits: a command that has to wait for a key
        blocks this thread."""
        cdef int how = DONE
        cdef view stack[STACK_ARGS]
        cdef view *argv = stack
        cdef Py_ssize_t i, n = len(args)
        cdef char digits[STACK_ARGS][INT_TEXT]
        cdef list encoded = None                   # what the views point into
        cdef large_args large
        cdef size_t bytes_about
        cdef store *s = self.s
        if n == 0:
            raise TypeError("execute() needs a command")
        if self.closed or c.killed or (c.closing and c.door != DOOR_STORE):
            raise closed_error(self)
        if s.special & SPECIAL_CLOCK:
            self.ask_time()
        if n > STACK_ARGS:
            argv = <view *>malloc(n * sizeof(view))
            if argv == NULL:
                raise MemoryError()
        memset(&large, 0, sizeof(large))
        try:
            for i in range(n):
                if plain_view(args[i], &argv[i]) or (i < STACK_ARGS and int_view(args[i], &argv[i], digits[i])):
                    continue
                if encoded is None:
                    encoded = []
                encoded.append(encoded_view(args[i], &argv[i]))
            if memchr(argv[0].ptr, c' ', argv[0].len) != NULL:
                return self.perform(c, split_name(args), reply, waits)
            bytes_about = provide(c, argv, n, &large)
            acquire(s)
            if c.scripting:
                release(s)
                return ELSEWHERE
            if reply != NULL and c.out.ptr == NULL:
                c.out = reply[0]
                memset(reply, 0, sizeof(buf))
            store_time_cheap(s)
            large_lend(s, &large)
            c.request = 0
            if may_be_large(s, bytes_about):
                weigh(c, argv, <int>n)
            dispatch(c, argv, <int>n)
            large_reclaim(s, &large)
            if self.long_script.who == c:
                relaxed(c, &self.long_script)
            if c.wait != NULL and waits:
                reply[0] = self.wait_beside(c)     # which has released the lock
            else:
                if c.wait != NULL:
                    how = WAITS
                elif reply != NULL:
                    buf_release(reply)
                    reply[0] = c.out
                    memset(&c.out, 0, sizeof(buf))
                session_account(c)
                release(s)
        finally:
            large_release(&large)
            if argv != stack:
                free(argv)
        if s.unwritten:
            self.flush_log()
        if s.wanted != NEVER:
            self.plan()
        return how

    cdef int flush_log(self) except -1:
        """The effects of a command are written, and synced if so configured, before it returns. Raises OSError."""
        cdef bint ok = True
        cdef int error = EIO
        cdef bint strict
        acquire(self.s)
        strict = journal_is_strict(self.s)
        if not strict and journal_of(self.s) != NULL:      # only writing: the GIL is kept
            ok = journal_write(journal_of(self.s))
        release(self.s)
        if strict:
            with nogil:
                ok = journal_flush(self.s, False)
        if not ok:
            acquire(self.s)
            if journal_of(self.s) != NULL:
                error = journal_of(self.s).error
            release(self.s)
            raise OSError(error, "the write is in memory, but not in the log: " + os.strerror(error))
        return 0

    cdef object run(self, session *c, tuple args, bint decode):
        cdef buf reply = self.spare
        memset(&self.spare, 0, sizeof(buf))
        try:
            if self.perform(c, args, &reply, True) == ELSEWHERE:
                return self.run_beside(c.db, args, decode)
            if reply.failed:
                raise MemoryError()
            return decode_reply(reply.ptr, reply.len, decode)
        finally:
            if self.spare.ptr == NULL and reply.cap <= KEPT_BUFFER and not FREE_THREADED:
                reply.len = 0
                reply.failed = False
                self.spare = reply
            else:
                buf_release(&reply)

    cdef object run_beside(self, int db, tuple args, bint decode):
        """The same in a session made for it."""
        cdef session *one = self.open_session(3)
        try:
            one.db = db
            return self.run(one, args, decode)
        finally:
            self.close_session(one)

    cdef session *open_session(self, int proto) except NULL:
        cdef session *c
        if self.closed:
            raise closed_error(self)
        acquire(self.s)
        c = session_new(self.s, True)
        if c != NULL:
            c.proto = proto
            c.relaxed = &self.long_script
            c.relax = relax
            session_account(c)
        release(self.s)
        if c == NULL:
            raise MemoryError()
        return c

    cdef void close_session(self, session *c) noexcept:
        acquire(self.s)
        session_delete(c)
        release(self.s)

    cdef buf wait_beside(self, session *c) except *:
        """Waits for the reply of a blocked command. Called under the lock, returns without it.

        Another session waits instead of c, so that c can be used; other threads serve it."""
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
            fork_waits(self)
            while w.wait != NULL and not w.killed:
                if deadline and wall_ms() >= deadline:
                    end_wait(w, NULL)
                    break
                release(s)
                held = False
                if s.wanted != NEVER:
                    self.plan()                    # it may have to be run again at some time
                sleeper.sleep(ms_until(deadline))
                acquire(s)
                held = True
                sleeper.silence()
            if w.wait != NULL and w.killed:
                raise closed_error(self)
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

    def execute(self, *args):
        """Run any command: `store.execute("SET", "k", "v", "EX", 10)`.

        Arguments: bytes, str, int or float. Returns the reply in natural Python values, in RESP3's shapes
        (None, int, float, bytes, list, dict, set); simple strings such as OK as bytes; str instead of bytes with
        decode_responses. Raises kvd.ResponseError or a subclass for an error reply.

        SELECT, MULTI and WATCH act on the store's own session, which all callers of execute share; use
        `session()` for a separate one."""
        return self.run(self.c, args, self.decode)

    # -- background work

    cdef int plan(self) except -1:
        """A deadline was set that is before the planned work."""
        self.s.planned = min(self.s.planned, self.s.wanted)
        self.s.wanted = NEVER
        if self.janitor is None:
            from kvd.janitor import Plan

            self.janitor = Plan(self)
        self.janitor(monotonic(self.s.planned))
        return 0

    cdef int64_t next_due(self):
        """Wall ms of the next background work: expiry, freeing, and links whose command times out."""
        return min(store_next(self.s), waits_next(self.s))

    def _expire(self, int64_t slice_us):
        """Called by the janitor: a slice of background work. Returns the time of the next, in microseconds, or None."""
        cdef int64_t next_ms
        if self.s == NULL or self.v != NULL:
            return None
        acquire(self.s)
        if clients_of(self.s).busy != NULL:                # nothing expires while a script runs
            self.s.planned = wall_ms() + 100
        elif self.s.planned != NEVER:
            store_time(self.s)
            if self.s.planned <= self.s.now or self.s.due <= wall_ms():
                store_tick(self.s, slice_us)
            expire_waits(self.s)
            after(self.s)
            self.s.planned = self.next_due()
        next_ms = self.s.planned
        release(self.s)
        return None if next_ms == NEVER else monotonic(next_ms)

    cdef int unserved(self) except -1:
        """Called when there is no server (any more): the janitor takes over the background work."""
        self.unix_path = None
        self.s.guard.shared = True           # others may still wait for the lock
        self.s.on_deadline = want_tick
        self.s.planned = NEVER
        self.s.wanted = self.next_due()
        if self.s.wanted != NEVER:
            self.plan()
        return 0

    # -- the end

    def _cut_links(self):
        """Close the connections of all clients in this process; wakes waiting threads and tasks."""
        cdef session *one
        acquire(self.s)
        one = clients_of(self.s).first
        while one != NULL:
            if one.door == DOOR_LINK:
                session_kill(one)
            one = one.next
        release(self.s)

    def _end(self):
        """Closes all sessions and frees the memory; no command runs afterwards."""
        cdef session *one
        cdef int i
        if self.closed:
            return
        self.closed = True
        self.acquire_idle()
        special_set(&self.s.special, SPECIAL_CLOSED, True)     # so that get and set take the slow path, which checks it
        one = clients_of(self.s).first
        while one != NULL:
            if one != self.c:
                session_kill(one)
            one = one.next
        for i in range(<int>cfg(&self.s.config, OPT_DATABASES)):
            keyspace_flush(self.s, &self.s.dbs[i], False)
        release(self.s)

    # -- fork

    cdef void before_fork(self):
        self.acquire_idle()

    cdef void acquire_idle(self):
        """Takes the lock, but not during a script that lends it to others."""
        acquire(self.s)
        while clients_of(self.s).busy != NULL:
            release(self.s)
            with nogil:
                usleep(1000)
            acquire(self.s)

    cdef void after_fork_parent(self):
        release(self.s)

    cdef void forget_waits(self):
        cdef session *one = clients_of(self.s).first
        while one != NULL:
            if one.in_process:
                wait_end(one)
            one = one.next

    cdef void after_fork_child(self):
        """Makes the child's copy private, without network threads."""
        guard_init(&self.s.guard)
        self.s.on_tick = self.s.on_options = NULL      # the files are the parent's
        replication_abandon(self.s)
        saves_forget(self.s)
        journal_abandon(self.s)
        if self.v != NULL:
            server_abandon(self.v)
            server_release(self.v)
            self.v = NULL
        self.s.guard.shared = FREE_THREADED
        self.s.on_deadline = want_tick
        self.s.wanted = store_next(self.s)
        self.unix_path = None

    # -- strings

    cdef object get_plain(self, session *who, view key, bint decode):
        """GET as a fast path: skips the gate and does not encode a reply.

        Bytes and str are created under the lock: creating them runs no other Python code."""
        cdef char scratch[INT_TEXT]
        cdef view v
        cdef store *s = self.s
        cdef database *db = &s.dbs[who.db]
        cdef entry *e
        cdef uint64_t begun
        cdef object value = WAITING
        if key.len >= LARGE:
            return WAITING
        acquire(s)
        if is_plain(who):
            begun = store_time_cheap(s)
            e = keyspace_find(s, db, key, table_hash(key))
            if e == NULL or type_of(e) == STRING:
                keyspace_met(s, db, key, e, True)
                value = None
                if e != NULL:
                    v = string_view(e, scratch)
                    value = text_of(v.ptr, v.len, decode)
                    if is_large_reply(s, v.len):
                        log_large(who, key, v.len)
                figure_fast(s, GET.id, begun)
        release(s)
        return value

    def get(self, name):
        """Return the value of a string key, or None. Raises kvd.WrongTypeError. O(1)."""
        cdef view key
        cdef object value
        if plain_view(name, &key):
            value = self.get_plain(self.c, key, self.decode)
            if value is not WAITING:
                return value
        return self.run(self.c, (b"GET", name), self.decode)

    cdef bint set_plain(self, session *who, view k, view v) except -1:
        """SET without options, likewise."""
        cdef store *s = self.s
        cdef call c
        cdef uint64_t begun
        cdef bint ok = False
        if k.len + v.len >= LARGE:
            return False
        acquire(s)
        if is_plain(who):
            begun = store_time_cheap(s)
            call_init(&c, who)
            c.command = SET
            ok = plain_set(&c, k, v)
            who.out.len = c.reply_at           # drops the out-of-memory error; the slow path produces it again
            after(s)
            figure_fast(s, SET.id, begun)
        release(s)
        if ok and s.wanted != NEVER:
            self.plan()
        return ok

    def set(self, name, value, ex=None, px=None, nx=False, xx=False, keepttl=False, get=False, exat=None, pxat=None,
            ifeq=None, ifne=None, ifdeq=None, ifdne=None):
        """Set the value of a string key, whatever its previous type. O(1).

        ex, px: time to live in seconds, milliseconds (int or timedelta). exat, pxat: the time at which it expires (int
        or datetime). nx, xx: only if the key does not exist, exists. keepttl: keep the deadline. get: return the
        previous value. ifeq, ifne, ifdeq, ifdne: only if the value or digest equals, or does not equal, the given one.

        Returns True, or None if a condition did not hold; with get, the previous value or None."""
        cdef view k, v
        if (ex is None and px is None and not nx and not xx and not keepttl and not get and exat is None and pxat is None
                and ifeq is None and ifne is None and ifdeq is None and ifdne is None
                and plain_view(name, &k) and plain_view(value, &v) and self.set_plain(self.c, k, v)):
            return True
        return self._set_with_options(name, value, ex, px, nx, xx, keepttl, get, exat, pxat, ifeq, ifne, ifdeq, ifdne)

    @property
    def _db(self):
        """The database of the store's own session."""
        return self.c.db

    @property
    def decode_responses(self):
        """Whether replies are str instead of bytes."""
        return bool(self.decode)

    @property
    def used_memory(self):
        """The memory used by the store, in bytes."""
        return store_memory(self.s)

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name, value):
        self.set(name, value)


cdef size_t provide(session *c, view *argv, Py_ssize_t n, large_args *large) noexcept:
    """Provides memory for the large arguments of a command that is about to run; returns a size that its request does not exceed."""
    cdef size_t size = argv[0].len + HEADER_MAX * (n + 1)
    cdef Py_ssize_t i
    cdef large_use use
    for i in range(1, n):
        size += argv[i].len
        if argv[i].len < LARGE:
            continue
        use = large_use_of(c, argv[0], argv[i].len)
        with nogil:
            if use == USE_COPIED:
                large_ready(large, argv[i].len)
            elif use == USE_TAKEN and large.offer.base == NULL:
                large_copy(large, &argv[i])
    return size


cdef void log_large(session *who, view key, size_t n) noexcept nogil:
    """After a fast GET that returns n bytes."""
    cdef view argv[2]
    cdef call c
    argv[0] = view_of(b"GET", 3)
    argv[1] = key
    call_init(&c, who)
    c.command = GET
    c.argv = argv
    c.argc = 2
    figure_logged(&c, LARGE_REPLY, header_size(n) + n + 2)


cdef object closed_error(Store owner):
    from kvd.errors import ClosedError
    return ClosedError("the store is closed" if owner.closed else "the session was closed, by CLIENT KILL or QUIT")


cdef tuple split_name(tuple args):
    """Splits command names of several words: "CONFIG GET", as redis-py passes them."""
    name = args[0].decode() if isinstance(args[0], bytes) else args[0]
    if not isinstance(name, str):
        return args
    return (*name.split(), *args[1:])


cdef void fill_run_id(store *s):
    cdef bytes text = os.urandom(20).hex().encode()
    cdef int i
    for i in range(40):
        s.run_id[i] = text[i]
    s.run_id[40] = 0


def total_memory():
    """Return the memory used by all stores of the process, in bytes."""
    return mem_total()
