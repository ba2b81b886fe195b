"""Strings at 64-bit indexes, most of which have none: a bitmapped radix tree. See sparse.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef enum:
    SPARSE_TEXT = 24           # room for the text of a word that is not a string of its own
    SPARSE_TWIG = 4096         # indexes of a twig

cdef struct sparse_leaf:       # of 64 indexes
    uint64_t bits              # those that have an element
    uint64_t at                # their words, in order of index; the room for words in the highest byte

cdef struct sparse_node:       # a twig of leaves, or a branch of nodes
    uint64_t bits              # children that exist
    uint64_t base              # the first index it covers; level and room in its lowest bits

cdef struct sparse:
    heap *mem
    sparse_node *root          # NULL when empty
    uint64_t count             # elements
    size_t bytes               # of all blocks
    size_t blocks
    size_t twigs
    size_t directory           # room for children of branches

cdef struct sparse_cursor:     # the array must not change between steps
    sparse *of
    uint64_t low               # the indexes that are still to be visited
    uint64_t high
    bint back                  # from high to low
    bint ended                 # beyond the current leaf
    uint64_t bits              # of the current leaf: elements that are still to be visited
    uint64_t base              # its first index
    sparse_leaf *leaf

cdef struct sparse_survey:     # twigs with more than a number of elements, and the others
    size_t dense
    size_t sparse
    size_t dense_count         # elements
    size_t dense_room          # room for elements
    size_t sparse_room

cdef void sparse_init(sparse *a, heap *h) noexcept nogil
cdef void sparse_release(sparse *a) noexcept nogil                            # frees all; it is empty then
cdef uint64_t sparse_get(sparse *a, uint64_t index) noexcept nogil            # the word of the element; 0: there is none
cdef int sparse_set(sparse *a, uint64_t index, view v) noexcept nogil         # 1 new, 0 replaced, -1 no memory: unchanged
cdef uint64_t sparse_delete(sparse *a, uint64_t low, uint64_t high) noexcept nogil   # all from low to high; returns how many there were
cdef uint64_t sparse_used(sparse *a, uint64_t low, uint64_t high) noexcept nogil     # the number of elements from low to high
cdef bint sparse_last(sparse *a, uint64_t *index) noexcept nogil              # the highest index of an element; False: there is none
cdef bint sparse_copy(sparse *to, sparse *a) noexcept nogil                   # to: empty; False: no memory, it stays so
cdef bint sparse_free_some(sparse *a) noexcept nogil                          # frees a leaf; False: nothing is left
cdef void sparse_look(sparse *a, uint64_t above, sparse_survey *s) noexcept nogil    # twigs with more than `above` elements are dense
cdef const char *sparse_check(sparse *a) noexcept nogil                       # NULL, or what is broken

cdef void sparse_start(sparse *a, sparse_cursor *c, uint64_t first, uint64_t last) noexcept nogil   # descending if first is above last
cdef bint sparse_next(sparse_cursor *c, uint64_t *index, uint64_t *word) noexcept nogil             # False: it was the last

cdef view sparse_view(uint64_t word, char *scratch) noexcept nogil            # its text; scratch: SPARSE_TEXT bytes
cdef bint sparse_int(uint64_t word, int64_t *n) noexcept nogil                # False: not held as an integer
