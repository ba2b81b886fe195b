"""Link: the session behind a connection of redis-py's whose server is a store in this process.

It speaks the protocol that HELLO chose, and nothing in it blocks or raises for an error reply. A command runs at once
(`call`, or `send` and later `next`); one that waits for a key leaves the link blocked, and its caller sleeps in `sleep` or
watches the descriptor.

Received messages are in three buffers, oldest first: `inbox`, decoded; `raw`, taken from the session, from `at` on; and the
session's own output. The descriptor is readable exactly while one of them is not empty, or the store has closed the
session: `settle` ensures that after every action of the link, and the session's `wake` signals it for actions of
others.

One thread may send while another receives, and any may close, as with a socket. While the GIL may be released, the session is
in use (`enter`, `leave`): closing it then only kills it, and the last `leave` deletes it.
"""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view
from kvd.doors.args cimport plain_view
from kvd.doors.fork cimport fork_waits
from kvd.doors.lock cimport FREE_THREADED, acquire, release
from kvd.doors.replies cimport AS_TEXT, KEPT_BUFFER, SETS_AS_LISTS, decode_value
from kvd.doors.session cimport Session
from kvd.doors.sleep cimport Sleeper
from kvd.doors.store cimport WAITS, Store
from kvd.run.after cimport end_wait
from kvd.session.clients cimport session_begin
from kvd.session.session cimport DOOR_LINK, REPLY_ON, is_listening, session, session_account, session_kill
from kvd.session.waiters cimport wait_end, wait_of

from collections import deque

from kvd.doors.store import WAITING


cdef void stay_asleep(session *c) noexcept nogil:
    """No thread waits; output stays in c.out."""


@cython.no_gc_clear                # its C session is freed first, while the sleeper it points to still exists
cdef class Link(Session):
    """A session for redis-py's connections: it speaks the protocol that HELLO chose, and nothing in it blocks or raises for
    an error reply. Made by `Store._link`. One thread receives at a time; others may send or close meanwhile."""

    cdef readonly object make_error    # the exception for the text of an error reply
    cdef buf spare                 # a reply buffer that is not in use
    cdef Sleeper sleeper           # with the descriptor, made on first use
    cdef object inbox              # replies and messages that are decoded but not yet received: (is it a push, what)
    cdef buf raw                   # taken from the session, not yet decoded from `at` on
    cdef size_t at
    cdef int users                 # calls that use the session at the moment
    cdef bint dying                # deleted when `users` becomes 0

    def __dealloc__(self):
        self.drop()                # other threads may signal the sleeper until the session is deleted
        buf_release(&self.raw)
        buf_release(&self.spare)

    cdef session *enter(self) except NULL:
        """The session, which stays until `leave`."""
        if self.c == NULL or self.dying:
            raise ConnectionError("the session is closed")
        self.users += 1
        return self.c

    cdef void leave(self) noexcept:
        self.users -= 1
        if self.dying and self.users == 0:
            self.drop()

    def close(self):
        """Close the session. Wakes waiting threads and tasks, which get an error."""
        if self.c == NULL or self.dying:
            return
        self.dying = True
        self.users += 1
        acquire(self.owner.s)
        session_kill(self.c)
        if self.sleeper is not None:
            self.sleeper.ring()        # permanently
        release(self.owner.s)
        self.leave()

    cdef object decoded(self, const char **p, bint decode):
        return decode_value(p, SETS_AS_LISTS | (AS_TEXT if decode else 0), self.make_error)

    def call(self, tuple args, bint decode):
        """Run a command at once: its reply (an exception for an error), or WAITING if it waits for a key.

        Raises TypeError for an argument that is neither bytes, str, int nor float, ConnectionError when closed."""
        cdef session *c = self.enter()
        cdef buf out = self.spare
        memset(&self.spare, 0, sizeof(buf))
        try:
            self.check_open()
            if self.owner.perform(c, args, &out, False) == WAITS:
                return WAITING
            return self.reply_in(&out, decode)
        finally:
            if self.spare.ptr == NULL and not FREE_THREADED and out.cap <= KEPT_BUFFER:
                out.len = 0
                out.failed = False
                self.spare = out
            else:
                buf_release(&out)
            self.settle()
            self.leave()

    cdef object reply_in(self, buf *out, bint decode):
        """The reply; messages before and after it are added to the inbox. None: there is none."""
        cdef const char *p = out.ptr
        cdef object reply = None
        if out.failed:
            raise MemoryError()
        while p < out.ptr + out.len:
            if p[0] == c'>':
                self.inbox.append((True, self.decoded(&p, decode)))
            else:
                reply = self.decoded(&p, decode)
        return reply

    def get(self, name, bint decode):
        """GET without encoding a reply: the value, None, or WAITING when `call` has to do it."""
        cdef view key
        if self.c == NULL or self.dying or not plain_view(name, &key):
            return WAITING
        self.users += 1
        value = self.owner.get_plain(self.c, key, decode)
        self.leave()
        return value

    def set(self, name, value):
        """SET without options, likewise: True, or WAITING when `call` has to do it."""
        cdef view k, v
        cdef bint done
        if self.c == NULL or self.dying or not plain_view(name, &k) or not plain_view(value, &v):
            return WAITING
        self.users += 1
        done = self.owner.set_plain(self.c, k, v)
        self.leave()
        return True if done else WAITING

    cdef int check_open(self) except -1:
        """Raise if the store has closed the session, as CLIENT KILL and QUIT do. Called before a command is sent."""
        if self.c.killed or self.c.closing:
            self.close()
            raise ConnectionError("Connection closed by server.")
        return 0

    cdef bint has_something(self) noexcept:
        """Under the lock: is there a reply, a message, or the end?"""
        return (self.at < self.raw.len or len(self.inbox) > 0 or self.c.out.len > 0 or self.c.killed or self.c.closing)

    cdef void settle(self) noexcept:
        """Makes the descriptor readable or not, as needed."""
        if self.sleeper is None or self.c == NULL or self.dying:
            return
        self.users += 1
        acquire(self.owner.s)
        if self.has_something():
            self.sleeper.ring()
        else:
            self.sleeper.silence()
        release(self.owner.s)
        self.leave()

    def send(self, tuple args):
        """Run a command; `next` returns its reply, in the order of all messages."""
        cdef session *c = self.enter()
        try:
            self.check_open()
            self.owner.perform(c, args, NULL, False)
            self.settle()
        finally:
            self.leave()

    def pending(self):
        """Whether `next` has something in inbox or raw; `ready` includes the session's output."""
        return self.at < self.raw.len or len(self.inbox) > 0

    def ready(self):
        """Whether `next` has something. Raises ConnectionError when the store has closed the session."""
        cdef session *c
        cdef bint killed
        if self.at < self.raw.len or self.inbox:
            return True
        c = self.enter()
        acquire(self.owner.s)
        killed = c.killed or c.closing
        if c.out.len:
            buf_release(&self.raw)
            self.raw = c.out
            self.at = 0
            memset(&c.out, 0, sizeof(buf))
            session_account(c)
        release(self.owner.s)
        self.leave()
        if self.at < self.raw.len:
            return True
        if killed:
            self.close()
            raise ConnectionError("Connection closed by server.")
        self.settle()
        return False

    def put(self, reply):
        """Adds a reply that no command has given; `next` returns it first."""
        self.inbox.append((False, reply))
        self.settle()

    def next(self, bint decode):
        """(is it a push, the reply or message). Raises RuntimeError if there is none, that is, if `ready` is false."""
        cdef const char *p
        cdef bint push
        if self.inbox:
            found = self.inbox.popleft()
            self.settle()
            return found
        if self.at >= self.raw.len and not self.ready():
            raise RuntimeError("there is nothing to receive")
        p = self.raw.ptr + self.at
        push = p[0] == c'>'
        try:
            return push, self.decoded(&p, decode)
        finally:
            self.at = p - self.raw.ptr
            if self.at >= self.raw.len:
                self.settle()

    def fileno(self):
        """A descriptor that is readable while there is something to receive: a reply, a message, or the end of the session."""
        cdef session *c
        if self.sleeper is None:
            c = self.enter()
            self.sleeper = Sleeper()
            acquire(self.owner.s)
            self.sleeper.attach(c)
            release(self.owner.s)
            fork_waits(self.owner)
            self.settle()
            self.leave()
        return self.sleeper.bell.fds[0]

    def sleep(self, timeout):
        """Sleep until there is something to read, at most timeout seconds (None: no limit), or as long as the command waits.

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
            if self.c != NULL and not self.dying:
                self.patience()

    def patience(self):
        """Seconds until its blocked command times out, None if there is no limit or no command; ends a wait that has timed out."""
        cdef int64_t deadline
        cdef session *c = self.enter()
        acquire(self.owner.s)
        deadline = wait_of(c).deadline if c.wait != NULL else 0
        if deadline and wall_ms() >= deadline:
            end_wait(c, NULL)
            deadline = 0
        release(self.owner.s)
        self.leave()
        return (deadline - wall_ms()) / 1000.0 if deadline else None

    def silent(self):
        """Whether its commands get no replies, and no messages come: CLIENT REPLY OFF or SKIP."""
        return self.c != NULL and self.c.reply != REPLY_ON and not is_listening(self.c)

    def waits(self):
        """Whether its command is blocked."""
        return self.c != NULL and self.c.wait != NULL

    def give_up(self):
        """Unblock its command without a reply."""
        cdef session *c = self.enter()
        acquire(self.owner.s)
        wait_end(c)
        release(self.owner.s)
        self.leave()


def link_of(Store owner not None, make_error):
    """A new Link on a store. make_error: called with the text of an error reply, makes the exception."""
    cdef Link one = Link.__new__(Link)
    one.owner = owner
    one.make_error = make_error
    one.inbox = deque()
    one.c = owner.open_session(2)
    acquire(owner.s)
    one.c.wake = stay_asleep
    one.c.door = DOOR_LINK
    session_begin(one.c, False)
    release(owner.s)
    return one
