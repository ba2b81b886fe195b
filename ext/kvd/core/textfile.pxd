"""Text files that are read whole, and replaced at one instant. See textfile.pyx."""

from kvd.core.buf cimport buf

cdef int textfile_read(const char *path, buf *out) noexcept nogil          # appends it; 0, or errno
cdef int textfile_replace(const char *path, const buf *text) noexcept nogil   # 0, or errno; then the old one is still there
