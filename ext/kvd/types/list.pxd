"""Lists: elements in insertion order. See list.pyx."""

from libc.stdint cimport int64_t, uint8_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.quicklist cimport quicklist, quicknode, quickpos
from kvd.core.view cimport view

cdef enum list_encoding:
    LIST_PACKED = 0            # one listpack
    LIST_CHAIN = 1             # quicklist

cdef struct list_shape:        # list-max-listpack-size and list-compress-depth
    int64_t fill
    int64_t depth

cdef struct list_access:       # a list between list_open and list_close
    entry *e
    heap *mem
    list_shape shape
    quicklist *q               # for quicklist functions
    quicklist single           # wraps a packed list
    quicknode node

cdef struct list_cursor:       # reads from the first element to the last
    quicknode *node            # the next one
    uint8_t *p                 # the next element
    uint8_t *unpacked          # what a compressed node held; owned
    bint failed                # no memory to decompress a node: the walk ended early
    char text[24]

cdef entry *list_new(heap *h, view key) noexcept nogil                        # empty; or NULL
cdef size_t list_len(entry *e) noexcept nogil
cdef void list_open(list_access *a, heap *h, entry *e, list_shape shape) noexcept nogil
cdef bint list_grow(list_access *a, size_t bytes, size_t count) noexcept nogil   # before that much is added; False: no memory
cdef void list_close(list_access *a) noexcept nogil                            # always, also after only reading
cdef void list_start(entry *e, list_cursor *c) noexcept nogil
cdef bint list_next(list_cursor *c, view *element) noexcept nogil            # False: it was the last; no changes meanwhile
cdef void list_end(list_cursor *c) noexcept nogil                              # always, also in the middle
cdef bint list_adopt(heap *h, entry *e, unsigned char *lp, list_shape shape) noexcept nogil   # appends a listpack, taking it over if True
cdef void list_repack(heap *h, entry *e, list_shape shape) noexcept nogil       # packs it again if it is small enough

cdef bint list_free_some(heap *h, entry *e, int *budget) noexcept nogil
cdef size_t list_parts(entry *e) noexcept nogil
cdef size_t list_bytes(entry *e, size_t samples) noexcept nogil
cdef bint list_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *list_encoding_name(entry *e) noexcept nogil
cdef const char *list_check(entry *e) noexcept nogil
