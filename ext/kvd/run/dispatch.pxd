"""A command of a client: through the gate, queued or run, and what follows. See dispatch.pyx."""

from kvd.core.view cimport view
from kvd.session.session cimport session

cdef enum dispatch_result:
    DISPATCHED
    DISPATCH_PAUSED            # nothing happened; try again when the pause is over

cdef int dispatch(session *who, view *argv, int argc) noexcept nogil     # under the store's lock
