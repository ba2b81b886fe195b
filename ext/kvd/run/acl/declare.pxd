"""Users from lines of text: of the configuration, and of files of users. See declare.pyx."""

from kvd.run.acl.users cimport acl
from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.store.store cimport store

cdef bint user_declare(store *s, view line, buf *error) noexcept nogil         # "name rule rule ...", as after `user` in the configuration; False: error
cdef bint users_load(store *s, const char *path, buf *error) noexcept nogil    # replaces all users, or none: then error
cdef bint users_save(store *s, const char *path, buf *error) noexcept nogil
