"""SHA-1 of bytes. See sha1.pyx."""

from libc.stdint cimport uint8_t

from kvd.core.view cimport view

cdef enum:
    SHA1_BYTES = 20
    SHA1_TEXT = 40

cdef void sha1(view v, uint8_t *out) noexcept nogil        # SHA1_BYTES bytes
cdef void sha1_hex(view v, char *out) noexcept nogil     # 40 hexadecimal characters; no NUL
