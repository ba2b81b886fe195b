"""Commands on lists, and what SORT shares with them. See lists.pyx."""

from kvd.store.store cimport store
from kvd.types.list cimport list_shape

cdef list_shape list_limits(store *s) noexcept nogil        # list-max-listpack-size and list-compress-depth
