"""Values to bytes and back. See values.pyx."""

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.persist.rdb.lengths cimport reader
from kvd.store.keyspace cimport store

cdef int value_save(buf *out, entry *e) noexcept nogil                       # form and value; the RDB version that reads it
cdef entry *value_load(store *s, view data, view key) noexcept nogil         # all of data is one value; NULL: it is broken, or no memory
cdef entry *value_read(reader *r, view key) noexcept nogil                   # form and value are the next to be read; NULL: r.bad, or no memory
cdef void value_form(int form, int type) noexcept                            # a form in which values of a type are read
