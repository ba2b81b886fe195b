"""Which user a session is, and what changes of users mean for sessions. See access.pyx."""

from kvd.core.view cimport view
from kvd.run.acl.users cimport acl_of, user
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef user *user_with(store *s, view name, view password) noexcept nogil    # whose name and password these are, if it is enabled; or NULL
cdef void session_becomes(session *c, user *u) noexcept nogil             # after AUTH
cdef void users_changed(store *s) noexcept nogil                          # after changes of users, also of new ones: for sessions that are there, and for new ones
cdef void user_loses_channels(store *s, user *u) noexcept nogil            # closes its sessions that listen to channels that it may not (any more)
cdef void user_leaves(store *s, user *u) noexcept nogil                   # before it is deleted: closes its sessions
cdef void requirepass_applied(store *s) noexcept nogil                    # after changes of options: if that one has changed, the default user has this password


cdef inline user *user_of(session *c) noexcept nogil:
    return <user *>c.user if c.user != NULL else acl_of(c.store).standard
