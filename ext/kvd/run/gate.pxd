"""The gate: may this call run now? See gate.pyx."""

from kvd.run.call cimport call

cdef enum verdict:
    PASSED
    REFUSED                    # the error is replied
    PAUSED                     # nothing was done; to be tried again after the pause

cdef int gate(call *c) noexcept nogil                  # sets c.command and c.flags; returns a verdict
