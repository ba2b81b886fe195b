"""Redis patterns.

Recursion over stars would let a pattern such as a*a*a*a*b take exponential time. Only the last star ever needs to be retried: what
stands between two stars (a segment) is best found at its first place. The last segment has only one place, the end of the text, since its
elements are of one byte each. One without ? [ or backslash is found in linear time (find.pyx). For any other in the middle, the star takes
one more byte until it matches: this is the only case in which the time is that of segment times text.
"""

from kvd.core.find cimport view_find
from kvd.core.view cimport lower, view_of


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


cdef size_t segment(view p, size_t at, size_t *bytes, bint *literal) noexcept nogil:
    """Where the segment that begins there ends, how many bytes it matches, and whether these are its own."""
    cdef char c
    bytes[0] = 0
    literal[0] = True
    while at < p.len and p.ptr[at] != c'*':
        c = p.ptr[at]
        at += 1
        if c == c'[':
            match_class(p, &at, 0, False)
        elif c == c'\\' and at < p.len:
            at += 1
        if c == c'[' or c == c'?' or c == c'\\':
            literal[0] = False
        bytes[0] += 1
    return at


cdef bint glob_match(view p, view t, bint nocase) noexcept nogil:
    cdef size_t i = 0               # in the pattern
    cdef size_t j = 0               # in the text
    cdef size_t star_i = 0          # after the last star
    cdef size_t star_j = 0          # how far that star reaches
    cdef bint starred = False
    cdef bint ok, literal
    cdef size_t k, bytes
    cdef const char *found
    cdef char c
    while True:
        if i < p.len and p.ptr[i] == c'*':
            while i < p.len and p.ptr[i] == c'*':
                i += 1
            if i == p.len:
                return True
            k = segment(p, i, &bytes, &literal)
            if bytes > t.len - j:
                return False
            starred = k != p.len
            if not starred:
                j = t.len - bytes
            elif literal:
                found = view_find(view_of(t.ptr + j, t.len - j), view_of(p.ptr + i, bytes), nocase)
                if found == NULL:
                    return False
                i = k
                j = <size_t>(found - t.ptr) + bytes
            else:
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
