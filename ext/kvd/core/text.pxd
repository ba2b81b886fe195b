"""Numbers to text and back, exactly as Redis reads and prints them. See text.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.view cimport view

cdef enum:
    INT_TEXT = 24              # bytes enough for any 64-bit integer
    DOUBLE_TEXT = 40           # and for any %.17g double
    LONG_DOUBLE_TEXT = 5200    # and for any long double in plain notation

cdef bint parse_int(view v, int64_t *out) noexcept nogil            # canonical decimal only: no +, spaces, leading zeros
cdef bint parse_unsigned(view v, uint64_t *out) noexcept nogil      # leading zeros and a plus are allowed
cdef bint parse_double(view v, double *out) noexcept nogil          # accepts inf, hex; refuses nan, spaces, empty
cdef bint parse_bound(view v, double *out) noexcept nogil           # of a range of scores: clips what is too large or small; refuses hex
cdef bint parse_long_double(view v, long double *out) noexcept nogil
cdef int format_int(char *out, int64_t n) noexcept nogil            # returns the length; no NUL
cdef int format_double(char *out, double d) noexcept nogil          # an integer up to 2^62, else the fewest digits that read back; -0, inf, -inf, nan
cdef int format_shortest(char *out, double d) noexcept nogil        # the same, but large whole numbers in scientific notation: 1e+15
cdef int format_long_double(char *out, long double d) noexcept nogil   # 17 decimals, no trailing zeros, no exponent
cdef int format_percent(char *out, double d) noexcept nogil         # a percentile: 50, 99.9; no trailing zeros
cdef bint parse_memory(view v, int64_t *out) noexcept nogil         # 100, 1k=1000, 1kb=1024, mb, gb


cdef inline int digits(uint64_t n) noexcept nogil:
    """How many decimal digits n has."""
    cdef int d = 1
    while n >= 10000:
        n //= 10000
        d += 4
    if n >= 1000:
        return d + 3
    if n >= 100:
        return d + 2
    return d + 1 if n >= 10 else d
