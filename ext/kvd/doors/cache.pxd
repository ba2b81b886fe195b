"""The compiled part of kvd.Cache. See cache.pyx; compiled callers use doors/entries.pxd."""

from libc.stdint cimport int64_t, uint32_t

from kvd.doors.entries cimport Entries

cdef class Cache(Entries):
    cdef int add_record(self, list rest, uint32_t i, int64_t now) except -1
