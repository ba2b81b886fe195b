"""Values to bytes and back, in the format of Redis's snapshots (RDB). See codec.pyx."""

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.store.keyspace cimport store

cdef enum:
    RDB_VERSION = 12           # the newest that is read

cdef int value_encode(buf *out, entry *e) noexcept nogil                                   # type and value; the RDB version that reads it
cdef entry *value_decode(store *s, view data, view key) noexcept nogil                    # all of data is one value; NULL: it is broken, or no memory
