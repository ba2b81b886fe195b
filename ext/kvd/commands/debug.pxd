"""Functions that layers above add to DEBUG. See debug.pyx."""

from kvd.run.call cimport handler

cdef void debug_subcommand(const char *name, const char *usage, const char *what, int least, int most, handler run) except *   # at import; constants, name in lower case; least and most words
