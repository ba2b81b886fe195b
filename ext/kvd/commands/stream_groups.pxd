"""Functions of consumer groups for XREADGROUP. See stream_groups.pyx."""

from kvd.core.idmap cimport stream_id
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.types.group cimport consumer, group, nack
from kvd.types.stream cimport stream

cdef void group_missing(call *c, view key, view name, const char *where) noexcept nogil       # replies NOGROUP
cdef void group_unknown(call *c, view key, view name) noexcept nogil                           # replies NOGROUP for a stream that exists
cdef void propagate_pending(call *c, view key, group *g, nack *p) noexcept nogil               # the effect of an entry that was delivered
cdef void propagate_position(call *c, view key, group *g) noexcept nogil                        # and of the group's last id
cdef void lose(call *c, view key, stream *s, group *g, stream_id id) noexcept nogil              # drops a pending entry that the stream no longer has
cdef consumer *use_consumer(call *c, stream *s, group *g, view key, view name) noexcept nogil   # created if it is new; NULL: no memory
