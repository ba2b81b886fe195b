"""SHA-256 of bytes. See sha256.pyx."""

from libc.stdint cimport uint8_t

from kvd.core.view cimport view

cdef enum:
    SHA256_BYTES = 32
    SHA256_TEXT = 64

cdef void sha256(view v, uint8_t *out) noexcept nogil      # SHA256_BYTES bytes
