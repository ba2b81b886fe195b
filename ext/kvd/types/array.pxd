"""Arrays: elements at 64-bit indexes, and a cursor of insertions. See array.pyx."""

from libc.stdint cimport uint64_t

from kvd.core.entry cimport entry, entry_payload
from kvd.core.mem cimport heap
from kvd.core.sparse cimport sparse
from kvd.core.view cimport view

cdef extern from * nogil:
    """
    #define KVD_NO_INDEX 0xffffffffffffffffull
    """
    uint64_t NO_INDEX "KVD_NO_INDEX"       # no element has this index; as `last`: nothing was inserted

cdef struct array:
    sparse elements
    uint64_t last              # the index at which ARINSERT and ARRING inserted last

cdef entry *array_new(heap *h, view key) noexcept nogil                       # empty; or NULL
cdef uint64_t array_len(entry *e) noexcept nogil                              # the highest index + 1
cdef bint array_next(array *a, uint64_t *index) noexcept nogil                # where the next insertion goes; False: indexes are used up
cdef void array_seek(array *a, uint64_t index) noexcept nogil                 # the next insertion goes there
cdef bint array_fit(array *a, uint64_t size) noexcept nogil                   # before insertions into a ring of this size; False: no memory, it is unchanged

cdef bint array_free_some(heap *h, entry *e, int *budget) noexcept nogil
cdef size_t array_parts(entry *e) noexcept nogil
cdef size_t array_bytes(entry *e, size_t samples) noexcept nogil
cdef bint array_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *array_encoding_name(entry *e) noexcept nogil
cdef const char *array_check(entry *e) noexcept nogil


cdef inline array *array_of(entry *e) noexcept nogil:
    return <array *>entry_payload(e)[0]
