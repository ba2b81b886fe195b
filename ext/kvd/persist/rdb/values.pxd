"""Serialization of values. See values.pyx."""

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.persist.rdb.lengths cimport reader
from kvd.store.keyspace cimport store

cdef int value_save(buf *out, entry *e) noexcept nogil                       # type byte and value; returns the RDB version that reads it
cdef entry *value_load(store *s, view data, view key) noexcept nogil         # data is exactly one value; NULL: it is broken, or no memory
cdef entry *value_read(reader *r, view key) noexcept nogil                   # reads type byte and value; NULL: r.bad, or no memory
cdef void value_form(int form, int type) noexcept                            # registers a form of a type
