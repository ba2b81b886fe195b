"""Session: a separate session of a store, with its own SELECT, MULTI and WATCH state."""

cimport cython

from kvd.doors.store cimport Store


@cython.no_gc_clear                # its C session is freed first, while the store still exists
cdef class Session:
    """A separate session of a store, with its own database, MULTI and WATCH state.

    `Store.session()` makes it. It runs one command at a time and may be used by one thread at a time.
    """

    def execute(self, *args):
        """Run a command; see Store.execute."""
        if self.c == NULL:
            raise RuntimeError("the session is closed")
        return self.owner.run(self.c, args, self.decode)

    def close(self):
        """End the session; an open transaction is discarded."""
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
    """Return a new Session of a store."""
    cdef Session one = Session.__new__(Session)
    one.owner = owner
    one.decode = owner.decode
    one.c = owner.open_session(3)
    return one
