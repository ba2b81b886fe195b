"""Functions that layers above add to DEBUG. See process.pyx."""

from kvd.run.call cimport handler

cdef void debug_subcommand(const char *name, handler run) noexcept       # at import; a constant in lower case; the handler checks the number of words
