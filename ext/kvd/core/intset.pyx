"""Sorted integers in one allocation.

    width 4 | count 4 | integers, each `width` (2, 4 or 8) bytes, ascending       (little endian)

The width is that of the widest integer ever added; one that does not fit widens all. Looking up is a
binary search, adding moves what follows. Used for small sets only, so moving costs less than a tree.
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memmove

from kvd.core.mem cimport mem_alloc, mem_free, mem_realloc


cdef inline uint32_t width_of(int64_t n) noexcept nogil:
    if -32768 <= n <= 32767:
        return 2
    return 4 if -2147483648 <= n <= 2147483647 else 8


cdef inline uint32_t *width(const uint8_t *s) noexcept nogil:
    return <uint32_t *>s


cdef inline uint32_t *count(const uint8_t *s) noexcept nogil:
    return <uint32_t *>(s + 4)


cdef inline int64_t read(const uint8_t *s, uint32_t w, uint32_t i) noexcept nogil:
    cdef const uint8_t *p = s + INTSET_HEADER + <size_t>i * w
    cdef int64_t n
    if w == 2:
        return (<const int16_t *>p)[0]
    if w == 4:
        return (<const int32_t *>p)[0]
    memcpy(&n, p, 8)
    return n


cdef inline void write(uint8_t *s, uint32_t i, int64_t n) noexcept nogil:
    cdef uint32_t w = width(s)[0]
    cdef uint8_t *p = s + INTSET_HEADER + <size_t>i * w
    if w == 2:
        (<int16_t *>p)[0] = <int16_t>n
    elif w == 4:
        (<int32_t *>p)[0] = <int32_t>n
    else:
        memcpy(p, &n, 8)


cdef uint32_t position(const uint8_t *s, int64_t n) noexcept nogil:
    """Of the first integer that is not less than n."""
    cdef uint32_t lo = 0
    cdef uint32_t hi = count(s)[0]
    cdef uint32_t middle
    while lo < hi:
        middle = (lo + hi) // 2
        if read(s, width(s)[0], middle) < n:
            lo = middle + 1
        else:
            hi = middle
    return lo


cdef uint8_t *intset_new(heap *h) noexcept nogil:
    cdef uint8_t *s = <uint8_t *>mem_alloc(h, INTSET_HEADER)
    if s != NULL:
        width(s)[0] = 2
        count(s)[0] = 0
    return s


cdef void intset_free(heap *h, uint8_t *s) noexcept nogil:
    mem_free(h, s, intset_bytes(s))


cdef uint8_t *intset_copy(heap *h, const uint8_t *s) noexcept nogil:
    cdef uint8_t *c = <uint8_t *>mem_alloc(h, intset_bytes(s))
    if c != NULL:
        memcpy(c, s, intset_bytes(s))
    return c


cdef bint intset_has(const uint8_t *s, int64_t n) noexcept nogil:
    cdef uint32_t i
    if width_of(n) > width(s)[0]:
        return False
    i = position(s, n)
    return i < count(s)[0] and read(s, width(s)[0], i) == n


cdef bint widen(heap *h, uint8_t **place, uint32_t w) noexcept nogil:
    cdef uint8_t *s = place[0]
    cdef uint32_t old = width(s)[0]
    cdef uint32_t i = count(s)[0]
    s = <uint8_t *>mem_realloc(h, s, intset_bytes(s), INTSET_HEADER + <size_t>i * w)
    if s == NULL:
        return False
    place[0] = s
    width(s)[0] = w
    while i > 0:
        i -= 1
        write(s, i, read(s, old, i))
    return True


cdef int intset_add(heap *h, uint8_t **place, int64_t n) noexcept nogil:
    cdef uint8_t *s = place[0]
    cdef uint32_t i, w
    if intset_has(s, n):
        return 0
    if width_of(n) > width(s)[0] and not widen(h, place, width_of(n)):
        return -1
    s = place[0]
    w = width(s)[0]
    s = <uint8_t *>mem_realloc(h, s, intset_bytes(s), intset_bytes(s) + w)
    if s == NULL:
        return -1
    place[0] = s
    i = position(s, n)
    memmove(s + INTSET_HEADER + <size_t>(i + 1) * w, s + INTSET_HEADER + <size_t>i * w, <size_t>(count(s)[0] - i) * w)
    count(s)[0] += 1
    write(s, i, n)
    return 1


cdef bint intset_remove(heap *h, uint8_t **place, int64_t n) noexcept nogil:
    cdef uint8_t *s = place[0]
    cdef uint32_t w = width(s)[0]
    cdef uint32_t i
    cdef size_t bytes = intset_bytes(s)
    if not intset_has(s, n):
        return False
    i = position(s, n)
    memmove(s + INTSET_HEADER + <size_t>i * w, s + INTSET_HEADER + <size_t>(i + 1) * w, <size_t>(count(s)[0] - i - 1) * w)
    count(s)[0] -= 1
    s = <uint8_t *>mem_realloc(h, s, bytes, bytes - w)
    if s != NULL:
        place[0] = s
    return True


cdef int64_t intset_at(const uint8_t *s, uint32_t i) noexcept nogil:
    return read(s, width(s)[0], i)


cdef const char *intset_check(const uint8_t *s, size_t n) noexcept nogil:
    cdef uint32_t i, w
    if n < INTSET_HEADER:
        return b"a cut intset"
    w = width(s)[0]
    if w != 2 and w != 4 and w != 8:
        return b"an intset of unknown width"
    if n != intset_bytes(s):
        return b"an intset of another size"
    if count(s)[0] == 0:
        return b"an empty intset"
    for i in range(1, count(s)[0]):
        if read(s, w, i - 1) >= read(s, w, i):
            return b"an intset out of order"
    return NULL
