"""The place of a text in another, in linear time and without memory of its own: patterns and texts are a client's, of any size.

If case counts, the C library searches. Otherwise the two-way algorithm does (Crochemore and Perrin, 1991): the part is cut
where no repetition is around the cut that is shorter than the part's own period. What is behind the cut is compared first, from the
left: after a mismatch the part moves to behind the byte that differs. Then what is in front of it: after a mismatch it moves by its period,
or, if it has none that is worth the name, by more than its longer half. A part with a period remembers how much of it is known to match.
"""

from libc.stdint cimport int64_t

from kvd.core.view cimport lower, view_equal_folded, view_of

cdef extern from "<string.h>" nogil:
    void *memmem(const void *text, size_t n, const void *part, size_t m)


cdef int64_t largest_suffix(view p, bint reverse, int64_t *period) noexcept nogil:
    """Where it begins, by the order of bytes or the reverse of it, and its period."""
    cdef int64_t best = 0
    cdef int64_t other = 1                 # a suffix that may be larger
    cdef int64_t k = 0                     # bytes in which both agree
    cdef char a, b
    period[0] = 1
    while other + k < <int64_t>p.len:
        a = lower(p.ptr[other + k])
        b = lower(p.ptr[best + k])
        if a == b:
            k += 1
            if k == period[0]:
                other += k
                k = 0
        elif (a < b) != reverse:
            other += k + 1
            k = 0
            period[0] = other - best
        else:
            best = other
            other += 1
            k = 0
            period[0] = 1
    return best


cdef int64_t cut(view p, int64_t *period) noexcept nogil:
    """Where the part is cut, and the period of what is behind."""
    cdef int64_t other_period
    cdef int64_t at = largest_suffix(p, False, period)
    cdef int64_t other = largest_suffix(p, True, &other_period)
    if other <= at:
        return at
    period[0] = other_period
    return other


cdef const char *find_folded(view t, view p) noexcept nogil:
    cdef int64_t n = <int64_t>p.len
    cdef int64_t last = <int64_t>t.len - n
    cdef int64_t at = 0
    cdef int64_t known = 0                 # bytes at the part's beginning that match at `at`
    cdef int64_t period, i
    cdef int64_t middle = cut(p, &period)
    cdef bint periodic = middle + period <= n and view_equal_folded(view_of(p.ptr, middle), view_of(p.ptr + period, middle))
    if not periodic:
        period = max(middle, n - middle) + 1
    while at <= last:
        i = max(middle, known)
        while i < n and lower(p.ptr[i]) == lower(t.ptr[at + i]):
            i += 1
        if i < n:
            at += i - middle + 1
            known = 0
            continue
        i = middle
        while i > known and lower(p.ptr[i - 1]) == lower(t.ptr[at + i - 1]):
            i -= 1
        if i <= known:
            return t.ptr + at
        at += period
        known = n - period if periodic else 0
    return NULL


cdef const char *view_find(view text, view part, bint nocase) noexcept nogil:
    if part.len == 0:
        return text.ptr
    if part.len > text.len:
        return NULL
    return find_folded(text, part) if nocase else <const char *>memmem(text.ptr, text.len, part.ptr, part.len)
