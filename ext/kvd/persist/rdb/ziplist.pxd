"""Ziplists, the packed sequences of Redis before 7. See ziplist.pyx."""

from libc.stdint cimport uint8_t

from kvd.persist.rdb.lengths cimport reader

cdef uint8_t *get_ziplist(reader *r) noexcept nogil       # as a listpack that is not empty, owned by the caller; NULL: r.bad
