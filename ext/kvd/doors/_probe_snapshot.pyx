"""A snapshot in slices of the test's choice. Built in every form but release."""

from kvd.doors.store cimport Store
from kvd.persist.snapshot cimport (
    snapshot, snapshot_abandon, snapshot_delete, snapshot_give_up, snapshot_new, snapshot_new_commands, snapshot_some,
)


cdef class Snapshot:
    """Takes a snapshot of a store, as commands or as an RDB file. `some(n)` runs a slice of about n bytes; True at the end."""

    cdef Store owner
    cdef snapshot *w
    cdef readonly bint whole

    def __init__(self, Store owner not None, bint commands=False):
        self.owner = owner
        self.w = snapshot_new_commands(owner.s) if commands else snapshot_new(owner.s, False, 0)
        if self.w == NULL:
            raise RuntimeError("there is a snapshot already")

    def some(self, size_t n):
        if not self.whole:
            self.whole = snapshot_some(self.w, n)
        return bool(self.whole)

    def give_up(self):
        snapshot_give_up(self.w)

    def size(self):
        """Bytes written so far."""
        return self.w.out.len

    def file(self):
        """The bytes of the file, an RDB file with a checksum."""
        cdef bytes data = self.w.out.ptr[:self.w.out.len]
        if self.w.commands:
            return data
        return data[:5] + b"%04d" % self.w.version + data[9:] + b"\0" * 8

    def __dealloc__(self):
        if self.w != NULL:
            if self.whole:
                snapshot_delete(self.w)
            else:
                snapshot_abandon(self.w)
