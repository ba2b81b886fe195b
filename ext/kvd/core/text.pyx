"""Numbers to text and back.

Integers are read strictly (one canonical spelling, so that text -> int -> text is the identity and a
value may be kept as an integer); doubles as C reads them, without white space. Long doubles are
printed in plain notation with at most 17 decimals, which is what INCRBYFLOAT stores.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset

from kvd.core.grisu cimport grisu_digits

cdef extern from "kvd/core/text.h" nogil:
    const char *PAIRS "KVD_PAIRS"
    int isinf "kvd_isinf" (double) noexcept
    bint isnan "kvd_isnan" (double) noexcept
    int isinfl "kvd_isinfl" (long double) noexcept
    bint isnanl "kvd_isnanl" (long double) noexcept
    bint quick_double "kvd_quick_double" (const char *p, size_t n, double *out) noexcept
    bint read_double "kvd_strtod" (const char *s, const char **end, double *out) noexcept
    bint read_long_double "kvd_strtold" (const char *s, const char **end, long double *out) noexcept
    int print_long_double "kvd_print_ld" (char *out, size_t n, long double d) noexcept


cdef bint parse_int(view v, int64_t *out) noexcept nogil:
    cdef const char *p = v.ptr
    cdef const char *end = p + v.len
    cdef uint64_t n, d
    cdef bint negative = False
    if v.len == 0 or v.len > 20:
        return False
    if v.len == 1 and p[0] == c'0':
        out[0] = 0
        return True
    if p[0] == c'-':
        negative = True
        p += 1
        if p == end:
            return False
    if not c'1' <= p[0] <= c'9':
        return False
    n = p[0] - c'0'
    p += 1
    while p < end:
        d = <uint64_t>(<unsigned char>p[0] - <int>c'0')
        if d > 9:
            return False
        if n > (<uint64_t>0xFFFFFFFFFFFFFFFFULL - d) // 10:
            return False
        n = n * 10 + d
        p += 1
    if negative:
        if n > <uint64_t>0x8000000000000000ULL:
            return False
        out[0] = <int64_t>(0 - n)
    else:
        if n > <uint64_t>0x7FFFFFFFFFFFFFFFULL:
            return False
        out[0] = <int64_t>n
    return True


cdef char *copy_text(char *small, size_t room, view v) noexcept nogil:
    """NUL-terminated copy for the C library, in `small` or, if that is too small, from malloc; NULL: v cannot be a number."""
    cdef char *text = small
    if v.len == 0 or v.ptr[0] == c' ' or 9 <= v.ptr[0] <= 13:
        return NULL
    if v.len >= room:
        text = <char *>malloc(v.len + 1)
        if text == NULL:
            return NULL
    memcpy(text, v.ptr, v.len)
    text[v.len] = 0
    return text


cdef int read_whole(view v, double *out) noexcept nogil:
    """0: v as a whole is no number; 1: a number out of range, clipped; 2: a number."""
    cdef char small[256]
    cdef char *text
    cdef const char *end
    cdef int how = 0
    if quick_double(v.ptr, v.len, out):
        return 2
    text = copy_text(small, sizeof(small), v)
    if text == NULL:
        return 0
    how = 1 + read_double(text, &end, out)
    if end != text + v.len or isnan(out[0]):
        how = 0
    if text != small:
        free(text)
    return how


cdef bint parse_double(view v, double *out) noexcept nogil:
    return read_whole(v, out) == 2


cdef bint parse_bound(view v, double *out) noexcept nogil:
    return memchr(v.ptr, c'x', v.len) == NULL and memchr(v.ptr, c'X', v.len) == NULL and read_whole(v, out) > 0


cdef bint parse_long_double(view v, long double *out) noexcept nogil:
    cdef char small[256]
    cdef char *text = copy_text(small, sizeof(small), v)
    cdef const char *end
    cdef bint ok
    if text == NULL:
        return False
    ok = read_long_double(text, &end, out) and end == text + v.len and not isnanl(out[0])
    if text != small:
        free(text)
    return ok


cdef bint parse_unsigned(view v, uint64_t *out) noexcept nogil:
    cdef uint64_t value = 0
    cdef uint64_t digit
    cdef size_t i = v.len > 1 and v.ptr[0] == c'+'
    if v.len == 0:
        return False
    while i < v.len:
        digit = <uint64_t>(v.ptr[i] - c'0')
        if digit > 9 or value > (<uint64_t>-1 - digit) // 10:
            return False
        value = value * 10 + digit
        i += 1
    out[0] = value
    return True


cdef int format_int(char *out, int64_t value) noexcept nogil:
    cdef uint64_t n = <uint64_t>value
    cdef int length, i, pair
    cdef int sign = 0
    if value < 0:
        out[0] = c'-'
        n = 0 - n
        sign = 1
    length = digits(n) + sign
    i = length
    while n >= 100:
        pair = <int>(n % 100) * 2
        n //= 100
        i -= 2
        out[i] = PAIRS[pair]
        out[i + 1] = PAIRS[pair + 1]
    if n >= 10:
        out[i - 2] = PAIRS[n * 2]
        out[i - 1] = PAIRS[n * 2 + 1]
    else:
        out[i - 1] = <char>(<int>c'0' + <int>n)
    return length


cdef int format_double(char *out, double d) noexcept nogil:
    if -4611686018427387904.0 <= d <= 4611686018427387904.0 and d == <double><int64_t>d and (d != 0 or 1 / d > 0):
        return format_int(out, <int64_t>d)
    return format_shortest(out, d)


cdef int format_shortest(char *out, double d) noexcept nogil:
    cdef int sign = isinf(d)
    if sign != 0:
        memcpy(out, <const char *>b"inf" if sign > 0 else <const char *>b"-inf", 4)
        return 3 if sign > 0 else 4
    if isnan(d):
        memcpy(out, b"nan", 3)
        return 3
    return shortest(out, d)


cdef int shortest(char *out, double d) noexcept nogil:
    """Digits that read back as d, which is not nan."""
    cdef char figures[24]
    cdef int count, exponent
    if d < 0 or 1 / d < 0:
        out[0] = c'-'
        return 1 + shortest(out + 1, -d)
    if d == 0:
        out[0] = c'0'
        return 1
    count = grisu_digits(d, figures, &exponent)
    return plain_or_scientific(out, figures, count, exponent)


cdef int plain_or_scientific(char *out, const char *figures, int count, int k) noexcept nogil:
    """figures times ten to the k, as Redis spells it."""
    cdef int n = 0
    cdef int exponent, size, offset
    while count > 1 and figures[count - 1] == c'0':
        count -= 1
        k += 1
    exponent = k + count - 1
    size = exponent if exponent >= 0 else -exponent
    if k >= 0 and size < count + 7:
        memcpy(out, figures, count)
        memset(out + count, c'0', k)
        return count + k
    if k < 0 and (k > -7 or size < 4):
        offset = count + k
        if offset <= 0:
            out[0] = c'0'
            out[1] = c'.'
            memset(out + 2, c'0', -offset)
            memcpy(out + 2 - offset, figures, count)
            return count + 2 - offset
        memcpy(out, figures, offset)
        out[offset] = c'.'
        memcpy(out + offset + 1, figures + offset, count - offset)
        return count + 1
    out[0] = figures[0]
    n = 1
    if count > 1:
        out[1] = c'.'
        memcpy(out + 2, figures + 1, count - 1)
        n = count + 1
    out[n] = c'e'
    out[n + 1] = c'-' if exponent < 0 else c'+'
    return n + 2 + format_int(out + n + 2, size)


cdef int format_long_double(char *out, long double d) noexcept nogil:
    cdef int n
    cdef int sign = isinfl(d)
    if sign != 0:
        memcpy(out, <const char *>b"inf" if sign > 0 else <const char *>b"-inf", 4)
        return 3 if sign > 0 else 4
    if isnanl(d):
        memcpy(out, b"nan", 3)
        return 3
    n = print_long_double(out, LONG_DOUBLE_TEXT, d)
    while out[n - 1] == c'0':
        n -= 1
    if out[n - 1] == c'.':
        n -= 1
    if n == 2 and out[0] == c'-' and out[1] == c'0':
        out[0] = c'0'
        n = 1
    return n


cdef int format_percent(char *out, double d) noexcept nogil:
    cdef int n = snprintf(out, DOUBLE_TEXT, b"%.6f", d)
    while out[n - 1] == c'0':
        n -= 1
    return n - 1 if out[n - 1] == c'.' else n


cdef bint parse_memory(view v, int64_t *out) noexcept nogil:
    cdef size_t n = v.len
    cdef int64_t unit = 1
    cdef size_t i
    cdef char suffix[3]
    while n > 0 and not c'0' <= v.ptr[n - 1] <= c'9':
        n -= 1
    if n == 0 or v.len - n > 2:
        return False
    for i in range(v.len - n):
        suffix[i] = v.ptr[n + i] | 32
    if v.len - n == 2:
        if suffix[1] != c'b':
            return False
        unit = 1024 if suffix[0] == c'k' else 1048576 if suffix[0] == c'm' else 1073741824 if suffix[0] == c'g' else 0
    elif v.len - n == 1:
        unit = (1 if suffix[0] == c'b' else 1000 if suffix[0] == c'k' else 1000000 if suffix[0] == c'm'
                else 1000000000 if suffix[0] == c'g' else 0)
    if unit == 0:
        return False
    cdef view number
    number.ptr = v.ptr
    number.len = n
    if not parse_int(number, out) or out[0] < 0 or out[0] > <int64_t>0x7FFFFFFFFFFFFFFFLL // unit:
        return False
    out[0] *= unit
    return True
