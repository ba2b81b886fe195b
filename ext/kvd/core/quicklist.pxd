"""A long sequence as a chain of listpacks. See quicklist.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef struct quicknode:
    quicknode *prev
    quicknode *next
    uint8_t *data              # a listpack, or its compressed bytes
    uint32_t count
    uint32_t bytes             # of the listpack
    uint32_t squeezed          # of the compressed form; 0: it is a listpack
    bint opened                # new, or decompressed for use: quicklist_settle processes it

cdef struct quicklist:
    heap *mem
    quicknode *head
    quicknode *tail
    size_t count
    size_t nodes
    size_t opened              # nodes that quicklist_settle has to process
    int64_t fill               # as list-max-listpack-size
    int64_t depth              # as list-compress-depth
    bint single                # its only node belongs to the caller and has no size limit (types/list.pyx)

cdef struct quickpos:          # an element; valid until the next change, unless stated otherwise
    quicknode *node
    uint8_t *p

cdef quicklist *quicklist_new(heap *h, int64_t fill, int64_t depth) noexcept nogil
cdef void quicklist_free(quicklist *q) noexcept nogil
cdef bint quicklist_adopt(quicklist *q, uint8_t *lp) noexcept nogil                    # appends a whole listpack; takes it over if True
cdef bint quicklist_push(quicklist *q, view v, bint front) noexcept nogil              # False: no memory
cdef bint quicklist_seek(quicklist *q, int64_t index, quickpos *at) noexcept nogil     # negative: from the end; False: out of range
cdef bint quicklist_next(quicklist *q, quickpos *at) noexcept nogil
cdef bint quicklist_prev(quicklist *q, quickpos *at) noexcept nogil
cdef bint quicklist_insert(quicklist *q, quickpos *at, view v, bint after) noexcept nogil
cdef bint quicklist_replace(quicklist *q, quickpos *at, view v) noexcept nogil
cdef bint quicklist_remove(quicklist *q, quickpos *at) noexcept nogil                  # moves to the next; False: it was the last
cdef void quicklist_cut(quicklist *q, int64_t start, size_t n) noexcept nogil          # removes n elements from index start >= 0
cdef void quicklist_settle(quicklist *q) noexcept nogil                               # after a command: compresses what should be
cdef bint quicklist_free_some(quicklist *q) noexcept nogil                            # frees a node; False: none is left
cdef size_t quicklist_bytes(quicklist *q) noexcept nogil
cdef bint quicklist_exceeds(int64_t fill, size_t bytes, size_t count) noexcept nogil    # more than a node may hold
cdef const char *quicklist_check(quicklist *q) noexcept nogil
