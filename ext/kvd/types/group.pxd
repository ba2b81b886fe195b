"""Consumer groups of a stream, their consumers and pending entries. See group.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.idmap cimport idmap, stream_id
from kvd.core.mem cimport heap
from kvd.core.view cimport view, view_of

cdef struct name_list:         # items that begin with a `named`, in order of their names
    void **item
    uint32_t count
    uint32_t room

cdef struct named:
    char *text
    size_t len

cdef struct consumer:
    named name
    int64_t seen_ms            # last attempt to read or claim
    int64_t active_ms          # last successful one; -1: never
    idmap pending              # of its nacks

cdef extern from "<stdint.h>":
    int64_t MAX_DELIVERIES "INT64_MAX"

cdef struct nack:              # an entry delivered and not acknowledged
    stream_id id
    stream_id turn             # its key in group.order: 1 + the time of delivery in ms, or 0 if it was released; then a number
    consumer *owner            # NULL: it was released (XNACK)
    uint64_t deliveries

cdef struct group:
    named name
    stream_id last             # of the last entry delivered
    int64_t entries_read       # logical; -1: not known
    idmap pending
    idmap order                # the turns of the pending entries: the one delivered longest ago is first
    uint64_t turns             # given so far
    uint64_t released          # pending entries without an owner
    name_list consumers

cdef void *name_find(name_list *l, view name) noexcept nogil                          # or NULL
cdef bint name_add(heap *h, name_list *l, void *item, view name) noexcept nogil       # the name must be new, and is copied; False: no memory
cdef void name_remove(heap *h, name_list *l, void *item) noexcept nogil               # frees the name, not the item

cdef group *group_find(name_list *groups, view name) noexcept nogil                   # or NULL
cdef group *group_add(heap *h, name_list *groups, view name, stream_id last, int64_t entries_read) noexcept nogil   # the name must be new; or NULL
cdef void group_remove(heap *h, name_list *groups, group *g) noexcept nogil
cdef bint group_copy(heap *h, name_list *groups, group *g) noexcept nogil             # adds a copy; False: no memory
cdef size_t group_bytes(group *g) noexcept nogil
cdef const char *groups_check(name_list *groups) noexcept nogil                       # NULL, or what is wrong

cdef consumer *group_consumer(group *g, view name) noexcept nogil                     # or NULL
cdef consumer *group_consumer_add(heap *h, group *g, view name, int64_t now) noexcept nogil
cdef void group_consumer_remove(heap *h, group *g, consumer *c) noexcept nogil        # with its pending entries

cdef nack *group_pend(heap *h, group *g, consumer *c, stream_id id, int64_t now) noexcept nogil   # new, or taken from another consumer; c NULL: new, and released; or NULL
cdef bint group_ack(heap *h, group *g, stream_id id) noexcept nogil                   # False: it is not pending
cdef bint nack_give(group *g, nack *n, consumer *c, int64_t delivered_ms) noexcept nogil   # to the consumer; False: no memory, it is as it was
cdef bint nack_release(group *g, nack *n) noexcept nogil                              # it has no owner any more, and is the last of those; False: no memory
cdef nack *group_oldest(group *g) noexcept nogil                                      # the first one released, else the one delivered longest ago, or NULL
cdef bint groups_refer(name_list *groups, stream_id id) noexcept nogil                # some group has not received it yet, or has it pending
cdef void groups_forget(heap *h, name_list *groups, stream_id id) noexcept nogil      # removes it from all pending entries


cdef inline view name_of(void *item) noexcept nogil:
    """Of a group or a consumer."""
    return view_of((<named *>item).text, (<named *>item).len)


cdef inline int64_t nack_delivered(nack *n) noexcept nogil:
    """In ms; 0 if it was released."""
    return <int64_t>(n.turn.ms - 1) if n.owner != NULL else 0


cdef inline bint nack_idle(nack *n, int64_t now, int64_t ms) noexcept nogil:
    """Was it delivered so long ago? A released one always."""
    return n.owner == NULL or now - nack_delivered(n) >= ms


cdef inline void nack_count(nack *n) noexcept nogil:
    """Counts a delivery; XNACK FATAL has counted more than can be."""
    n.deliveries += n.deliveries < <uint64_t>MAX_DELIVERIES


cdef inline view nack_owner(nack *n) noexcept nogil:
    """The consumer's name; empty if it was released."""
    return name_of(n.owner) if n.owner != NULL else view_of(NULL, 0)


cdef inline nack *nack_of(void *turn) noexcept nogil:
    """Of an item of group.order."""
    return <nack *>(<char *>turn - sizeof(stream_id))
