"""SHA-256 (FIPS 180-4), as which the passwords of users are kept.

Implemented here because AUTH is answered without the GIL, and without OpenSSL where there is none.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from kvd.core.sha cimport sha_digest

cdef uint32_t K[64]
K[:] = [
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5, 0xD807AA98, 0x12835B01, 0x243185BE,
    0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174, 0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA,
    0x5CB0A9DC, 0x76F988DA, 0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967, 0x27B70A85,
    0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85, 0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3,
    0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070, 0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F,
    0x682E6FF3, 0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
]


cdef inline uint32_t ror(uint32_t x, int n) noexcept nogil:
    return x >> n | x << (32 - n)


cdef void expand(uint32_t *w, const uint8_t *p) noexcept nogil:
    cdef uint32_t a, b
    cdef int i
    for i in range(16):
        w[i] = <uint32_t>p[4 * i] << 24 | <uint32_t>p[4 * i + 1] << 16 | <uint32_t>p[4 * i + 2] << 8 | p[4 * i + 3]
    for i in range(16, 64):
        a = w[i - 15]
        b = w[i - 2]
        w[i] = w[i - 16] + w[i - 7] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + (ror(b, 17) ^ ror(b, 19) ^ b >> 10)


cdef void block(uint32_t *h, const uint8_t *p) noexcept nogil:
    cdef uint32_t w[64]
    cdef uint32_t v[8]
    cdef uint32_t s, t
    cdef int i, k
    expand(w, p)
    memcpy(v, h, sizeof(v))
    for i in range(64):
        s = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) + (v[6] ^ (v[4] & (v[5] ^ v[6]))) + K[i] + w[i]
        t = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) + ((v[0] & v[1]) | (v[2] & (v[0] | v[1])))
        for k in range(7, 0, -1):
            v[k] = v[k - 1]
        v[4] += s
        v[0] = s + t
    for i in range(8):
        h[i] += v[i]


cdef void sha256(view v, uint8_t *out) noexcept nogil:
    cdef uint32_t h[8]
    h[0], h[1], h[2], h[3] = 0x6A09E667, <uint32_t>0xBB67AE85U, 0x3C6EF372, <uint32_t>0xA54FF53AU
    h[4], h[5], h[6], h[7] = 0x510E527F, <uint32_t>0x9B05688CU, 0x1F83D9AB, 0x5BE0CD19
    sha_digest(v, h, block, out, SHA256_BYTES)
