"""Session: a session of its own on a store, for callers that want SELECT, MULTI and WATCH for themselves."""

cimport cython

from kvd.doors.store cimport Store


@cython.no_gc_clear                # its C session goes first, while the store is still there
cdef class Session:
    """A session of its own on a store: database, MULTI and WATCH state that no other caller shares.

    Made by `Store.session()`. Commands run one at a time; a session belongs to one thread at a time."""

    def execute(self, *args):
        """Run a command; see Store.execute."""
        if self.c == NULL:
            raise RuntimeError("the session is closed")
        return self.owner.run(self.c, args, self.decode)

    def close(self):
        """Forget the session; a transaction that is open is discarded."""
        if self.c != NULL:
            self.owner.close_session(self.c)
            self.c = NULL

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    cdef void drop(self) noexcept:
        if self.c != NULL and self.owner is not None and self.owner.s != NULL:
            self.owner.close_session(self.c)
            self.c = NULL

    def __dealloc__(self):
        self.drop()


def session_of(Store owner not None):
    """A new Session on a store."""
    cdef Session one = Session.__new__(Session)
    one.owner = owner
    one.decode = owner.decode
    one.c = owner.open_session(3)
    return one
