"""Functions shared with hash_expiry.pyx. See hashes.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.types.kind cimport packing

cdef bint hash_open_read(call *c, entry **e) noexcept nogil    # key argv[1], which may be missing; False: the error is replied

# Of key argv[1]. The first three may move the entry and tell its new address.
cdef bint hash_open_write(call *c, uint64_t hash, entry **e) noexcept nogil    # for any change by the functions of types/hash; False: no memory
cdef int hash_put(call *c, uint64_t hash, entry **e, view field, view value, packing *limits, bint keep_deadline) noexcept nogil   # 1 new, 0 changed, -1: no memory
cdef int hash_remove_field(call *c, uint64_t hash, entry **e, view field) noexcept nogil   # 1 removed, 0: there was none, -1: no memory
cdef void hash_settle(call *c, uint64_t hash, entry *e) noexcept nogil                # at the end of a command that added or removed fields, or changed deadlines
cdef void hash_removed(call *c, entry *e, uint64_t hash, int64_t n) noexcept nogil    # after n fields were removed: the event, and an empty hash is deleted
cdef void hash_propagate_deadline(call *c, view field, int64_t ms) noexcept nogil    # HPEXPIREAT key ms FIELDS 1 field
cdef void hash_propagate_field(call *c, entry *e, view field, view value) noexcept nogil
cdef void hash_reply_field(call *c, entry *e, view field) noexcept nogil    # its value, or null
