"""Borrowed bytes: a pointer and a length. A view owns nothing and never outlives the memory it points into."""

from libc.string cimport memcmp, strlen

cdef struct view:
    const char *ptr
    size_t len


cdef inline view view_of(const char *ptr, size_t n) noexcept nogil:
    cdef view v
    v.ptr = ptr
    v.len = n
    return v


cdef inline view view_str(const char *text) noexcept nogil:
    """View of a NUL-terminated C string."""
    return view_of(text, strlen(text))


cdef inline bint view_equal(view a, view b) noexcept nogil:
    return a.len == b.len and memcmp(a.ptr, b.ptr, a.len) == 0


cdef inline char lower(char c) noexcept nogil:
    """ASCII lower case, whatever the locale."""
    return c + 32 if 65 <= c <= 90 else c


cdef inline bint view_equal_folded(view a, view b) noexcept nogil:
    """In any case."""
    cdef size_t i
    if a.len != b.len:
        return False
    for i in range(a.len):
        if lower(a.ptr[i]) != lower(b.ptr[i]):
            return False
    return True


cdef inline bint view_is(view v, const char *word) noexcept nogil:
    """True if v equals `word` (given in lower case), ignoring case."""
    cdef size_t i
    for i in range(v.len):
        if word[i] == 0 or lower(v.ptr[i]) != word[i]:
            return False
    return word[v.len] == 0


cdef inline int view_compare(view a, view b) noexcept nogil:
    """Order of bytes, then of length: negative, 0 or positive."""
    cdef int c = memcmp(a.ptr, b.ptr, min(a.len, b.len))
    if c != 0:
        return c
    return -1 if a.len < b.len else (1 if a.len > b.len else 0)
