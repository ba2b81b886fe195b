"""Active expiry, in slices. See expire.pyx."""

from libc.stdint cimport int64_t

from kvd.store.store cimport store

cdef bint expire_some(store *s, int64_t until_us) noexcept nogil   # True: more is due; until_us is monotonic
