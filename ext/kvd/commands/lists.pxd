"""Commands on lists, and what other commands on lists share with them. See lists.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.quicklist cimport quickpos
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.store.store cimport store
from kvd.types.list cimport list_access, list_shape

cdef list_shape list_limits(store *s) noexcept nogil        # list-max-listpack-size and list-compress-depth
cdef void open_list(call *c, list_access *a, entry *e) noexcept nogil
cdef void write_at(call *c, quickpos *at) noexcept nogil     # replies the element
cdef void finish_removal(call *c, view key, entry *e, uint64_t hash, int64_t removed, const char *event) noexcept nogil   # after elements were removed; the list is closed
cdef void propagate_pop(call *c, view key, bint front, int64_t count) noexcept nogil     # LPOP or RPOP key count
cdef bint read_side(call *c, int i, bint *front) noexcept nogil     # LEFT or RIGHT; False: neither, and the error is replied
