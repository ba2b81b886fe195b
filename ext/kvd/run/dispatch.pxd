"""Runs a client's command: gate, queue or run, work after it. See dispatch.pyx."""

from kvd.core.view cimport view
from kvd.session.session cimport session

cdef enum dispatch_result:
    DISPATCHED
    DISPATCH_PAUSED            # nothing was done; to be tried again after the pause

cdef int dispatch(session *who, view *argv, int argc) noexcept nogil     # under the store's lock
