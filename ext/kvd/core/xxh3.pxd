"""XXH3 with 64 bits and seed 0: the digest of a string in DIGEST, IFDEQ and IFDNE."""

from libc.stdint cimport uint64_t

cdef uint64_t xxh3_64(const char *p, size_t n) noexcept nogil
