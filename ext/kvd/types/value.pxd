"""What a value is: its type and encoding, packed in an entry's `kind`. See value.pyx."""

from libc.stdint cimport int64_t, uint8_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef enum value_type:
    STRING = 0
    LIST = 1
    SET = 2
    ZSET = 3
    HASH = 4
    STREAM = 5
    TYPES = 6

cdef enum encoding:
    RAW = 0
    INT = 1
    EMBSTR = 2


cdef inline int type_of(entry *e) noexcept nogil:
    return e.kind & 15


cdef inline int encoding_of(entry *e) noexcept nogil:
    return e.kind >> 4


cdef inline uint8_t kind_of(int type, int encoding) noexcept nogil:
    return <uint8_t>(type | (encoding << 4))


cdef const char *type_name(int type) noexcept nogil            # as TYPE answers
cdef int type_named(view name) noexcept nogil                  # -1: no such type
cdef const char *encoding_name(entry *e) noexcept nogil        # as OBJECT ENCODING answers
cdef void value_free(heap *h, entry *e) noexcept nogil         # the value and its entry
cdef size_t value_bytes(entry *e) noexcept nogil               # memory of both
cdef entry *value_copy(heap *h, entry *e, view key) noexcept nogil   # same value, other key, no deadline; or NULL
cdef entry *value_reshape(heap *h, entry *e, view key, uint8_t timed) noexcept nogil   # moves e's value into an entry of that name, with or without timer; or NULL
# value_reshape: boxed contents belong to the new entry; the caller frees the old one with entry_free
