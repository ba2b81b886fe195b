"""Users from lines of text: of the configuration, and of files of users. See declare.pyx."""

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.run.acl.rules cimport rule_error
from kvd.store.store cimport store

cdef rule_error user_set(store *s, view name, const view *rules, int count, view *failed) noexcept nogil   # makes or changes a user: by all rules, or by none after an error, which *failed has made
cdef bint user_declare(store *s, view line, buf *error) noexcept nogil         # "name rule rule ...", as after `user` in the configuration; False: error
cdef bint users_load(store *s, const char *path, buf *error) noexcept nogil    # replaces all users, or none: then error
cdef bint users_save(store *s, const char *path, buf *error) noexcept nogil
