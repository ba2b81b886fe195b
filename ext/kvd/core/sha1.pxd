"""SHA-1 of bytes. See sha1.pyx."""

from kvd.core.view cimport view

cdef enum:
    SHA1_TEXT = 40

cdef void sha1_hex(view v, char *out) noexcept nogil     # 40 hexadecimal characters; no NUL
