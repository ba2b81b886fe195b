"""Type and encoding of a value, packed in an entry's `kind`, and helpers for the types' files."""

from libc.stdint cimport int64_t, uint8_t

from kvd.core.entry cimport BOXED, entry, entry_new, entry_payload
from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef enum value_type:
    STRING = 0
    LIST = 1
    SET = 2
    ZSET = 3
    HASH = 4
    STREAM = 5
    ARRAY = 6
    TYPES = 7

cdef enum encoding:            # of strings; those of other types are in their own files
    RAW = 0
    INT = 1
    EMBSTR = 2

cdef struct packing:           # limits of packed encodings, from the configuration
    int64_t entries
    int64_t value              # bytes of the longest element
    int64_t integers           # of a set that holds only integers


cdef inline int type_of(entry *e) noexcept nogil:
    return e.kind & 15


cdef inline int encoding_of(entry *e) noexcept nogil:
    return e.kind >> 4


cdef inline uint8_t kind_of(int type, int encoding) noexcept nogil:
    return <uint8_t>(type | (encoding << 4))


cdef inline entry *boxed_new(heap *h, view key, int type, int encoding, void *payload) noexcept nogil:
    """An entry that refers to its value. NULL: no memory, or payload is NULL; payload stays the caller's."""
    cdef entry *e = entry_new(h, key, 0, BOXED) if payload != NULL else NULL
    if e != NULL:
        e.kind = kind_of(type, encoding)
        entry_payload(e)[0] = payload
    return e
