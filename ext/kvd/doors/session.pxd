"""A session of its own on a store. See session.pyx."""

from kvd.doors.sleep cimport Sleeper
from kvd.doors.store cimport Store
from kvd.session.session cimport session

cdef class Session:
    cdef Store owner
    cdef session *c            # NULL: closed
    cdef bint decode
    cdef Sleeper sleeper       # of one that receives messages
    cdef object inbox          # replies and messages that are decoded but not yet received
