"""Sessions that wait for keys: BLPOP and its relatives. See waiters.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.entry cimport entry, entry_key
from kvd.core.view cimport view
from kvd.session.session cimport session
from kvd.core.tagged cimport tag_of, tagged_name
from kvd.store.parts cimport PART_WAITS
from kvd.store.store cimport database, store

cdef enum wait_null:           # the reply where nothing may wait, in EXEC and scripts; a waiter whose time is over gets an array
    NULL_ARRAY
    NULL_BULK

cdef struct wait_key:          # a key that is waited for
    entry *e                   # its entry in waits.keys
    uint64_t hash
    wait_link *first           # who came first is served first
    wait_link *last
    wait_key *next_ready
    bint ready
    bint held                  # is being served: stays, also without waiters
    uint32_t gone              # waiters that wake when the key goes

cdef struct wait_link:         # one waiter in the queue of one key
    waiter *w
    wait_key *key
    wait_link *prev
    wait_link *next

cdef struct waiter:
    session *who
    const void *command
    view *argv                 # own copy: the command is run again when a key is ready
    int argc
    int type                   # of value it can use
    bint on_gone               # also wakes when the key goes, or becomes another type
    uint64_t spent             # ticks that its runs have taken
    int64_t deadline           # wall ms; 0: none
    uint32_t heap_at           # its place in waits.heap + 1; 0: has none
    size_t bytes
    int links
    wait_link link[1]

cdef struct wanted:            # what a command waits for
    view *argv                 # the words with which it is run again
    int argc
    view *keys                 # the first key
    int count
    int step                   # words from one key to the next
    int type                   # of value it can use
    bint on_gone
    int null
    int64_t deadline           # ms by the store's clock; 0: none

cdef bint waits_init(store *s) noexcept nogil
cdef void waits_release(store *s) noexcept nogil
cdef size_t waits_count(store *s) noexcept nogil                  # sessions that wait
cdef size_t waits_keys(store *s, bint on_gone) noexcept nogil     # keys they wait for; on_gone: of those, with such a waiter
cdef bint wait_start(session *c, const void *command, wanted *what) noexcept nogil   # False: no memory
cdef void wait_end(session *c) noexcept nogil                     # no longer; nothing is replied
cdef void waits_touch(store *s, database *db, view key) noexcept nogil    # those that wait for the key look at it again
cdef wait_key *waits_ready(store *s) noexcept nogil               # takes the next key that has changed, or NULL
cdef void wait_forget(store *s, wait_key *k) noexcept nogil       # a key from waits_ready, if no session waits for it any more
cdef int64_t waits_next(store *s) noexcept nogil                  # when the soonest timed waiter's time is over; NEVER: none
cdef session *wait_overdue(store *s) noexcept nogil               # one whose time is over, or NULL
cdef void wait_move(session *c, session *other) noexcept nogil    # the other session waits in its place


cdef inline view wait_key_name(wait_key *k) noexcept nogil:
    return tagged_name(entry_key(k.e))


cdef inline int wait_key_db(wait_key *k) noexcept nogil:
    return tag_of(entry_key(k.e))


cdef inline waiter *wait_of(session *c) noexcept nogil:
    return <waiter *>c.wait
