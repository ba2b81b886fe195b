"""The digest of a value: equal to Redis's DEBUG DIGEST, so that it can be compared with real servers. See digest.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from kvd.core.entry cimport entry
from kvd.core.sha1 cimport SHA1_BYTES
from kvd.core.view cimport view

cdef struct digest:            # zeros to begin with
    uint8_t bytes[SHA1_BYTES]

cdef void digest_xor(digest *d, view v) noexcept nogil           # in any order
cdef void digest_mix(digest *d, view v) noexcept nogil           # in this order
cdef void digest_mix_number(digest *d, uint32_t n) noexcept nogil
cdef view digest_view(digest *d) noexcept nogil
cdef void digest_text(digest *d, char *out) noexcept nogil       # 40 hexadecimal characters and a NUL

# a value's own bytes, without its type and deadline (types/value.pyx), and without fields whose deadline is not after now;
# False: no memory
cdef bint string_digest(entry *e, int64_t now, digest *d) noexcept nogil
cdef bint list_digest(entry *e, int64_t now, digest *d) noexcept nogil
cdef bint set_digest(entry *e, int64_t now, digest *d) noexcept nogil
cdef bint zset_digest(entry *e, int64_t now, digest *d) noexcept nogil
cdef bint hash_digest(entry *e, int64_t now, digest *d) noexcept nogil
cdef bint stream_digest(entry *e, int64_t now, digest *d) noexcept nogil
cdef bint array_digest(entry *e, int64_t now, digest *d) noexcept nogil
