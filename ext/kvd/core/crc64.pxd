"""The checksum of snapshots and DUMP: CRC-64 of Jones. See crc64.pyx."""

from libc.stdint cimport uint64_t

cdef uint64_t crc64(uint64_t crc, const void *data, size_t n) noexcept nogil      # begin with 0; continue with the last result
cdef uint64_t crc64_zeros(uint64_t crc, uint64_t n) noexcept nogil                # as crc64 of n zero bytes. O(log n)
