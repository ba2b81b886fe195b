"""The folder of an append-only log, read and begun. See logfolder.pyx."""

from libc.stdint cimport int64_t

from kvd.persist.file cimport PATH_ROOM
from kvd.persist.journal cimport journal
from kvd.store.store cimport store

# where they return bint, False: an error text of ERROR_ROOM bytes
cdef const char *log_name(store *s) noexcept nogil                                     # appendfilename, which names of files begin with
cdef void logfolder_increment(store *s, int64_t seq, char *out) noexcept nogil         # the name of one; NAME_ROOM bytes
cdef void logfolder_base(store *s, int64_t seq, char *out) noexcept nogil              # the same, in the form that is configured
cdef bint logfolder_set(journal *j, char *error) noexcept nogil                        # j.folder as configured; makes it
cdef bint logfolder_read(journal *j, bint *found, char *error) noexcept nogil          # its manifest, if there is one
cdef int logfolder_rename(store *s, const char *folder) noexcept nogil                 # under the lock: the written manifest (manifest_write) becomes the valid one; errno
cdef bint logfolder_adopt(journal *j, bint found, char *error) noexcept nogil          # a log of the form before Redis 7. found: there was a manifest
cdef bint logfolder_load(journal *j, bint held, char *error) noexcept nogil            # its files. held: under the lock, which is kept
cdef bint logfolder_open(journal *j, char *error) noexcept nogil                       # appends to the last increment; without a base, the data set becomes it first
cdef bint logfolder_begin(journal *j, int64_t seq, bint listed, char *error) noexcept nogil   # appends to a new increment, which is in the list and, if listed, in the manifest. False: all is as before
cdef bint journal_load(store *s, char *error) noexcept nogil                           # under the lock, which is kept: all that the log holds, or the configured folder, on top of what is there
