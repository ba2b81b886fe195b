"""Small text files: of the configuration, of users.

One is written beside the old, synced, and renamed, so that there is a complete one at every moment.
"""

from libc.errno cimport EFBIG, EIO, ENAMETOOLONG, ENOMEM, errno
from libc.stdio cimport FILE, fclose, ferror, fflush, fopen, fread, fwrite, remove, rename, snprintf
from libc.string cimport strlen

from kvd.core.buf cimport buf_reserve

cdef extern from "<unistd.h>" nogil:
    int fsync(int fd)
cdef extern from "<stdio.h>" nogil:
    int fileno(FILE *f)

cdef enum:
    CHUNK = 65536
    MAX_FILE = 64 << 20        # bytes that are read
    PATH_ROOM = 4200


cdef int textfile_read(const char *path, buf *out) noexcept nogil:
    cdef FILE *f = fopen(path, b"rb")
    cdef size_t n = 1
    cdef bint failed
    if f == NULL:
        return errno
    while n and out.len <= MAX_FILE and buf_reserve(out, CHUNK):
        n = fread(out.ptr + out.len, 1, CHUNK, f)
        out.len += n
    failed = ferror(f) != 0
    fclose(f)
    return EIO if failed else ENOMEM if out.failed else EFBIG if out.len > MAX_FILE else 0


cdef bint write_text(const char *path, const buf *text) noexcept nogil:
    cdef FILE *f = fopen(path, b"wb")
    cdef bint ok
    if f == NULL:
        return False
    ok = fwrite(text.ptr, 1, text.len, f) == text.len and fflush(f) == 0 and fsync(fileno(f)) == 0
    return fclose(f) == 0 and ok


cdef int textfile_replace(const char *path, const buf *text) noexcept nogil:
    cdef char temporary[PATH_ROOM]
    cdef int failed = 0
    if text.failed:
        return ENOMEM
    if strlen(path) + 5 > PATH_ROOM:
        return ENAMETOOLONG
    snprintf(temporary, sizeof(temporary), b"%s.tmp", path)
    if not write_text(temporary, text) or rename(temporary, path) != 0:
        failed = errno
        remove(temporary)
    return failed
