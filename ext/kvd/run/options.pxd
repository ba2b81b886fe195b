"""Applies changed options. See options.pyx."""

from kvd.store.store cimport store

cdef void options_applied(store *s, bint evict_now) noexcept nogil      # after store.config has changed
