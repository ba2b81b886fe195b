"""Which clients an option allows a command. See process.pyx."""

from kvd.run.call cimport call

cdef bint option_allows(call *c, int option, const char *command, const char *name) noexcept nogil   # of the choices no, yes, local; False: the error is replied
