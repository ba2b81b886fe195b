"""LZF, the compression of Redis's lists and snapshots. See lzf.pyx."""

from libc.stdint cimport uint8_t

cdef size_t lzf_compress(const uint8_t *data, size_t n, uint8_t *out, size_t room) noexcept nogil   # bytes written; 0: it does not fit
cdef bint lzf_decompress(const uint8_t *data, size_t n, uint8_t *out, size_t size) noexcept nogil    # False: not exactly `size` bytes, or broken
