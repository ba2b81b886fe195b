"""Publish and subscribe: which sessions listen to which channels. See channels.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.session.session cimport session
from kvd.store.parts cimport PART_CHANNELS
from kvd.store.store cimport listener, store

cdef enum channel_kind:
    CHANNEL
    PATTERN
    SHARD
    KINDS

cdef struct channel:           # or pattern; with at least one listener
    entry *e                   # its entry in channels.all
    uint64_t hash
    int kind
    subscription *first
    size_t count
    channel *prev              # of its kind
    channel *next

cdef struct subscription:
    session *who
    channel *to
    subscription *prev         # of the channel
    subscription *next
    entry *own                 # its entry in the session's table

cdef struct subscriptions_of:   # what a session listens to
    table own
    size_t counts[3]

cdef struct channels:
    listener listener          # while keyspace events are published
    buf fields                 # of hashes, that the next events are about; see note_field
    bint fields_told           # by an event: what is noted from now on is of the next command
    table all                  # kind and name -> channel
    channel *first[3]
    size_t counts[3]
    size_t listeners           # sessions with any subscription

cdef bint channels_init(store *s) noexcept nogil
cdef void channels_release(store *s) noexcept nogil                # all sessions are gone
cdef int subscribe(session *c, int kind, view name) noexcept nogil          # 1 new, 0 was subscribed, -1 no memory
cdef bint unsubscribe(session *c, int kind, view name) noexcept nogil
cdef void unsubscribe_all(session *c) noexcept nogil                        # without replies
cdef view any_subscription(session *c, int kind) noexcept nogil             # ptr NULL: none
cdef size_t subscriptions(session *c, int kind) noexcept nogil
cdef int64_t publish(store *s, int kind, view name, view message) noexcept nogil   # returns the number of receivers
cdef size_t listeners_of(store *s, int kind, view name) noexcept nogil
cdef view channel_name(channel *ch) noexcept nogil
cdef void events_published(store *s, bint on) noexcept nogil                 # keyspace events, from now on or no longer


cdef inline channels *channels_of(store *s) noexcept nogil:
    return <channels *>s.parts[<int>PART_CHANNELS]
