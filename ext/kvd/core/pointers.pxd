"""Pointers found by name: a table whose entries hold only a pointer. See pointers.pyx."""

from kvd.core.table cimport table
from kvd.core.view cimport view

cdef bint pointer_put(table *t, view name, void *p) noexcept nogil      # the name must be new; False: no memory
cdef void *pointer_find(table *t, view name) noexcept nogil             # or NULL
cdef void *pointer_take(table *t, view name) noexcept nogil             # removes it; NULL: it was not in
