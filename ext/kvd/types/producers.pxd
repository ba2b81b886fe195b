"""What is known of the producers of a stream (XADD IDMP). See producers.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kvd.core.entry cimport entry, entry_inline
from kvd.core.idmap cimport stream_id
from kvd.core.mem cimport heap
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.types.group cimport name_list, named

cdef enum:
    CONTENT_BYTES = 16
    IDMP_LONGEST = 86400       # s for which an iid may be known
    IDMP_MOST = 10000          # iids that may be known of a producer

cdef struct producer:
    named name
    table iids                 # idempotent id -> entry, whose value is the id of the stream's entry
    entry **ring               # the same entries, in order of those ids
    uint32_t head              # the first in the ring
    uint32_t count
    uint32_t room              # a power of two

cdef struct producers:
    int64_t duration           # s for which an iid is known
    int64_t maxsize            # iids known of each producer
    uint64_t added             # ever
    uint64_t duplicates        # entries that were not added
    uint32_t swept             # the producer that is looked at next for iids to forget
    name_list list

cdef producers *producers_new(heap *h, int64_t duration, int64_t maxsize) noexcept nogil            # or NULL
cdef void producers_free(heap *h, producers *all) noexcept nogil
cdef void producers_clear(heap *h, producers *all) noexcept nogil                                    # forgets all iids
cdef uint32_t producers_drop(heap *h, producers *all) noexcept nogil                                 # forgets a producer; returns the number of its iids
cdef producers *producers_copy(heap *h, producers *all) noexcept nogil                               # or NULL
cdef size_t producers_bytes(producers *all) noexcept nogil
cdef const char *producers_check(producers *all) noexcept nogil                                      # NULL, or what is wrong

cdef bint producers_find(producers *all, view pid, view iid, uint64_t ms, stream_id *id) noexcept nogil   # False: unknown, or not known any more at that time
cdef bint producers_add(heap *h, producers *all, view pid, view iid, stream_id id) noexcept nogil         # it must be unknown; False: no memory, or it is known
cdef bint producers_record(heap *h, producers *all, view pid, view iid, stream_id id) noexcept nogil      # the same, in place of an older one; forgets others. False: no memory
cdef void producers_forget(heap *h, producers *all, view pid, view iid) noexcept nogil
cdef uint64_t producers_known(producers *all, uint64_t ms, uint64_t *pids) noexcept nogil                 # the number of iids, and of producers that have some, at that time
cdef bint producers_next(producers *all, stream_id after, stream_id *id) noexcept nogil                   # the lowest id above `after`; False: there is none
cdef void content_iid(view *pairs, int count, char *out) noexcept nogil                                   # CONTENT_BYTES, which do not depend on the order of the fields


cdef inline stream_id iid_target(entry *e) noexcept nogil:
    """The id of the stream's entry."""
    cdef stream_id id
    memcpy(&id, entry_inline(e).ptr, sizeof(stream_id))
    return id


cdef inline entry *producer_at(producer *p, uint32_t i) noexcept nogil:
    """Its i-th iid, the oldest first."""
    return p.ring[(p.head + i) & (p.room - 1)]
