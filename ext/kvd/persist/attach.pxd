"""A store's append-only log begins and ends. See attach.pyx."""

from kvd.persist.journal cimport journal
from kvd.store.parts cimport PART_JOURNAL
from kvd.store.store cimport store

cdef journal *journal_start(store *s, char *error) noexcept nogil       # without the lock, while clients are refused: loads the folder of the configuration, and appends to it. NULL: error (ERROR_ROOM bytes)
cdef journal *journal_open(store *s, const char *path, int sync, bint lazy, char *error) noexcept nogil   # the same for a log in one file
cdef void journal_options(store *s) noexcept nogil                      # under the lock: after CONFIG SET
cdef void journal_tick(store *s) noexcept nogil                         # under the lock: begins what waits until no snapshot is being taken
cdef int journal_stop(store *s) noexcept nogil                          # without the lock: writes and syncs what there is, closes it. 0, or errno: the end may be lost
cdef void journal_abandon(store *s) noexcept nogil                      # in the child of a fork: the files are the parent's
