"""A snapshot on its way to replicas. See transfer.pyx."""

from libc.stdint cimport int64_t

from kvd.replica.replication cimport replication
from kvd.store.store cimport store

cdef void transfer_begin_due(replication *r, int64_t now) noexcept nogil     # for the replicas that wait, when the time has come
cdef int64_t transfer_due_ms(replication *r, int64_t now) noexcept nogil     # when that is; NEVER: none waits
cdef void transfer_stop(replication *r) noexcept nogil                       # without the lock: ends it, and waits for that
cdef void transfer_abandon(replication *r) noexcept nogil                    # in the child of a fork, where the thread does not exist
