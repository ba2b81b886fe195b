"""What a value is: its type and encoding, packed in an entry's `kind`. See value.pyx."""

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
    TYPES = 6

cdef enum encoding:            # of strings; each other type's are in its own file
    RAW = 0
    INT = 1
    EMBSTR = 2

cdef struct packing:           # up to which size a value stays packed, as the configuration says
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


cdef const char *type_name(int type) noexcept nogil            # as TYPE answers
cdef int type_named(view name) noexcept nogil                  # -1: no such type
cdef const char *encoding_name(entry *e) noexcept nogil        # as OBJECT ENCODING answers
cdef void value_free(heap *h, entry *e) noexcept nogil         # the value and its entry
cdef bint value_free_some(heap *h, entry *e, int *budget) noexcept nogil   # a slice of that; True: all is gone, e too
cdef size_t value_parts(entry *e) noexcept nogil               # about how many allocations freeing it will touch
cdef size_t value_bytes(entry *e, size_t samples) noexcept nogil   # memory of both; large ones by so many samples, 0: all
cdef entry *value_copy(heap *h, entry *e, view key) noexcept nogil   # same value, other key, no deadline; or NULL
cdef entry *value_reshape(heap *h, entry *e, view key, uint8_t timed) noexcept nogil   # moves e's value into an entry of that name, with or without timer; or NULL
# value_reshape: boxed contents belong to the new entry; the caller frees the old one with entry_free
cdef const char *value_check(entry *e) noexcept nogil          # NULL, or what is broken
