"""Blocked sessions: BLPOP and its relatives. See waiters.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.entry cimport entry, entry_key
from kvd.core.view cimport view
from kvd.session.session cimport session
from kvd.core.tagged cimport tag_of, tagged_name
from kvd.store.parts cimport PART_WAITS
from kvd.store.store cimport database, store

cdef enum wait_null:           # the reply in EXEC and scripts, where nothing waits; after a timeout the reply is an array
    NULL_ARRAY
    NULL_BULK

cdef struct wait_key:          # a key that sessions wait for
    entry *e                   # its entry in waits.keys
    uint64_t hash
    wait_link *first           # the longest waiting is served first
    wait_link *last
    wait_key *next_ready
    bint ready
    bint held                  # is being served: kept, also without waiters
    uint32_t gone              # waiters that also wake when the key is deleted
    uint32_t claims            # waiters for pending entries

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
    int type                   # of the value it needs
    bint on_gone               # also wakes when the key is deleted, or changes its type
    bint counts                # after its deadline it is run once more, and replies what there is
    bint goes_on               # also when its client leaves
    bint claims                # also wakes when entries of the stream become pending
    uint64_t spent             # ticks that its runs have taken
    int64_t deadline           # wall ms; 0: none
    int64_t recheck            # wall ms at which it is run again in any case; 0: never
    int64_t due                # the sooner of them, as far as others have to act on it; 0: nothing is due
    uint32_t heap_at           # its position in waits.heap + 1; 0: not in it
    size_t bytes
    int links
    wait_link link[1]

cdef struct wanted:            # what a command waits for
    view *argv                 # the words with which it is run again
    int argc
    view *keys                 # the first key
    int count
    int step                   # words from one key to the next
    int type                   # of the value it needs
    bint on_gone
    bint counts
    bint claims
    int null
    int64_t deadline           # ms by the store's clock; 0: none
    int64_t recheck            # the same

cdef bint waits_init(store *s) noexcept nogil
cdef void waits_release(store *s) noexcept nogil
cdef size_t waits_count(store *s) noexcept nogil                  # blocked sessions
cdef size_t waits_keys(store *s, bint on_gone) noexcept nogil     # keys they wait for; on_gone: of those, with such a waiter
cdef bint wait_start(session *c, const void *command, wanted *what) noexcept nogil   # False: no memory
cdef bint wait_renew(session *c, int64_t recheck) noexcept nogil  # by the store's clock, instead of its last one; False: no memory
cdef bint wait_late(session *c) noexcept nogil                    # has it reached its deadline, not only the time of its recheck?
cdef void wait_end(session *c) noexcept nogil                     # ends it without a reply
cdef void waits_touch(store *s, database *db, view key) noexcept nogil    # the sessions that wait for the key look at it again
cdef void waits_pending(store *s, database *db, view key) noexcept nogil  # the same, of those that wait for pending entries
cdef wait_key *waits_ready(store *s) noexcept nogil               # removes and returns the next key that has changed, or NULL
cdef void wait_forget(store *s, wait_key *k) noexcept nogil       # frees a key from waits_ready, if no session waits for it any more
cdef int64_t waits_next(store *s) noexcept nogil                  # the soonest timeout or recheck in the heap; NEVER: none
cdef session *wait_overdue(store *s) noexcept nogil               # one of which that has passed, or NULL
cdef void wait_move(session *c, session *other) noexcept nogil    # the other session waits instead


cdef inline view wait_key_name(wait_key *k) noexcept nogil:
    return tagged_name(entry_key(k.e))


cdef inline int wait_key_db(wait_key *k) noexcept nogil:
    return tag_of(entry_key(k.e))


cdef inline waiter *wait_of(session *c) noexcept nogil:
    return <waiter *>c.wait
