"""The one door through which every change leaves: counter, WATCH, notifications. See change.pyx."""

from kvd.core.view cimport view
from kvd.store.keyspace cimport database, store

cdef void key_changed(store *s, database *db, view key, int event_class, const char *event) noexcept nogil
cdef void key_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil   # a second event of one change
cdef void key_gone(store *s, database *db, view key, int event_class, const char *event) noexcept nogil   # expired or evicted: no client's write
cdef bint watch_add(store *s, int db, view key, bint *flag) noexcept nogil   # *flag becomes True at a change
cdef void watch_remove(store *s, int db, view key, bint *flag) noexcept nogil
cdef void watches_of_flush(store *s, database *db) noexcept nogil
cdef void watches_of_database(store *s, int db, database *other) noexcept nogil   # its content becomes other's
cdef void watches_release(store *s) noexcept nogil
