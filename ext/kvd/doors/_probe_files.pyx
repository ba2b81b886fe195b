"""The door of tests to load_path, which loads a file when a server starts."""

from libc.stdint cimport uint32_t
from libc.string cimport memset

from kvd.core.buf cimport buf_release
from kvd.doors.store cimport Store
from kvd.persist.load cimport load_path, loading, loading_offset

import os


cdef void count(void *context) noexcept nogil:
    (<int *>context)[0] += 1


def load(Store owner not None, path, uint32_t flags=0):
    """(loaded, error, keys, number of slices, offset of the end)"""
    cdef loading l
    cdef bytes encoded = os.fsencode(path)
    cdef const char *name = encoded
    cdef int slices = 0
    cdef bint ok
    memset(&l, 0, sizeof(l))
    owner.s.guard.shared = True
    with nogil:
        ok = load_path(owner.s, name, flags, &l, count, &slices)
    buf_release(&l.aux)
    return bool(ok), (<bytes>l.error).decode(), l.keys, slices, loading_offset(&l)
