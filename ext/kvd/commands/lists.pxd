"""Commands on lists, and what SORT shares with them. See lists.pyx."""

from kvd.commands.table cimport call
from kvd.types.list cimport list_shape

cdef list_shape list_limits(call *c) noexcept nogil        # list-max-listpack-size and list-compress-depth
