"""CRC-64 of Jones (polynomial 0xad93d23594c935a9, reflected, no inversion), eight bytes at a time.

Table k holds the effect of a byte on the checksum k bytes later; eight lookups thus consume a word.
The tables are made once, when the module is imported, and are constant after that.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef uint64_t TABLES[8][256]


cdef void make_tables() noexcept nogil:
    cdef uint64_t crc
    cdef int i, k, _
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ (<uint64_t>0x95ac9329ac4bc9b5ULL if crc & 1 else <uint64_t>0)
        TABLES[0][i] = crc
    for i in range(256):
        for k in range(1, 8):
            crc = TABLES[k - 1][i]
            TABLES[k][i] = TABLES[0][crc & 255] ^ (crc >> 8)


make_tables()


cdef uint64_t crc64(uint64_t crc, const void *data, size_t n) noexcept nogil:
    cdef const uint8_t *p = <const uint8_t *>data
    cdef uint64_t word
    while n >= 8:
        memcpy(&word, p, 8)
        word ^= crc
        crc = (TABLES[7][word & 255] ^ TABLES[6][word >> 8 & 255] ^ TABLES[5][word >> 16 & 255] ^ TABLES[4][word >> 24 & 255]
               ^ TABLES[3][word >> 32 & 255] ^ TABLES[2][word >> 40 & 255] ^ TABLES[1][word >> 48 & 255] ^ TABLES[0][word >> 56])
        p += 8
        n -= 8
    while n:
        crc = TABLES[0][(crc ^ p[0]) & 255] ^ (crc >> 8)
        p += 1
        n -= 1
    return crc


# A zero byte maps the checksum linearly over GF(2): a matrix, whose powers map n of them.

cdef uint64_t times(const uint64_t *matrix, uint64_t crc) noexcept nogil:
    cdef uint64_t product = 0
    cdef int i = 0
    while crc:
        if crc & 1:
            product ^= matrix[i]
        crc >>= 1
        i += 1
    return product


cdef uint64_t crc64_zeros(uint64_t crc, uint64_t n) noexcept nogil:
    cdef uint64_t power[64]
    cdef uint64_t square[64]
    cdef uint8_t zero = 0
    cdef int i
    for i in range(64):
        power[i] = crc64(<uint64_t>1 << i, &zero, 1)
    while n:
        if n & 1:
            crc = times(power, crc)
        n >>= 1
        for i in range(64):
            square[i] = times(power, power[i])
        memcpy(power, square, sizeof(power))
    return crc
