"""Changes of keys: every change passes here. See change.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.store.effects cimport consumer
from kvd.store.store cimport database, listener, store

cdef struct heard:             # who hears of changes, and how many were made
    listener *listeners
    consumer *consumers
    int64_t changes

cdef heard hush(store *s) noexcept nogil                            # from now on changes are neither told nor propagated
cdef void hush_end(store *s, heard before) noexcept nogil           # as before; what was changed meanwhile does not count
cdef void listen(store *s, listener *l) noexcept nogil              # calls it for all changes from now on, after those that listen already; *l stays the caller's
cdef void listen_stop(store *s, listener *l) noexcept nogil      # no effect if it is not registered
cdef void consume(store *s, consumer *one) noexcept nogil           # delivers the effects of all units from now on; *one stays the caller's
cdef void consume_stop(store *s, consumer *one) noexcept nogil
cdef void notify_opened(store *s, database *db, entry *e, uint64_t hash) noexcept nogil     # the slow path of change_open

cdef void key_changed(store *s, database *db, view key, int64_t n, int event_class, const char *event) noexcept nogil   # a command changed n elements of it
cdef void key_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil   # a further event of the same change
cdef void key_overwritten(store *s, database *db, view key, bint type_changed) noexcept nogil   # by a new value, before the event of the command
cdef void notify_field(store *s, database *db, view key, view field, const char *event) noexcept nogil     # the slow path of key_field
cdef void key_gone(store *s, database *db, view key, int event_class, const char *event) noexcept nogil    # the key expired or was evicted
cdef void field_gone(store *s, database *db, view key, view field) noexcept nogil                          # a field of a hash expired
cdef void fields_gone(store *s, database *db, view key) noexcept nogil                                     # after the last field_gone of a slice
cdef void database_replaced(store *s, database *db, database *other, int64_t n) noexcept nogil   # before a database is emptied (other NULL), or exchanged with other
cdef void others_changed(store *s, int64_t n) noexcept nogil        # n changes that are not of keys: function libraries, last ids of consumer groups
cdef void changes_are_saved(store *s, int64_t n) noexcept nogil     # a snapshot holds the first n of store.changes


cdef inline void change_open(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    """Before the first change of a key in a command, and before a key that does not exist (e NULL) is made.

    A running snapshot takes the key's pre-image here. Opening a key that is not changed afterwards is harmless."""
    if s.openers != NULL:
        notify_opened(s, db, e, hash)


cdef inline void key_field(store *s, database *db, view key, view field, const char *event) noexcept nogil:
    """A field of the hash that the next event of this name is about."""
    if s.listeners != NULL:
        notify_field(s, db, key, field, event)


cdef inline int64_t changes_made(store *s) noexcept nogil:
    """Elements changed, ever."""
    return s.changes


cdef inline int64_t changes_since_save(store *s) noexcept nogil:
    """Elements changed since the last save, as INFO's rdb_changes_since_last_save."""
    return s.changes - s.changes_saved
