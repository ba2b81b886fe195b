"""Words: printable ASCII without spaces, which is what a line of INFO or CLIENT LIST can hold of what others say."""

from kvd.core.view cimport view


cdef inline bint view_is_word(view v) noexcept nogil:
    """True also of an empty one."""
    cdef size_t i
    for i in range(v.len):
        if not c'!' <= v.ptr[i] <= c'~':
            return False
    return True
