"""Closes clients when all of them together hold too much memory (maxmemory-clients). See client_eviction.pyx."""

from kvd.session.session cimport clients, clients_of
from kvd.store.store cimport store

cdef void client_limit_applied(store *s) noexcept nogil       # after changes of options
cdef void close_largest(store *s) noexcept nogil


cdef inline void clients_evict(store *s) noexcept nogil:
    """Under the lock, after clients have reported their memory."""
    cdef clients *all = clients_of(s)
    if all.most_memory and all.memory > all.most_memory:
        close_largest(s)
