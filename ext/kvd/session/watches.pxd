"""WATCH: sessions whose next EXEC fails if a key changes before it. See watches.pyx."""

from kvd.core.view cimport view
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef bint watches_init(store *s) noexcept nogil
cdef void watches_release(store *s) noexcept nogil                 # no session watches any more
cdef bint watch(session *c, view key) noexcept nogil               # in its database; False: no memory
cdef void unwatch(session *c) noexcept nogil                       # all keys; c.touched is False after it
cdef void watch_expiry(session *c) noexcept nogil                  # drops watched keys that are expired, so that they count as changed
cdef size_t watched_keys(store *s) noexcept nogil
cdef size_t watched_bytes(store *s) noexcept nogil
