"""What the Python doors call without going through the gate, and arithmetic that hashes share."""

from libc.stdint cimport int64_t

from kvd.core.view cimport view
from kvd.run.call cimport call

cdef bint plain_set(call *c, view key, view value) noexcept nogil    # SET without options; False: the error is replied
cdef char *open_for_write(call *c, view key, size_t n, size_t *had) noexcept nogil
# the value of key, made if it is missing, n bytes long at least and writable; *had: its length before.
# NULL: the error is replied. The event is the caller's.
cdef bint set_length(call *c, view key, size_t n) noexcept nogil     # of a string that is there; False: the error is replied
cdef bint too_long(call *c, unsigned long long n) noexcept nogil     # for a string; True: the error is replied

cdef extern from * nogil:
    """
    static inline int kvd_add_overflows(int64_t a, int64_t b, int64_t *sum) { return __builtin_add_overflow(a, b, sum); }
    static int kvd_finite(long double d) { return __builtin_isfinite(d); }
    """
    bint add_overflows "kvd_add_overflows" (int64_t a, int64_t b, int64_t *sum) noexcept
    bint is_finite "kvd_finite" (long double d) noexcept
