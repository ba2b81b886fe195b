"""The rewrite of the append-only log. See rewrite.pyx."""

from kvd.store.store cimport store

cdef bint journal_rewrite(store *s) noexcept nogil         # under the lock; False: it could not be started. Also without a log: then a base is written
cdef void rewrite_if_due(store *s) noexcept nogil          # under the lock, between two commands: it was scheduled, or the log has grown
