"""What the gate, EXEC and scripts ask about users. See enforce.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call

cdef enum:
    DENIED_ROOM = 640          # bytes of an error

cdef bint is_denied(call *c) noexcept nogil                                # by the user of its session
cdef void tell_denied(call *c, char *text) noexcept nogil                  # after that: the error for the client; it is logged
cdef bint denies_queued(call *c) noexcept nogil                            # as is_denied, of a command that EXEC is about to run. True: the error is replied
cdef bint denies_again(call *c) noexcept nogil                            # the same of a command that has waited
cdef void note_login_denied(call *c, view username) noexcept nogil         # AUTH or HELLO with a wrong password
cdef bint may_read_all(call *c) noexcept nogil                             # every key, for the patterns of SORT
