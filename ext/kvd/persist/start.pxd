"""Loading of what the configuration names. See start.pyx."""

from libc.stdint cimport uint32_t

from kvd.store.store cimport store

cdef bint start_begin(store *s) noexcept nogil                 # from now on clients are refused (LOADING); False: no memory
cdef bint start_load(store *s, char *error) noexcept nogil     # after that, without the lock. False: error (ERROR_ROOM bytes), and clients stay refused
cdef bint dump_load(store *s, const char *path, uint32_t flags, char *error) noexcept nogil   # a snapshot file, which INFO counts; flags: loading_flag. False: error
