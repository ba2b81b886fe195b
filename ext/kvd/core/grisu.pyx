"""Digits of a double that read back as the same double: Grisu2 (F. Loitsch, "Printing floating-point numbers quickly and
accurately with integers", PLDI 2010).

In nearly all cases these are the fewest digits; in about one of some hundred a nearer or shorter representation exists.
Redis prints scores with this algorithm and these powers of ten, so printed scores and digests (types/digest)
are equal to the last digit. A number is multiplied by a power of ten so that its exponent is between EXPONENT_MIN and
EXPONENT_MAX; then digits are produced by division while the rest is within half the distance to the neighbouring doubles.

    floating    64 bits of mantissa, the highest set once it is normalized, and a binary exponent
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef extern from * nogil:
    """
    static inline uint64_t kvd_upper_half(uint64_t a, uint64_t b) { return (uint64_t)(((__uint128_t)a * b + ((uint64_t)1 << 63)) >> 64); }
    """
    uint64_t upper_half "kvd_upper_half" (uint64_t a, uint64_t b) noexcept     # rounded

cdef struct floating:
    uint64_t bits
    int exponent

cdef enum:
    EXPONENT_MIN = -60
    EXPONENT_MAX = -32
    FIRST_POWER = -348
    POWER_STEP = 8
    POWERS = 87

cdef uint64_t HIDDEN = <uint64_t>1 << 52
cdef floating POWER[POWERS]
cdef uint64_t TENS[20]


def _fill_tables():
    """10^FIRST_POWER, and each POWER_STEP decades more, rounded to 64 bits."""
    for i in range(20):
        TENS[i] = 10 ** i
    for i in range(POWERS):
        k = FIRST_POWER + i * POWER_STEP
        num, den = (10 ** k, 1) if k >= 0 else (1, 10 ** -k)
        exponent = num.bit_length() - den.bit_length() - 64
        while True:
            top, bottom = (num, den << exponent) if exponent >= 0 else (num << -exponent, den)
            bits = (2 * top + bottom) // (2 * bottom)
            if bits < 1 << 63:
                exponent -= 1
            elif bits >= 1 << 64:
                exponent += 1
            else:
                break
        POWER[i].bits = bits
        POWER[i].exponent = exponent


_fill_tables()


cdef inline floating floating_of(double d) noexcept nogil:
    cdef floating f
    cdef uint64_t bits
    memcpy(&bits, &d, 8)
    f.bits = bits & (HIDDEN - 1)
    f.exponent = <int>(bits >> 52 & 0x7FF) - 1075
    if f.exponent == -1075:
        f.exponent = -1074         # subnormal
    else:
        f.bits |= HIDDEN
    return f


cdef inline void normalize(floating *f) noexcept nogil:
    while not f.bits >> 63:
        f.bits <<= 1
        f.exponent -= 1


cdef inline floating times(floating a, floating b) noexcept nogil:
    cdef floating f
    f.bits = upper_half(a.bits, b.bits)
    f.exponent = a.exponent + b.exponent + 64
    return f


cdef inline floating power_for(int exponent, int *k) noexcept nogil:
    """A power of ten that brings a number of this exponent into the range."""
    cdef int i = (<int>(-(exponent + POWERS) * 0.30102999566398114) - FIRST_POWER) // POWER_STEP
    while exponent + POWER[i].exponent + 64 < EXPONENT_MIN:
        i += 1
    while exponent + POWER[i].exponent + 64 > EXPONENT_MAX:
        i -= 1
    k[0] = FIRST_POWER + i * POWER_STEP
    return POWER[i]


cdef inline void approach(char *last, uint64_t room, uint64_t rest, uint64_t unit, uint64_t target) noexcept nogil:
    """Decrements the last digit as long as that brings it nearer to the number."""
    while rest < target and room - rest >= unit and (rest + unit < target or target - rest > rest + unit - target):
        last[0] -= 1
        rest += unit


cdef int divide_off(floating upper, uint64_t below, uint64_t room, char *digits, int *exponent) noexcept nogil:
    """below: how far the number is below upper; room: how far the lower bound is."""
    cdef int shift = -upper.exponent
    cdef uint64_t one = <uint64_t>1 << shift
    cdef uint64_t whole = upper.bits >> shift
    cdef uint64_t part = upper.bits & (one - 1)
    cdef uint64_t digit, rest
    cdef int n = 0
    cdef int left = 9
    cdef int scale = 1
    while left >= 0:
        digit = whole // TENS[left]
        if digit or n:
            digits[n] = <char>(48 + digit)
            n += 1
        whole -= digit * TENS[left]
        rest = (whole << shift) + part
        if rest <= room:
            exponent[0] += left
            approach(digits + n - 1, room, rest, TENS[left] << shift, below)
            return n
        left -= 1
    while True:
        part *= 10
        room *= 10
        digit = part >> shift
        if digit or n:
            digits[n] = <char>(48 + digit)
            n += 1
        part &= one - 1
        if part < room:
            exponent[0] -= scale
            approach(digits + n - 1, room, part, one, below * TENS[scale])
            return n
        scale += 1


cdef int grisu_digits(double d, char *digits, int *exponent) noexcept nogil:
    cdef floating w = floating_of(d)
    cdef floating upper, lower, power
    cdef int narrow = 2 if w.bits == HIDDEN else 1         # the double below is nearer at a power of two
    cdef int k
    upper.bits = (w.bits << 1) + 1
    upper.exponent = w.exponent - 1
    normalize(&upper)
    lower.bits = (w.bits << narrow) - 1
    lower.exponent = w.exponent - narrow
    lower.bits <<= lower.exponent - upper.exponent
    normalize(&w)
    power = power_for(upper.exponent, &k)
    exponent[0] = -k
    lower.exponent = upper.exponent
    w = times(w, power)
    upper = times(upper, power)
    lower = times(lower, power)
    upper.bits -= 1
    lower.bits += 1
    return divide_off(upper, upper.bits - w.bits, upper.bits - lower.bits, digits, exponent)
