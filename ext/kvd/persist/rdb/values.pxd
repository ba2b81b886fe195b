"""Serialization of values. See values.pyx."""

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.persist.rdb.lengths cimport reader
from kvd.store.keyspace cimport store

cdef int value_save(buf *out, entry *e) noexcept nogil                       # type byte and value; returns the RDB version that reads it
cdef entry *value_load(store *s, view data, view key) noexcept nogil         # data is exactly one value; NULL: it is broken, or no memory
cdef entry *value_read(reader *r, int form, view key) noexcept nogil         # what follows the type byte; NULL: r.bad, also without memory. A string has a timer if r.timed
cdef int form_type(int form) noexcept nogil                                  # the type of a form; -1: there is no such form
cdef void value_form(int form, int type) noexcept                            # registers a form of a type
