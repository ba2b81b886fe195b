"""Arithmetic that must not overflow."""

from libc.stdint cimport int64_t

cdef extern from "kvd/core/arith.h" nogil:
    bint add_overflows "kvd_add_overflows" (int64_t a, int64_t b, int64_t *sum) noexcept
    bint sub_overflows "kvd_sub_overflows" (int64_t a, int64_t b, int64_t *difference) noexcept
    bint is_finite "kvd_finite" (long double d) noexcept
