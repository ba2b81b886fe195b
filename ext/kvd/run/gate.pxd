"""The gate: may this call run now? See gate.pyx."""

from kvd.run.call cimport call

cdef enum verdict:
    PASSED
    REFUSED                    # the error is replied
    PAUSED                     # nothing happened; to be tried again when the pause is over

cdef int gate(call *c) noexcept nogil                  # finds c.command, and c.flags; a verdict
