"""Words: printable ASCII without spaces, which is what a line of INFO or CLIENT LIST can hold of what others say; and white space."""

from kvd.core.view cimport view


cdef inline bint view_is_word(view v) noexcept nogil:
    """True also of an empty one."""
    cdef size_t i
    for i in range(v.len):
        if not c'!' <= v.ptr[i] <= c'~':
            return False
    return True


cdef inline bint view_has_space(view v) noexcept nogil:
    """White space, or a NUL."""
    cdef size_t i
    for i in range(v.len):
        if v.ptr[i] == 0 or v.ptr[i] == c' ' or 9 <= v.ptr[i] <= 13:
            return True
    return False
