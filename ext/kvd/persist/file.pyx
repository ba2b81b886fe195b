"""RDB files that appear whole or not at all: written under a temporary name, synced, renamed, the directory synced.

The version in a file's first nine bytes is the oldest that can read it, which is known at the end only. The checksum is linear: that of the
corrected file is the old one xor the checksum of the difference, followed by as many zeros as bytes follow the header.
"""

from libc.errno cimport ENAMETOOLONG
from libc.stdint cimport uintptr_t
from libc.stdio cimport remove, snprintf
from libc.string cimport memset, strerror

from kvd.core.crc64 cimport crc64, crc64_zeros
from kvd.persist.rdb.forms cimport RDB_LEAST, RDB_VERSION_VALKEY

cdef extern from "<unistd.h>" nogil:
    int getpid()
    int close(int fd)

cdef enum:
    SYNC_STEP = 4194304        # bytes


cdef bint path_join(char *out, const char *folder, view name) noexcept nogil:
    cdef int n
    if name.len and name.ptr[0] == c'/':
        n = snprintf(out, PATH_ROOM, b"%.*s", <int>name.len, name.ptr)
    else:
        n = snprintf(out, PATH_ROOM, b"%s/%.*s", folder, <int>name.len, name.ptr)
    return 0 <= n < PATH_ROOM - 64


cdef bint fail(rdb_file *f, int error, const char *what) noexcept nogil:
    if error and f.error == 0:
        f.error = error
        f.failed = what
    return f.error == 0


cdef bint rdb_file_open(rdb_file *f, const char *folder, view name, bint checks, bint syncs) noexcept nogil:
    memset(f, 0, sizeof(rdb_file))
    f.fd = -1
    f.checks = checks
    f.syncs = syncs
    if not path_join(f.path, folder, name):
        return fail(f, ENAMETOOLONG, b"open")
    snprintf(f.folder, PATH_ROOM, b"%s", folder)
    snprintf(f.temporary, PATH_ROOM, b"%s/temp-%d-%lx.rdb", folder, getpid(), <unsigned long><uintptr_t>f)
    f.fd = file_create(f.temporary)
    if f.fd < 0:
        return fail(f, last_error(), b"open")
    file_lock(f.fd)                    # while it is written: what is not locked was left by a process that has ended
    return True


cdef bint rdb_file_write(rdb_file *f, const char *p, size_t n) noexcept nogil:
    if f.error:
        return False
    if f.checks:
        f.crc = crc64(f.crc, p, n)
    f.written += n
    f.unsynced += n
    if not fail(f, file_write(f.fd, p, n), b"write"):
        return False
    if f.syncs and f.unsynced >= SYNC_STEP:
        f.unsynced = 0
        return fail(f, file_sync(f.fd), b"fsync")
    return True


cdef void rdb_magic(char *header, int version) noexcept nogil:
    snprintf(header, RDB_HEADER + 1, b"VALKEY%03d" if version == RDB_VERSION_VALKEY else b"REDIS%04d", version)


cdef uint64_t rdb_header(char *header, int version, uint64_t crc, uint64_t written) noexcept nogil:
    cdef char change[RDB_HEADER + 1]
    cdef int i
    rdb_magic(header, version)
    rdb_magic(change, RDB_LEAST)
    for i in range(RDB_HEADER):
        change[i] ^= header[i]
    return crc ^ crc64_zeros(crc64(0, change, RDB_HEADER), written - RDB_HEADER)


cdef void correct_version(rdb_file *f, int version) noexcept nogil:
    cdef char header[RDB_HEADER + 1]
    if version != RDB_LEAST and f.written >= RDB_HEADER:
        f.crc = rdb_header(header, version, f.crc, f.written)
        fail(f, file_write_at(f.fd, header, RDB_HEADER, 0), b"write")


cdef void end_rdb(rdb_file *f, int version) noexcept nogil:
    cdef uint64_t crc
    correct_version(f, version)
    crc = f.crc if f.checks else 0
    if f.error == 0:
        fail(f, file_write(f.fd, <const char *>&crc, 8), b"write")
    f.written += 8


cdef bint rdb_file_finish(rdb_file *f, int version) noexcept nogil:
    if not f.plain:
        end_rdb(f, version)
    if f.error == 0:
        fail(f, file_sync(f.fd), b"fsync")
    if f.fd >= 0 and close(f.fd) < 0:
        fail(f, last_error(), b"close")
    f.fd = -1
    if f.error == 0:
        fail(f, file_rename(f.temporary, f.path), b"rename")
    if f.error:
        rdb_file_drop(f)
        return False
    return fail(f, folder_sync(f.folder), b"fsync")


cdef void rdb_file_drop(rdb_file *f) noexcept nogil:
    if f.fd >= 0:
        close(f.fd)
        f.fd = -1
    if f.temporary[0]:
        remove(f.temporary)
        f.temporary[0] = 0


cdef bint say(char *error, const char *what, const char *path, int code) noexcept nogil:
    snprintf(error, ERROR_ROOM, b"%s %s: %s", what, path, strerror(code))
    return False
