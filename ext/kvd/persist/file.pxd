"""Files that appear whole or not at all. See file.pyx."""

from libc.stdint cimport uint64_t

from kvd.core.view cimport view

cdef extern from "kvd/persist/file.h" nogil:
    int file_create "kvd_file_create" (const char *path)              # these three: a descriptor, or -1
    int file_begin "kvd_file_begin" (const char *path)
    int file_append "kvd_file_append" (const char *path)
    int file_nameless "kvd_file_nameless" (const char *folder)
    int file_write "kvd_file_write" (int fd, const char *p, size_t n)     # these: 0, or errno
    int file_write_some "kvd_file_write_some" (int fd, const char *p, size_t n, size_t *done)
    int file_write_at "kvd_file_write_at" (int fd, const char *p, size_t n, long at)
    int file_sync "kvd_file_sync" (int fd)
    int folder_sync "kvd_folder_sync" (const char *path)
    int file_rename "kvd_file_rename" (const char *source, const char *target)
    bint file_lock "kvd_file_lock" (int fd)                          # False: it is locked
    bint file_is "kvd_file_is" (int fd, const char *path)            # is that what the path names?
    long file_size "kvd_file_size" (const char *path)                # -1: there is none
    bint file_is_missing "kvd_file_is_missing" (const char *path)     # False: there is one, or that cannot be told
    int file_truncate "kvd_file_truncate" (int fd, unsigned long size)
    int file_make_folder "kvd_file_make_folder" (const char *path)
    int last_error "kvd_last_error" ()

cdef enum:
    PATH_ROOM = 4096
    ERROR_ROOM = 400           # bytes of an error text
    RDB_HEADER = 9             # bytes: the magic and the version

cdef struct rdb_file:
    char path[PATH_ROOM]
    char temporary[PATH_ROOM]
    char folder[PATH_ROOM]
    int fd
    uint64_t crc
    uint64_t written
    uint64_t unsynced
    bint plain                 # it is not an RDB file: neither version nor checksum
    bint checks                # it ends with a checksum (rdbchecksum)
    bint syncs                 # in steps, while it is written (rdb-save-incremental-fsync)
    int error                  # errno of the first call that failed; 0
    const char *failed         # which that was

cdef uint64_t rdb_header(char *header, int version, uint64_t crc, uint64_t written) noexcept nogil
# rdb_header: prints the header of a version for a file that was begun with RDB_LEAST; returns the checksum of all `written` bytes with it
cdef void rdb_magic(char *header, int version) noexcept nogil                       # prints the header (RDB_HEADER + 1 bytes) of a version
cdef bint path_join(char *out, const char *folder, view name) noexcept nogil        # PATH_ROOM bytes; False: it is too long
cdef bint rdb_file_open(rdb_file *f, const char *folder, view name, bint checks, bint syncs) noexcept nogil   # these: False: f.error
cdef bint rdb_file_write(rdb_file *f, const char *p, size_t n) noexcept nogil
cdef bint rdb_file_finish(rdb_file *f, int version) noexcept nogil                  # checksum, version in the header, sync, rename
cdef void rdb_file_drop(rdb_file *f) noexcept nogil                                 # removes what was written
cdef bint say(char *error, const char *what, const char *path, int code) noexcept nogil   # prints the error text of a failed call. False
