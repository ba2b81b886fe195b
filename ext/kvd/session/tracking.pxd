"""Client-side caching: invalidation messages to sessions. See tracking.pyx."""

from libc.stdint cimport int64_t

from kvd.core.view cimport view
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef struct tracked_prefix:    # of CLIENT TRACKING BCAST
    char *text
    size_t len
    session **who
    size_t count
    size_t room
    tracked_prefix *next

cdef struct tracker:           # options of a session's tracking
    bint bcast
    bint optin
    bint optout
    bint noloop
    bint caching               # CLIENT CACHING applies to the next command
    bint broken                # the session that messages are redirected to no longer exists
    int64_t redirect           # its id; 0: none
    int prefixes

cdef bint tracking_init(store *s) noexcept nogil
cdef void tracking_release(store *s) noexcept nogil
cdef bint tracking_start(session *c, tracker *how) noexcept nogil           # or changes its options; False: no memory
cdef void tracking_stop(session *c) noexcept nogil
cdef bint tracking_prefix(session *c, view prefix) noexcept nogil           # False: no memory
cdef view tracking_overlap(session *c, view prefix) noexcept nogil          # a prefix of the session that begins with it, or the reverse; ptr NULL: none
cdef tracked_prefix *tracking_prefixes(store *s) noexcept nogil
cdef bint tracks_prefix(session *c, tracked_prefix *p) noexcept nogil
cdef void tracking_add(session *c, view key) noexcept nogil            # it has read the key
cdef void tracking_send(store *s) noexcept nogil                            # sends the invalidations collected since the last call
cdef void tracking_shrink(store *s) noexcept nogil                          # down to tracking-table-max-keys; dropped keys count as changed
cdef size_t tracking_count(store *s) noexcept nogil                         # sessions that track
cdef void tracking_totals(store *s, size_t *keys, size_t *items, size_t *prefixes) noexcept nogil


cdef inline tracker *tracker_of(session *c) noexcept nogil:
    return <tracker *>c.tracker
