"""Entries in order of (score, key), countable from either end: an order-statistic B+ tree. See ranked.pyx."""

from libc.stdint cimport uint16_t, uint32_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef enum:
    LEAF = 64                  # entries of a leaf
    FAN = 32                   # children of a branch
    HEIGHT = 14                # more than any tree that fits into memory

cdef struct leaf:
    leaf *prev
    leaf *next
    uint32_t count
    double score[LEAF]
    entry *item[LEAF]

cdef struct branch:
    uint32_t count
    size_t below[FAN]          # entries under each child
    double score[FAN]          # the first entry under each child
    entry *item[FAN]
    void *child[FAN]

cdef struct ranked:
    heap *mem
    void *root                 # a leaf when height is 0; NULL when empty
    leaf *first
    leaf *last
    int height
    size_t count

cdef struct place:             # of one entry; `at.count` bounds `i`
    leaf *at
    uint32_t i

cdef void ranked_init(ranked *t, heap *h) noexcept nogil
cdef bint ranked_insert(ranked *t, double score, entry *e) noexcept nogil             # e is borrowed; False: no memory
cdef bint ranked_remove(ranked *t, double score, entry *e) noexcept nogil             # False: it is not in
cdef size_t ranked_before(ranked *t, double score, view key) noexcept nogil           # entries before (score, key)
cdef size_t ranked_below(ranked *t, double score, bint equal) noexcept nogil          # entries with a lower score, or an equal one too
cdef size_t ranked_lex_below(ranked *t, view key, bint equal) noexcept nogil          # by key alone; all scores are the same
cdef bint ranked_at(ranked *t, size_t rank, place *p) noexcept nogil                  # False: rank is beyond the end
cdef bint ranked_free_some(ranked *t) noexcept nogil                                  # frees one leaf; False: nothing is left
cdef size_t ranked_bytes(ranked *t) noexcept nogil
cdef const char *ranked_check(ranked *t) noexcept nogil                               # NULL, or what is broken


cdef inline bint place_next(place *p) noexcept nogil:
    p.i += 1
    if p.i == p.at.count:
        p.at = p.at.next
        p.i = 0
    return p.at != NULL


cdef inline bint place_prev(place *p) noexcept nogil:
    if p.i == 0:
        p.at = p.at.prev
        if p.at == NULL:
            return False
        p.i = p.at.count
    p.i -= 1
    return True
