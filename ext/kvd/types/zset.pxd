"""Sorted sets: members in order of score, then of bytes. See zset.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.ranked cimport place
from kvd.core.view cimport view
from kvd.types.kind cimport packing

cdef enum zset_encoding:
    ZSET_PACKED = 0            # listpack of member, score, member, score
    ZSET_TREE = 1              # table and ranked tree; shown as skiplist

cdef struct zset_cursor:
    entry *e
    uint8_t *p                 # packed: the current member
    place at
    char text[24]

ctypedef void (*scored_visit)(view member, double score, void *context) noexcept nogil

cdef entry *zset_new(heap *h, view key) noexcept nogil                                # empty; or NULL
cdef size_t zset_len(entry *e) noexcept nogil
cdef bint zset_score(entry *e, view member, double *score) noexcept nogil             # False: no such member
cdef int zset_set(heap *h, entry *e, view member, double score, packing *limits) noexcept nogil   # 1 new, 0 moved, -1 no memory
cdef bint zset_adopt(heap *h, entry *e, uint8_t *lp, packing *limits) noexcept nogil  # lp, which is checked, becomes the content of an empty sorted set; False: it may not be packed so, and stays the caller's
cdef bint zset_expand(heap *h, entry *e, size_t members, packing *limits) noexcept nogil   # before many are added
cdef bint zset_remove(heap *h, entry *e, view member) noexcept nogil
cdef int64_t zset_rank(entry *e, view member, double *score) noexcept nogil           # from the lowest; -1: no such member
cdef size_t zset_below(entry *e, double score, bint equal) noexcept nogil             # the number with a lower score, or an equal one too
cdef size_t zset_lex_below(entry *e, view member, bint equal) noexcept nogil          # by bytes alone
cdef bint zset_at(entry *e, size_t rank, zset_cursor *c) noexcept nogil               # False: beyond the end
cdef double zset_get(zset_cursor *c, view *member) noexcept nogil                     # the current member
cdef bint zset_next(zset_cursor *c) noexcept nogil                                    # False: it was the last; no changes meanwhile
cdef bint zset_prev(zset_cursor *c) noexcept nogil
cdef uint64_t zset_scan(entry *e, uint64_t cursor, scored_visit f, void *context) noexcept nogil

cdef bint zset_free_some(heap *h, entry *e, int *budget) noexcept nogil
cdef size_t zset_parts(entry *e) noexcept nogil
cdef size_t zset_bytes(entry *e, size_t samples) noexcept nogil
cdef bint zset_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *zset_encoding_name(entry *e) noexcept nogil
cdef const char *zset_check(entry *e) noexcept nogil
