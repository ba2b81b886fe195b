"""A double's decimal digits. See grisu.pyx."""

cdef enum:
    GRISU_DIGITS = 18          # at most

cdef int grisu_digits(double d, char *digits, int *exponent) noexcept nogil    # how many; d = digits * 10^exponent. d is above 0 and finite
