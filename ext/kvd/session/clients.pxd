"""Sessions made, reset and deleted; the registries of a store's session layer. See clients.pyx."""

from kvd.session.session cimport session
from kvd.store.store cimport store

cdef bint clients_init(store *s) noexcept nogil                    # all parts of this layer; False: no memory
cdef void clients_release(store *s) noexcept nogil                 # with all sessions
cdef session *session_new(store *s, bint in_process) noexcept nogil    # registered; NULL: no memory
cdef void session_delete(session *c) noexcept nogil
cdef void session_reset(session *c) noexcept nogil                 # as RESET
cdef void session_discard(session *c) noexcept nogil               # the queue, MULTI state and watches
cdef void session_begin(session *c, bint trusted) noexcept nogil  # as the default user, or as the program itself
