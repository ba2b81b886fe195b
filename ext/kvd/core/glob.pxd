"""Redis patterns: * ? [a-z] [^a] and backslash. See glob.pyx."""

from kvd.core.view cimport view

cdef bint glob_match(view pattern, view text, bint nocase) noexcept nogil
cdef bint glob_is_literal(view pattern) noexcept nogil    # True: matches exactly the text that it is
