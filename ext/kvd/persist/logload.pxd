"""Loading of a file of the append-only log. See logload.pyx."""

from kvd.store.store cimport store

cdef bint log_load(store *s, const char *path, bint is_last, bint held, char *error) noexcept nogil
# log_load: its commands are run. is_last: no file follows, so its end may be cut off. held: the caller holds the lock, which is kept. False: error (ERROR_ROOM bytes)
