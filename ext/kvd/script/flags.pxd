"""The first line of a script: flags and names. See flags.pyx."""

from libc.stdint cimport uint32_t

from kvd.core.view cimport view
from kvd.run.call cimport call

cdef enum script_flag:
    NO_WRITES = 1
    ALLOW_OOM = 2
    ALLOW_STALE = 4
    NO_CLUSTER = 8
    ALLOW_CROSS_SLOT = 16
    COMPAT = 32                # an EVAL without #!: writes, and runs without memory as long as it needs none

cdef bint flag_named(view word, int *flags) noexcept nogil             # adds it; False: unknown
cdef uint32_t call_flags(uint32_t flags, int declared) noexcept nogil  # of a command that runs a script with these declared flags
cdef void write_flags(call *c, int flags) noexcept nogil               # as a set
cdef bint first_line(view code, view *line, view *body) noexcept nogil   # the line after #! (line.ptr NULL: none); False: it does not end
cdef bint next_word(view *line, view *word) noexcept nogil             # removes it; False: end of the line
