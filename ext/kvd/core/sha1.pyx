"""SHA-1 (FIPS 180-4), which identifies scripts (EVALSHA). Not for secrets.

Implemented here because scripts are named, and texts hashed, without the GIL.
"""

from libc.stdint cimport uint8_t, uint32_t

from kvd.core.sha cimport sha_digest


cdef inline uint32_t rol(uint32_t x, int n) noexcept nogil:
    return x << n | x >> (32 - n)


cdef void block(uint32_t *h, const uint8_t *p) noexcept nogil:
    cdef uint32_t w[80]
    cdef uint32_t a, b, c, d, e, f, k, t
    cdef int i
    for i in range(16):
        w[i] = <uint32_t>p[4 * i] << 24 | <uint32_t>p[4 * i + 1] << 16 | <uint32_t>p[4 * i + 2] << 8 | p[4 * i + 3]
    for i in range(16, 80):
        w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)
    a, b, c, d, e = h[0], h[1], h[2], h[3], h[4]
    for i in range(80):
        if i < 20:
            f = d ^ (b & (c ^ d))
            k = 0x5A827999
        elif i < 40:
            f = b ^ c ^ d
            k = 0x6ED9EBA1
        elif i < 60:
            f = (b & c) | (d & (b | c))
            k = <uint32_t>0x8F1BBCDCU
        else:
            f = b ^ c ^ d
            k = <uint32_t>0xCA62C1D6U
        t = rol(a, 5) + f + e + k + w[i]
        e = d
        d = c
        c = rol(b, 30)
        b = a
        a = t
    h[0] += a
    h[1] += b
    h[2] += c
    h[3] += d
    h[4] += e


cdef void sha1(view v, uint8_t *out) noexcept nogil:
    cdef uint32_t h[5]
    h[0], h[1], h[2], h[3], h[4] = 0x67452301, <uint32_t>0xEFCDAB89U, <uint32_t>0x98BADCFEU, 0x10325476, <uint32_t>0xC3D2E1F0U
    sha_digest(v, h, block, out, SHA1_BYTES)


cdef void sha1_hex(view v, char *out) noexcept nogil:
    cdef uint8_t bytes[SHA1_BYTES]
    cdef int i
    sha1(v, bytes)
    for i in range(SHA1_BYTES):
        out[2 * i] = b"0123456789abcdef"[bytes[i] >> 4]
        out[2 * i + 1] = b"0123456789abcdef"[bytes[i] & 15]
