"""The keyspace: lookup, insertion and removal of keys. See keyspace.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.store.store cimport database, store

cdef entry *keyspace_find(store *s, database *db, view key, uint64_t hash) noexcept nogil    # or NULL; drops it if expired
cdef bint keyspace_due(store *s, entry *e) noexcept nogil          # has the key expired, or a field of it?
cdef entry *keyspace_read(store *s, database *db, view key, uint64_t hash, bint touch) noexcept nogil   # the same; counts the hit or miss; touch: counts as an access
cdef void keyspace_met(store *s, database *db, view key, entry *e, bint touch) noexcept nogil   # the counting part of keyspace_read
cdef bint keyspace_insert(store *s, database *db, entry *e, uint64_t hash) noexcept nogil    # new key; False: no memory, e stays the caller's
cdef int keyspace_load(store *s, database *db, entry *e, uint64_t hash, bint replace) noexcept nogil   # into a database that is being loaded and is not the store's yet: no listener is told. 1: placed; 0: the key is there, and not to be replaced; -1: no memory
cdef void keyspace_replace(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil   # frees old; e takes over its timer if TIMED
cdef void keyspace_moved(store *s, database *db, entry *old, entry *e, uint64_t hash) noexcept nogil     # e is old at a new address
cdef void keyspace_remove(store *s, database *db, entry *e, uint64_t hash) noexcept nogil    # frees it
cdef entry *keyspace_take(store *s, database *db, entry *e, uint64_t hash) noexcept nogil    # removes it without freeing it, and cancels its timer
cdef entry *keyspace_set_deadline(store *s, database *db, entry *e, uint64_t hash, int64_t ms) noexcept nogil
cdef entry *keyspace_persist(store *s, database *db, entry *e, uint64_t hash) noexcept nogil
# the last two may move the entry: the new one, or NULL: no memory
cdef void keyspace_replan_fields(store *s, database *db, entry *e) noexcept nogil   # after deadlines of a hash's fields have changed
cdef bint keyspace_drop_fields(store *s, database *db, entry *e, uint64_t hash, int *budget) noexcept nogil   # fields past their deadline; True: the key is gone with them
cdef void keyspace_bury(store *s, table *keys) noexcept nogil          # frees the entries of a table that is no database's, in slices
cdef void keyspace_flush(store *s, database *db, bint later) noexcept nogil
cdef void keyspace_empty(store *s, database *db, bint later) noexcept nogil   # the same, but no listener is told: for a database that has been replaced, or not yet installed
cdef void keyspace_hand(store *s, database *to, database *source) noexcept nogil   # all keys; no listener is told. `to` has none, or nothing yet; source has none then
cdef void keyspace_swap(store *s, int a, int b) noexcept nogil
cdef size_t keyspace_expires(database *db) noexcept nogil          # keys with a deadline
cdef int64_t keyspace_average_ttl(store *s, database *db) noexcept nogil   # ms, estimated
cdef bint store_freeing(store *s, int64_t budget_us) noexcept nogil     # frees what was flushed; True: more to do
