"""Frequency sketch: estimates how often a hash was seen recently. See sketch.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from kvd.core.mem cimport heap

cdef struct sketch:
    heap *mem
    uint64_t *words
    uint32_t blocks            # of eight words; a power of two, or 0 before the first sketch_fit
    uint64_t seen              # since counters were last halved
    uint64_t period            # halve after this many

cdef void sketch_init(sketch *s, heap *h) noexcept nogil
cdef bint sketch_fit(sketch *s, uint32_t items) noexcept nogil            # sized for this many items; growing clears it. False: no memory
cdef void sketch_add(sketch *s, uint32_t hash) noexcept nogil
cdef void sketch_halve(sketch *s) noexcept nogil                          # also happens automatically
cdef int sketch_count(sketch *s, uint32_t hash) noexcept nogil            # 0 to 15, never below the additions since the last halving
