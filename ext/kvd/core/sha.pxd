"""What SHA-1 and SHA-256 have in common: the message in blocks of 64 bytes, its end padded, its length in bits last (FIPS 180-4)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from kvd.core.view cimport view

ctypedef void (*sha_block)(uint32_t *h, const uint8_t *p) noexcept nogil


cdef inline void sha_digest(view v, uint32_t *h, sha_block block, uint8_t *out, int size) noexcept nogil:
    """h: the initial state, changed. out: size bytes."""
    cdef uint8_t tail[128]
    cdef size_t left = v.len % 64
    cdef size_t padded = 64 if left < 56 else 128
    cdef uint64_t bits = <uint64_t>v.len * 8
    cdef size_t i
    cdef int k
    for i in range(v.len // 64):
        block(h, <const uint8_t *>v.ptr + 64 * i)
    memset(tail, 0, sizeof(tail))
    if left:
        memcpy(tail, v.ptr + v.len - left, left)
    tail[left] = 0x80
    for k in range(8):
        tail[padded - 1 - k] = <uint8_t>(bits >> (8 * k))
    block(h, tail)
    if padded == 128:
        block(h, tail + 64)
    for k in range(size):
        out[k] = <uint8_t>(h[k // 4] >> (24 - 8 * (k % 4)))
