"""HyperLogLog: estimates the number of distinct elements with 0.81% error in 12 KiB. Bytes equal to Redis's. See hll.pyx."""

from libc.stdint cimport uint8_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef enum:
    HLL_REGISTERS = 16384
    HLL_HEADER = 16
    HLL_DENSE = 12304          # bytes of a dense one
    HLL_EMPTY = 18             # and of an empty sparse one

cdef struct hll:               # a sketch in a buffer of its own
    uint8_t *p
    size_t len
    size_t room                # HLL_DENSE at least

cdef void hll_init(hll *x) noexcept nogil                                     # empty and sparse
cdef bint hll_is(view v) noexcept nogil                                       # does it have a valid header?
cdef bint hll_is_dense(const uint8_t *p) noexcept nogil
cdef int hll_add(hll *x, view element, size_t sparse_max) noexcept nogil      # 1 changed, 0 not, -1 it is broken
cdef int hll_set(hll *x, int index, int count, size_t sparse_max) noexcept nogil   # the same, for a register
cdef bint hll_to_dense(hll *x) noexcept nogil                                 # False: it is broken
cdef bint hll_merge(view v, uint8_t *registers) noexcept nogil                # raises registers to those of v; False: it is broken
cdef void hll_raise(uint8_t *registers, view element) noexcept nogil          # adds it to registers of a byte each
cdef uint64_t hll_estimate(const uint8_t *registers) noexcept nogil
cdef bint hll_cached(view v, uint64_t *n) noexcept nogil                      # the estimate kept in the header; False: it is out of date
cdef void hll_cache(uint8_t *p, uint64_t n) noexcept nogil
cdef void hll_forget(uint8_t *p) noexcept nogil                               # the estimate in the header
cdef void hll_describe(view v, buf *out) noexcept nogil                       # the runs of a sparse one, as text
