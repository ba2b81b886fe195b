"""XXH3-64, written from the published specification of the algorithm (BSD-2 xxHash project, doc/).

Five ranges of length, each with its own mixing; above 240 bytes the input runs through eight
accumulators in stripes of 64 bytes. Not keyed, so never used for tables (they use siphash.pxd).
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "kvd/core/xxh3.h" nogil:
    const uint8_t *SECRET "KVD_XXH3_SECRET"
    uint64_t fold "kvd_fold" (uint64_t a, uint64_t b) noexcept
    uint64_t swap64 "kvd_swap64" (uint64_t a) noexcept
    uint32_t swap32 "kvd_swap32" (uint32_t a) noexcept

cdef enum:
    STRIPES_A_BLOCK = 16       # (192 - 64) / 8
    SECRET_BYTES = 192

cdef uint64_t P32_1 = 0x9E3779B1
cdef uint64_t P32_2 = 0x85EBCA77
cdef uint64_t P32_3 = 0xC2B2AE3D
cdef uint64_t P64_1 = <uint64_t>0x9E3779B185EBCA87ULL
cdef uint64_t P64_2 = <uint64_t>0xC2B2AE3D27D4EB4FULL
cdef uint64_t P64_3 = <uint64_t>0x165667B19E3779F9ULL
cdef uint64_t P64_4 = <uint64_t>0x85EBCA77C2B2AE63ULL
cdef uint64_t P64_5 = <uint64_t>0x27D4EB2F165667C5ULL
cdef uint64_t MX1 = <uint64_t>0x165667919E3779F9ULL
cdef uint64_t MX2 = <uint64_t>0x9FB21C651E98DF25ULL


cdef inline uint64_t r64(const void *p) noexcept nogil:
    cdef uint64_t v
    memcpy(&v, p, 8)
    return v


cdef inline uint32_t r32(const void *p) noexcept nogil:
    cdef uint32_t v
    memcpy(&v, p, 4)
    return v


cdef inline uint64_t avalanche(uint64_t h) noexcept nogil:
    h ^= h >> 37
    h *= MX1
    return h ^ (h >> 32)


cdef inline uint64_t avalanche64(uint64_t h) noexcept nogil:
    h ^= h >> 33
    h *= P64_2
    h ^= h >> 29
    h *= P64_3
    return h ^ (h >> 32)


cdef inline uint64_t mix16(const char *p, const uint8_t *secret) noexcept nogil:
    return fold(r64(p) ^ r64(secret), r64(p + 8) ^ r64(secret + 8))


cdef uint64_t up_to_16(const char *p, size_t n) noexcept nogil:
    cdef uint64_t a, b, h
    cdef uint32_t c
    if n > 8:
        a = r64(p) ^ (r64(SECRET + 24) ^ r64(SECRET + 32))
        b = r64(p + n - 8) ^ (r64(SECRET + 40) ^ r64(SECRET + 48))
        return avalanche(n + swap64(a) + b + fold(a, b))
    if n >= 4:
        h = (<uint64_t>r32(p + n - 4) + (<uint64_t>r32(p) << 32)) ^ (r64(SECRET + 8) ^ r64(SECRET + 16))
        h ^= ((h << 49) | (h >> 15)) ^ ((h << 24) | (h >> 40))
        h *= MX2
        h ^= (h >> 35) + n
        h *= MX2
        return h ^ (h >> 28)
    if n > 0:
        c = ((<uint32_t><uint8_t>p[0] << 16) | (<uint32_t><uint8_t>p[n >> 1] << 24)
             | <uint32_t><uint8_t>p[n - 1] | (<uint32_t>n << 8))
        return avalanche64(<uint64_t>c ^ <uint64_t>(r32(SECRET) ^ r32(SECRET + 4)))
    return avalanche64(r64(SECRET + 56) ^ r64(SECRET + 64))


cdef uint64_t up_to_240(const char *p, size_t n) noexcept nogil:
    cdef uint64_t h = n * P64_1
    cdef size_t i
    if n <= 128:
        i = (n - 1) // 32
        while True:
            h += mix16(p + 16 * i, SECRET + 32 * i)
            h += mix16(p + n - 16 * (i + 1), SECRET + 32 * i + 16)
            if i == 0:
                return avalanche(h)
            i -= 1
    for i in range(8):
        h += mix16(p + 16 * i, SECRET + 16 * i)
    h = avalanche(h)
    for i in range(8, n // 16):
        h += mix16(p + 16 * i, SECRET + 16 * (i - 8) + 3)
    return avalanche(h + mix16(p + n - 16, SECRET + 136 - 17))


cdef inline void accumulate(uint64_t *acc, const char *p, const uint8_t *secret) noexcept nogil:
    cdef int i
    cdef uint64_t value, keyed
    for i in range(8):
        value = r64(p + 8 * i)
        keyed = value ^ r64(secret + 8 * i)
        acc[i ^ 1] += value
        acc[i] += <uint64_t><uint32_t>keyed * (keyed >> 32)


cdef uint64_t long_input(const char *p, size_t n) noexcept nogil:
    cdef uint64_t acc[8]
    cdef size_t blocks = (n - 1) // (64 * STRIPES_A_BLOCK)
    cdef size_t b, s, rest
    cdef uint64_t h
    cdef int i
    acc[0] = P32_3
    acc[1] = P64_1
    acc[2] = P64_2
    acc[3] = P64_3
    acc[4] = P64_4
    acc[5] = P32_2
    acc[6] = P64_5
    acc[7] = P32_1
    for b in range(blocks):
        for s in range(STRIPES_A_BLOCK):
            accumulate(acc, p + b * 64 * STRIPES_A_BLOCK + s * 64, SECRET + 8 * s)
        for i in range(8):
            acc[i] = (acc[i] ^ (acc[i] >> 47) ^ r64(SECRET + SECRET_BYTES - 64 + 8 * i)) * P32_1
    rest = (n - 1 - blocks * 64 * STRIPES_A_BLOCK) // 64
    for s in range(rest):
        accumulate(acc, p + blocks * 64 * STRIPES_A_BLOCK + s * 64, SECRET + 8 * s)
    accumulate(acc, p + n - 64, SECRET + SECRET_BYTES - 64 - 7)
    h = n * P64_1
    for i in range(4):
        h += fold(acc[2 * i] ^ r64(SECRET + 11 + 16 * i), acc[2 * i + 1] ^ r64(SECRET + 11 + 16 * i + 8))
    return avalanche(h)


cdef uint64_t xxh3_64(const char *p, size_t n) noexcept nogil:
    if n <= 16:
        return up_to_16(p, n)
    if n <= 240:
        return up_to_240(p, n)
    return long_input(p, n)
