"""The footer of a payload of DUMP or FUNCTION DUMP: two bytes of version, eight of CRC-64 over all bytes before them."""

from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from kvd.core.buf cimport buf_add
from kvd.core.crc64 cimport crc64
from kvd.persist.rdb.forms cimport RDB_VERSION, RDB_VERSION_VALKEY


cdef void payload_close(buf *out, uint64_t version) noexcept nogil:
    cdef uint64_t crc
    buf_add(out, &version, 2)
    crc = crc64(0, out.ptr, out.len)
    buf_add(out, &crc, 8)


cdef bint payload_whole(view v, bint summed) noexcept nogil:
    cdef uint64_t crc
    cdef unsigned char *footer = <unsigned char *>v.ptr + v.len - FOOTER
    cdef int version
    if v.len < FOOTER:
        return False
    version = footer[0] | footer[1] << 8
    if version > RDB_VERSION and version != RDB_VERSION_VALKEY:
        return False
    if not summed:
        return True
    crc = crc64(0, v.ptr, v.len - 8)
    return memcmp(&crc, footer + 2, 8) == 0
