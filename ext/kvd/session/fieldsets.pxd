"""Lists of field names that a session has prepared for HIMPORT. See fieldsets.pyx."""

from libc.stdint cimport int64_t

from kvd.core.view cimport view
from kvd.session.session cimport session

cdef struct slot:              # a field of a fieldset
    view field
    int value                  # position of its value among those of HIMPORT SET

cdef struct fieldset:          # one allocation, with the bytes of its names
    fieldset *next
    view name
    size_t bytes
    int count
    slot *slots                # sorted by length, then by bytes

cdef fieldset *fieldset_find(session *c, view name) noexcept nogil          # or NULL
cdef int fieldset_put(session *c, view name, view *fields, int count) noexcept nogil   # replaces one of that name. 1; 0: a field is named twice; -1: no memory
cdef bint fieldset_drop(session *c, view name) noexcept nogil               # False: there was none
cdef int64_t fieldsets_clear(session *c) noexcept nogil                     # returns how many there were
