"""Commands on sorted sets, and what GEO shares with them. See zsets.pyx."""

from libc.stdint cimport int64_t

from kvd.commands.table cimport call
from kvd.core.entry cimport entry

cdef void zset_finish_store(call *c, entry *result, const char *event) noexcept nogil   # argv[1] becomes result, or goes if that is empty; replies its size
