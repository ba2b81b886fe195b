"""The list of the files of an append-only log. See manifest.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef enum:
    NAME_ROOM = 300

cdef struct log_file:
    char name[NAME_ROOM]
    int64_t seq
    char type                  # b base, i increment, h history

cdef struct manifest:
    log_file *files            # the base first, then increments by number
    int count
    int64_t base_seq
    int64_t increment_seq
    char error[160]

cdef bint manifest_read(manifest *m, view text) noexcept nogil         # False: m.error
cdef bint manifest_load(manifest *m, const char *path, bint *found, char *error) noexcept nogil   # reads the file, if there is one. False: error (ERROR_ROOM bytes)
cdef void manifest_print(manifest *m, buf *out) noexcept nogil
cdef void manifest_path(char *out, const char *folder, const char *log) noexcept nogil           # PATH_ROOM bytes. log: the name with which those of its files begin
cdef int manifest_write(const char *folder, const char *log, buf *text) noexcept nogil           # beside the valid one, and syncs it; errno
cdef int manifest_rename(const char *folder, const char *log) noexcept nogil                     # it becomes the valid one; the folder is still to be synced. errno
cdef void manifest_forget(const char *folder, const char *log) noexcept nogil                    # removes what was written and is not used
cdef bint manifest_add(manifest *m, char type, int64_t seq, const char *name) noexcept nogil    # False: no memory
cdef void manifest_release(manifest *m) noexcept nogil
