"""Background work of a store, in slices. See tick.pyx."""

from libc.stdint cimport int64_t

from kvd.store.store cimport store

cdef void store_tick(store *s, int64_t budget_us) noexcept nogil   # a slice of background work: freeing, expiry, eviction
cdef int64_t store_next(store *s) noexcept nogil                   # wall ms of the next background work; NEVER: none
