"""The rewrite of the append-only log. See rewrite.pyx."""

from kvd.store.store cimport store

cdef bint journal_rewrite(store *s) noexcept nogil         # under the lock; False: it could not be started. Also without a log: then a base is written
cdef void log_is_stale(store *s, bint begins) noexcept nogil       # under the lock: the data set was replaced, which is no effect. The log is written anew, from now on (begins) or soon
cdef bint log_renew(store *s) noexcept nogil                       # without the lock: if it is stale, waits until it was written anew. False: that has failed
cdef void rewrite_if_due(store *s) noexcept nogil          # under the lock, between two commands: it was scheduled, or the log has grown
