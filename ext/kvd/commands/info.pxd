"""A section of INFO that a layer above prints. See info.pyx."""

from kvd.core.buf cimport buf
from kvd.store.store cimport store

ctypedef void (*section)(store *s, buf *out) noexcept nogil

cdef void info_section(const char *name, section print) noexcept         # at import: replaces what is printed below its title
