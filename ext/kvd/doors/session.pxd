"""A separate session of a store. See session.pyx."""

from kvd.doors.store cimport Store
from kvd.session.session cimport session

cdef class Session:
    cdef Store owner
    cdef session *c            # NULL: closed
    cdef bint decode
    cdef void drop(self) noexcept      # when the object is deleted
