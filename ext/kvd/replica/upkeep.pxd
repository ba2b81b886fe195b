"""The regular work, the options and the end of replication. See upkeep.pyx."""

from kvd.store.store cimport store

cdef void replication_tick(store *s) noexcept nogil        # in store_tick; sets the time of the next one
cdef void replication_options(store *s) noexcept nogil     # after CONFIG SET
cdef void replication_stop(store *s) noexcept nogil        # without the lock, before the store ends: threads are gone afterwards
cdef void replication_release(store *s) noexcept nogil     # after its sessions are deleted
cdef void replication_abandon(store *s) noexcept nogil     # in the child of a fork
