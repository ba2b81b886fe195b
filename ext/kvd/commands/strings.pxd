"""What the Python doors call without going through the gate."""

from kvd.commands.table cimport call
from kvd.core.view cimport view

cdef bint plain_set(call *c, view key, view value) noexcept nogil    # SET without options; False: the error is replied
