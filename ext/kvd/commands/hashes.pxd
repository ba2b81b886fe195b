"""Functions shared with hash_expiry.pyx. See hashes.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.run.call cimport call

cdef bint hash_open_read(call *c, entry **e) noexcept nogil    # key argv[1], which may be missing; False: the error is replied
cdef bint hash_remove_field(call *c, entry *e, view field) noexcept nogil   # of key argv[1]; False: there was none
cdef void hash_removed(call *c, entry *e, uint64_t hash, int64_t n) noexcept nogil    # after n fields were removed: the event, and an empty hash is deleted
cdef void hash_propagate_deadline(call *c, view field, int64_t ms) noexcept nogil    # HPEXPIREAT key ms FIELDS 1 field
cdef void hash_propagate_field(call *c, entry *e, view field, view value) noexcept nogil
cdef void hash_reply_field(call *c, entry *e, view field) noexcept nogil    # its value, or null
