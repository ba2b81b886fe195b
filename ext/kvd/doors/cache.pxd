"""The compiled half of kvd.Cache. See cache.pyx; code that calls it without Python in between uses doors/entries.pxd."""

from libc.stdint cimport int64_t, uint32_t

from kvd.doors.entries cimport Entries

cdef class Cache(Entries):
    cdef int add_record(self, list rest, uint32_t i, int64_t now) except -1
