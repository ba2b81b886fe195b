"""The one door through which every change leaves: counter, WATCH, notifications. See change.pyx."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy

from kvd.core.view cimport view, view_of
from kvd.store.keyspace cimport database, store

cdef enum:
    DB_BYTES = 4               # of a database's number in front of a key

cdef void key_changed(store *s, database *db, view key, int event_class, const char *event) noexcept nogil
cdef void key_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil   # a second event of one change
cdef void key_gone(store *s, database *db, view key, int event_class, const char *event) noexcept nogil   # expired or evicted: no client's write
cdef bint watch_add(store *s, int db, view key, bint *flag) noexcept nogil   # *flag becomes True at a change
cdef void watch_remove(store *s, int db, view key, bint *flag) noexcept nogil
cdef void watches_of_flush(store *s, database *db) noexcept nogil
cdef void watches_of_database(store *s, int db, database *other) noexcept nogil   # its content becomes other's
cdef void watches_release(store *s) noexcept nogil

cdef view db_key(store *s, int db, view key, char *small, size_t room) noexcept nogil   # both in one, in `small` if it has room; ptr NULL: no memory
cdef void db_key_done(store *s, view k, char *small) noexcept nogil


cdef inline int db_key_number(view k) noexcept nogil:
    cdef int32_t n
    memcpy(&n, k.ptr, DB_BYTES)
    return n


cdef inline view db_key_name(view k) noexcept nogil:
    return view_of(k.ptr + DB_BYTES, k.len - DB_BYTES)
