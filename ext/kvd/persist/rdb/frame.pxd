"""The footer of a payload of DUMP: version and checksum. See frame.pyx."""

from libc.stdint cimport uint64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef enum:
    FOOTER = 10                # version and checksum

cdef void payload_close(buf *out, uint64_t version) noexcept nogil     # adds the footer
cdef bint payload_whole(view v, bint summed) noexcept nogil            # of a version that can be read; summed: and intact
