"""The slot of a key in a cluster: CRC-16 (polynomial 0x1021, as XMODEM's) of the key, modulo 16384.

If the key has a hash tag - text between the first { and the next } - only that counts, so that related keys
can be put in one slot.
"""

from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memchr

from kvd.core.view cimport view_of

cdef uint16_t TABLE[256]


cdef void make_table() noexcept nogil:
    cdef int i, _
    cdef uint16_t crc
    for i in range(256):
        crc = <uint16_t>(i << 8)
        for _ in range(8):
            crc = <uint16_t>(crc << 1 ^ 0x1021) if crc & 0x8000 else <uint16_t>(crc << 1)
        TABLE[i] = crc


make_table()


cdef view tag_of(view key) noexcept nogil:
    cdef const char *open = <const char *>memchr(key.ptr, c'{', key.len)
    cdef const char *close
    if open == NULL:
        return key
    close = <const char *>memchr(open + 1, c'}', key.ptr + key.len - open - 1)
    return key if close == NULL or close == open + 1 else view_of(open + 1, close - open - 1)


cdef int key_slot(view key) noexcept nogil:
    cdef view tag = tag_of(key)
    cdef uint16_t crc = 0
    cdef size_t i
    for i in range(tag.len):
        crc = <uint16_t>(crc << 8) ^ TABLE[(crc >> 8 ^ <unsigned char>tag.ptr[i]) & 255]
    return crc & (SLOTS - 1)


cdef int pattern_slot(view pattern) noexcept nogil:
    """-1 if a special character precedes the end of the hash tag, or there is one and no tag."""
    cdef size_t i
    cdef int64_t open = -1
    cdef char ch
    for i in range(pattern.len):
        ch = pattern.ptr[i]
        if ch == c'*' or ch == c'?' or ch == c'[' or ch == c'\\':
            return -1
        if ch == c'{' and open < 0:
            open = i
        elif ch == c'}' and open >= 0 and <int64_t>i != open + 1:
            break
    return key_slot(pattern)
