"""Session: a session of its own on a store, for those who want SELECT, MULTI, WATCH or SUBSCRIBE for themselves."""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.doors.lock cimport acquire, release
from kvd.doors.replies cimport decode_message
from kvd.doors.sleep cimport Sleeper, ms_until
from kvd.doors.store cimport Store
from kvd.session.session cimport session_account

from collections import deque


@cython.no_gc_clear                # its C session goes first, while the sleeper it points to is still there
cdef class Session:
    """A session of its own on a store: database, MULTI and WATCH state that no other caller shares.

    Made by `Store.session()`. Commands run one at a time; a session belongs to one thread at a time."""

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
        self.owner.perform(self.c, args, NULL, False)

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
                        self.inbox.append(decode_message(&p, self.decode))
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
            self.owner.close_session(self.c)
            self.c = NULL

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __dealloc__(self):
        if self.c != NULL and self.owner is not None and self.owner.s != NULL:
            self.owner.close_session(self.c)


def session_of(Store owner not None):
    """A new Session on a store."""
    cdef Session one = Session.__new__(Session)
    one.owner = owner
    one.decode = owner.decode
    one.c = owner.open_session(3)
    return one
