"""Values to bytes and back, in the format of Redis's snapshots (RDB). See codec.pyx."""

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.store.store cimport store

cdef enum:
    RDB_VERSION = 12           # the newest that is read
    RDB_FUNCTION = 245         # a library of functions follows

cdef int value_encode(buf *out, entry *e) noexcept nogil                                   # type and value; the RDB version that reads it
cdef entry *value_decode(store *s, view data, view key) noexcept nogil                    # all of data is one value; NULL: it is broken, or no memory
cdef void string_encode(buf *out, view v) noexcept nogil                                  # with its length, perhaps compressed
cdef bint string_decode(view *data, buf *room, view *v) noexcept nogil                    # drops it from data; room may hold it; False: it is broken
