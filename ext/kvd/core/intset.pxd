"""Sorted integers in one allocation, byte for byte Redis's intset. See intset.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from kvd.core.mem cimport heap

cdef enum:
    INTSET_HEADER = 8

cdef uint8_t *intset_new(heap *h) noexcept nogil                                      # or NULL
cdef void intset_free(heap *h, uint8_t *s) noexcept nogil
cdef uint8_t *intset_copy(heap *h, const uint8_t *s) noexcept nogil
cdef bint intset_has(const uint8_t *s, int64_t n) noexcept nogil
cdef int intset_add(heap *h, uint8_t **s, int64_t n) noexcept nogil                    # 1 added, 0 was in, -1 no memory
cdef bint intset_remove(heap *h, uint8_t **s, int64_t n) noexcept nogil
cdef int64_t intset_at(const uint8_t *s, uint32_t i) noexcept nogil                    # i < intset_count
cdef const char *intset_check(const uint8_t *s, size_t n) noexcept nogil               # NULL, or what is broken in these n bytes


cdef inline uint32_t intset_count(const uint8_t *s) noexcept nogil:
    return (<const uint32_t *>s)[1]


cdef inline size_t intset_bytes(const uint8_t *s) noexcept nogil:
    return INTSET_HEADER + <size_t>(<const uint32_t *>s)[0] * (<const uint32_t *>s)[1]
