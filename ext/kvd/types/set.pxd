"""Sets: members without order. See set.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from kvd.core.entry cimport entry, entry_payload
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.table cimport table, table_cursor
from kvd.core.view cimport view
from kvd.types.kind cimport packing

cdef enum set_encoding:
    SET_INTS = 0               # intset
    SET_PACKED = 1             # listpack
    SET_TABLE = 2

cdef struct set_cursor:
    entry *e
    uint8_t *p                 # packed: the next member
    uint32_t i                 # of integers
    table_cursor at
    char text[24]

ctypedef void (*member_visit)(view member, void *context) noexcept nogil

cdef entry *set_new(heap *h, view key) noexcept nogil                                 # empty; or NULL
cdef size_t set_len(entry *e) noexcept nogil
cdef bint set_has(entry *e, view member) noexcept nogil
cdef int set_add(heap *h, entry *e, view member, packing *limits) noexcept nogil      # 1 added, 0 was in, -1 no memory
cdef bint set_remove(heap *h, entry *e, view member) noexcept nogil
cdef void set_start(entry *e, set_cursor *c) noexcept nogil
cdef bint set_next(set_cursor *c, view *member) noexcept nogil                        # every member once; no changes meanwhile
cdef view set_random(entry *e, rng *r, char *scratch) noexcept nogil                  # of one that is not empty
cdef uint64_t set_scan(entry *e, uint64_t cursor, member_visit f, void *context) noexcept nogil
cdef bint set_adopt(heap *h, entry *e, uint8_t *lp, packing *limits) noexcept nogil   # lp, which is checked, becomes the content of an empty set; False: it may not be packed so, and stays the caller's
cdef bint set_adopt_ints(heap *h, entry *e, uint8_t *ints, packing *limits) noexcept nogil   # the same for an intset
cdef void set_expand(heap *h, entry *e, size_t members, packing *limits) noexcept nogil   # before this many are added; more than the packed limit make a table at once

cdef bint set_free_some(heap *h, entry *e, int *budget) noexcept nogil
cdef size_t set_parts(entry *e) noexcept nogil
cdef size_t set_bytes(entry *e, size_t samples) noexcept nogil
cdef bint set_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *set_encoding_name(entry *e) noexcept nogil
cdef const char *set_check(entry *e) noexcept nogil


cdef inline table *set_table_of(entry *e) noexcept nogil:
    """Of a set that is one."""
    return <table *>entry_payload(e)[0]
