"""A sequence of small strings and integers in one allocation, byte for byte Redis's listpack. See listpack.pyx.

A listpack is a pointer to its first byte and was allocated with exactly lp_bytes of it. Functions that
change it take a pointer to that pointer, since it may move; a False answer means there was no memory, or
it would exceed 4 GiB, and nothing changed. Positions (`p`) are valid until the next change.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef enum:
    LP_HEADER = 6
    LP_MAX_INT = 21            # room for the text of any integer element

cdef uint8_t *lp_new(heap *h) noexcept nogil                                         # empty; or NULL
cdef void lp_free(heap *h, uint8_t *lp) noexcept nogil
cdef uint8_t *lp_copy(heap *h, const uint8_t *lp) noexcept nogil                      # or NULL
cdef size_t lp_count(const uint8_t *lp) noexcept nogil
cdef uint8_t *lp_first(uint8_t *lp) noexcept nogil                                   # NULL when empty
cdef uint8_t *lp_last(uint8_t *lp) noexcept nogil
cdef uint8_t *lp_next(uint8_t *p) noexcept nogil                                     # NULL at the end
cdef uint8_t *lp_prev(uint8_t *lp, uint8_t *p) noexcept nogil                        # NULL at the start
cdef uint8_t *lp_seek(uint8_t *lp, int64_t index) noexcept nogil                     # negative: from the end; NULL: out of range
cdef view lp_get(const uint8_t *p, char *scratch) noexcept nogil                     # its text; scratch: INT_TEXT bytes
cdef bint lp_get_int(const uint8_t *p, int64_t *n) noexcept nogil                    # False: not held as an integer
cdef bint lp_equal(const uint8_t *p, view v) noexcept nogil
cdef uint8_t *lp_find(uint8_t *lp, uint8_t *p, view v, int skip) noexcept nogil       # from p on, skipping `skip` elements between comparisons
cdef bint lp_insert(heap *h, uint8_t **lp, uint8_t *p, view v) noexcept nogil        # before p; NULL: at the end
cdef bint lp_insert_int(heap *h, uint8_t **lp, uint8_t *p, int64_t n) noexcept nogil
cdef bint lp_replace(heap *h, uint8_t **lp, uint8_t *p, view v) noexcept nogil
cdef bint lp_replace_int(heap *h, uint8_t **lp, uint8_t *p, int64_t n) noexcept nogil
cdef uint8_t *lp_delete(heap *h, uint8_t **lp, uint8_t *p, size_t n) noexcept nogil   # n elements; returns the element that follows them, or NULL
cdef bint lp_join(heap *h, uint8_t **lp, const uint8_t *other) noexcept nogil        # appends all of other
cdef size_t lp_need(view v) noexcept nogil                                           # bytes an element for v takes
cdef bint lp_repeats(uint8_t *lp, int skip) noexcept nogil                            # is an element in it twice? skips `skip` elements between comparisons
cdef size_t lp_longest(uint8_t *lp) noexcept nogil                                   # bytes of the longest element's text
cdef void lp_settle(heap *h, uint8_t **lp) noexcept nogil                              # of foreign bytes: numbers that are held as text become integers, as lp_find expects

# elements without their backward lengths, as hashes of a template hold their values (types/hash.pyx); lp_get, lp_get_int and lp_equal read them, too
cdef size_t lp_body(const uint8_t *p) noexcept nogil                                 # bytes of an element without its backward length
cdef size_t lp_encode(uint8_t *out, view v) noexcept nogil                           # writes v so, into lp_need(v) bytes at least; returns its bytes
cdef uint8_t *lp_fill(uint8_t *p, const uint8_t *body) noexcept nogil                # writes one with its backward length; returns where the next goes. The first: LP_HEADER bytes after the beginning
cdef void lp_seal(uint8_t *lp, uint8_t *end, size_t n) noexcept nogil                # after n elements were written up to `end`: lp is a listpack

cdef const char *lp_check(const uint8_t *lp, size_t n) noexcept nogil                # NULL, or what is broken in these n bytes


cdef inline size_t lp_bytes(const uint8_t *lp) noexcept nogil:
    return (<const uint32_t *>lp)[0]


cdef inline bint lp_append(heap *h, uint8_t **lp, view v) noexcept nogil:
    return lp_insert(h, lp, NULL, v)


cdef inline bint lp_append_int(heap *h, uint8_t **lp, int64_t n) noexcept nogil:
    return lp_insert_int(h, lp, NULL, n)
