"""Redis patterns, matched in time proportional to pattern times text.

Recursion over stars would let a pattern such as a*a*a*a*b take exponential time. Only the last star
ever needs to be retried: when what follows it fails, the star takes one more byte. So one saved
position replaces the recursion.
"""

from kvd.core.view cimport lower


cdef bint match_class(view p, size_t *at, unsigned char c, bint nocase) noexcept nogil:
    """Does the class that starts at p[at] (after the bracket) contain c? Leaves `at` after the class.

    An unclosed class ends with the pattern; ranges may be given backwards."""
    cdef size_t i = at[0]
    cdef bint negated = False
    cdef bint found = False
    cdef unsigned char lo, hi, swap
    if nocase:
        c = <unsigned char>lower(<char>c)
    if i < p.len and p.ptr[i] == c'^':
        negated = True
        i += 1
    while True:
        if i >= p.len:
            break
        if p.ptr[i] == c'\\' and i + 1 < p.len:
            i += 1
            lo = <unsigned char>p.ptr[i]
            if (<unsigned char>lower(<char>lo) if nocase else lo) == c:
                found = True
        elif p.ptr[i] == c']':
            i += 1
            break
        elif i + 2 < p.len and p.ptr[i + 1] == c'-':
            lo = <unsigned char>p.ptr[i]
            hi = <unsigned char>p.ptr[i + 2]
            if lo > hi:
                swap = lo
                lo = hi
                hi = swap
            if nocase:
                lo = <unsigned char>lower(<char>lo)
                hi = <unsigned char>lower(<char>hi)
            if lo <= c <= hi:
                found = True
            i += 2
        else:
            lo = <unsigned char>p.ptr[i]
            if (<unsigned char>lower(<char>lo) if nocase else lo) == c:
                found = True
        i += 1
    at[0] = i
    return found != negated


cdef bint glob_match(view p, view t, bint nocase) noexcept nogil:
    cdef size_t i = 0               # in the pattern
    cdef size_t j = 0               # in the text
    cdef size_t star_i = 0          # after the last star
    cdef size_t star_j = 0          # how far that star reaches
    cdef bint starred = False
    cdef bint ok
    cdef size_t k
    cdef char c
    while True:
        if i < p.len and p.ptr[i] == c'*':
            while i < p.len and p.ptr[i] == c'*':
                i += 1
            if i == p.len:
                return True
            starred = True
            star_i = i
            star_j = j
            continue
        if j == t.len:
            return i == p.len
        ok = False
        if i < p.len:
            c = p.ptr[i]
            if c == c'?':
                ok = True
                k = i + 1
            elif c == c'[':
                k = i + 1
                ok = match_class(p, &k, <unsigned char>t.ptr[j], nocase)
            else:
                k = i + 1
                if c == c'\\' and i + 1 < p.len:
                    c = p.ptr[i + 1]
                    k = i + 2
                ok = c == t.ptr[j] or (nocase and lower(c) == lower(t.ptr[j]))
            if ok:
                i = k
                j += 1
                continue
        if not starred:
            return False
        star_j += 1
        i = star_i
        j = star_j


cdef bint glob_is_literal(view p) noexcept nogil:
    cdef size_t i
    for i in range(p.len):
        if p.ptr[i] == c'*' or p.ptr[i] == c'?' or p.ptr[i] == c'[' or p.ptr[i] == c'\\':
            return False
    return True
