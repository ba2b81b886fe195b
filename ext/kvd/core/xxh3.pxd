"""XXH3 with 64 bits and seed 0: the digest of a string that DIGEST, IFDEQ and IFDNE speak of."""

from libc.stdint cimport uint64_t

cdef uint64_t xxh3_64(const char *p, size_t n) noexcept nogil
