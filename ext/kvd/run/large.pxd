"""Large arguments of a call: memory for them, obtained without the store's lock. See large.pyx."""

from kvd.core.mem cimport offered, ready
from kvd.core.view cimport view
from kvd.run.call cimport command
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef enum:
    LARGE = 65536              # arguments of this length are offered to values
    VAST = 1048576             # memory for copies of these is made ready

cdef enum large_use:
    USE_NONE                   # the command does not store it, or it is not large
    USE_TAKEN                  # a value takes over the memory that it lies in
    USE_COPIED                 # it is copied into a value

cdef struct large_args:
    offered offer
    ready *blocks
    bint lent                  # the store's heap has them

cdef large_use large_use_of(session *c, view name, size_t n) noexcept nogil   # what the command `name` does with an argument of n bytes
cdef bint large_copy(large_args *l, view *v) noexcept nogil        # offers a copy of v, which becomes a view of it; False: no memory
cdef void large_ready(large_args *l, size_t n) noexcept nogil      # makes memory ready for a copy of n bytes
cdef void large_lend(store *s, large_args *l) noexcept nogil       # under the lock, before the call
cdef bint large_reclaim(store *s, large_args *l) noexcept nogil    # under the lock, after it; True: a value has taken the offer
cdef void large_release(large_args *l) noexcept nogil              # frees what is left
