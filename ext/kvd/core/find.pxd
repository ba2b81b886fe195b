"""The place of a text in another, in linear time. See find.pyx."""

from kvd.core.view cimport view

cdef const char *view_find(view text, view part, bint nocase) noexcept nogil   # where the part begins first; NULL: nowhere. An empty one is at the beginning
