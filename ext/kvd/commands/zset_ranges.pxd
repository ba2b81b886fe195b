"""Functions shared with unions of sorted sets. See zset_ranges.pyx."""

from kvd.core.entry cimport entry
from kvd.run.call cimport call

cdef void zset_reply_all(call *c, entry *e, bint with_scores) noexcept nogil
