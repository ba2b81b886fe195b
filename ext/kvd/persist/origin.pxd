"""Origins: the history of replication that a data set belongs to. See origin.pyx."""

from libc.stdint cimport int64_t

from kvd.store.store cimport store

cdef struct origin:
    char id[41]                # of the history; empty: there is none
    int64_t offset             # in its stream: all before it is in the data set
    int64_t db                 # of the last command of the stream; -1: not said

ctypedef void (*origin_asked)(store *s, origin *o) noexcept nogil
ctypedef void (*origin_begun)(store *s, const origin *o) noexcept nogil

cdef void origin_by(origin_asked ask, origin_begun begin) noexcept        # replication's two functions
cdef void origin_ask(store *s, origin *o) noexcept nogil                 # of the data set as it is; o.id stays empty if no history can be continued from it
cdef void origin_begin(store *s, const origin *o) noexcept nogil         # under the lock: the data set was loaded at start, with this origin, and clients are still refused
