"""Consumer groups of a stream, their consumers and pending entries.

A pending entry (nack) is in three maps: its group's and its consumer's, by id, and its group's by time of delivery (order),
in which XREADGROUP CLAIM finds those that are idle. Entries of one millisecond are in the order in which they were delivered: each
delivery gets the next number (turns). An entry that its consumer has released (XNACK) is in the group's two maps only, before all others
in the order. Groups of a stream and consumers of a group are
few: they are kept in sorted arrays of pointers.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from kvd.core.idmap cimport (
    id_compare, id_lowest, id_of, idmap_bytes, idmap_check, idmap_find, idmap_init, idmap_insert, idmap_move, idmap_next,
    idmap_release, idmap_remove, idmap_seek, idpos,
)
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free, mem_realloc
from kvd.core.view cimport view_compare

cdef enum:
    RELEASED = -1              # ms: the turn of a released entry is before those of all times


# ---- names ------------------------------------------------------------------------------------------

cdef uint32_t name_place(name_list *l, view name) noexcept nogil:
    cdef uint32_t lo = 0
    cdef uint32_t hi = l.count
    cdef uint32_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if view_compare(name_of(l.item[middle]), name) < 0:
            lo = middle + 1
        else:
            hi = middle
    return lo


cdef void *name_find(name_list *l, view name) noexcept nogil:
    cdef uint32_t i = name_place(l, name)
    return l.item[i] if i < l.count and view_compare(name_of(l.item[i]), name) == 0 else NULL


cdef bint name_add(heap *h, name_list *l, void *item, view name) noexcept nogil:
    cdef named *n = <named *>item
    cdef void *p
    cdef uint32_t i
    n.text = <char *>mem_alloc(h, name.len)
    if n.text == NULL:
        return False
    if l.count == l.room:
        p = mem_realloc(h, l.item, l.room * sizeof(void *), (l.room * 2 + 2) * sizeof(void *))
        if p == NULL:
            mem_free(h, n.text, name.len)
            return False
        l.item = <void **>p
        l.room = l.room * 2 + 2
    memcpy(n.text, name.ptr, name.len)
    n.len = name.len
    i = name_place(l, name)
    memmove(&l.item[i + 1], &l.item[i], (l.count - i) * sizeof(void *))
    l.item[i] = item
    l.count += 1
    return True


cdef void name_remove(heap *h, name_list *l, void *item) noexcept nogil:
    cdef uint32_t i = name_place(l, name_of(item))
    l.count -= 1
    memmove(&l.item[i], &l.item[i + 1], (l.count - i) * sizeof(void *))
    mem_free(h, (<named *>item).text, (<named *>item).len)
    if l.count == 0:
        mem_free(h, l.item, l.room * sizeof(void *))
        memset(l, 0, sizeof(name_list))


# ---- groups and consumers ---------------------------------------------------------------------------

cdef group *group_find(name_list *groups, view name) noexcept nogil:
    return <group *>name_find(groups, name)


cdef group *group_add(heap *h, name_list *groups, view name, stream_id last, int64_t entries_read) noexcept nogil:
    cdef group *g = <group *>mem_alloc(h, sizeof(group))
    if g == NULL:
        return NULL
    memset(g, 0, sizeof(group))
    g.last = last
    g.entries_read = entries_read
    idmap_init(&g.pending, h)
    idmap_init(&g.order, h)
    if name_add(h, groups, g, name):
        return g
    mem_free(h, g, sizeof(group))
    return NULL


cdef void group_remove(heap *h, name_list *groups, group *g) noexcept nogil:
    cdef nack *n
    while g.consumers.count:
        group_consumer_remove(h, g, <consumer *>g.consumers.item[g.consumers.count - 1])
    n = group_oldest(g)
    while n != NULL:
        group_ack(h, g, n.id)
        n = group_oldest(g)
    idmap_release(&g.pending)
    idmap_release(&g.order)
    name_remove(h, groups, g)
    mem_free(h, g, sizeof(group))


cdef consumer *group_consumer(group *g, view name) noexcept nogil:
    return <consumer *>name_find(&g.consumers, name)


cdef consumer *group_consumer_add(heap *h, group *g, view name, int64_t now) noexcept nogil:
    cdef consumer *c = <consumer *>mem_alloc(h, sizeof(consumer))
    if c == NULL:
        return NULL
    memset(c, 0, sizeof(consumer))
    c.seen_ms = now
    c.active_ms = -1
    idmap_init(&c.pending, h)
    if name_add(h, &g.consumers, c, name):
        return c
    mem_free(h, c, sizeof(consumer))
    return NULL


cdef void group_consumer_remove(heap *h, group *g, consumer *c) noexcept nogil:
    cdef idpos at
    cdef nack *n = <nack *>idmap_seek(&c.pending, id_lowest(), &at)
    while n != NULL:
        idmap_remove(&g.pending, n.id)
        idmap_remove(&g.order, n.turn)
        mem_free(h, n, sizeof(nack))
        n = <nack *>idmap_next(&c.pending, &at)
    idmap_release(&c.pending)
    name_remove(h, &g.consumers, c)
    mem_free(h, c, sizeof(consumer))


# ---- pending entries --------------------------------------------------------------------------------

cdef inline stream_id next_turn(group *g, int64_t delivered_ms) noexcept nogil:
    g.turns += 1
    return id_of(<uint64_t>delivered_ms + 1, g.turns)


cdef bint nack_give(group *g, nack *n, consumer *c, int64_t delivered_ms) noexcept nogil:
    if n.owner != c and not idmap_insert(&c.pending, n):
        return False
    if not idmap_move(&g.order, &n.turn, next_turn(g, delivered_ms)):
        if n.owner != c:
            idmap_remove(&c.pending, n.id)
        return False
    if n.owner != c:
        disown(g, n)
        n.owner = c
    return True


cdef void disown(group *g, nack *n) noexcept nogil:
    if n.owner != NULL:
        idmap_remove(&n.owner.pending, n.id)
    else:
        g.released -= 1


cdef bint nack_release(group *g, nack *n) noexcept nogil:
    if not idmap_move(&g.order, &n.turn, next_turn(g, RELEASED)):
        return False
    disown(g, n)
    n.owner = NULL
    g.released += 1
    return True


cdef bint nack_enter(group *g, nack *n) noexcept nogil:
    """Into the maps; False: no memory, it is in none."""
    if not idmap_insert(&g.pending, n):
        return False
    if idmap_insert(&g.order, &n.turn):
        if n.owner == NULL:
            g.released += 1
            return True
        if idmap_insert(&n.owner.pending, n):
            return True
        idmap_remove(&g.order, n.turn)
    idmap_remove(&g.pending, n.id)
    return False


cdef nack *group_pend(heap *h, group *g, consumer *c, stream_id id, int64_t now) noexcept nogil:
    cdef nack *n = <nack *>idmap_find(&g.pending, id)
    if n != NULL:
        if not nack_give(g, n, c, now):
            return NULL
        n.deliveries = 1
        return n
    n = <nack *>mem_alloc(h, sizeof(nack))
    if n == NULL:
        return NULL
    n.id = id
    n.turn = next_turn(g, now if c != NULL else RELEASED)
    n.owner = c
    n.deliveries = 1
    if nack_enter(g, n):
        return n
    mem_free(h, n, sizeof(nack))
    return NULL


cdef nack *group_oldest(group *g) noexcept nogil:
    cdef idpos at
    cdef void *turn = idmap_seek(&g.order, id_lowest(), &at)
    return nack_of(turn) if turn != NULL else NULL


cdef bint group_ack(heap *h, group *g, stream_id id) noexcept nogil:
    cdef nack *n = <nack *>idmap_remove(&g.pending, id)
    if n == NULL:
        return False
    disown(g, n)
    idmap_remove(&g.order, n.turn)
    mem_free(h, n, sizeof(nack))
    return True


cdef bint groups_refer(name_list *groups, stream_id id) noexcept nogil:
    cdef uint32_t i
    cdef group *g
    for i in range(groups.count):
        g = <group *>groups.item[i]
        if id_compare(id, g.last) > 0 or idmap_find(&g.pending, id) != NULL:
            return True
    return False


cdef void groups_forget(heap *h, name_list *groups, stream_id id) noexcept nogil:
    cdef uint32_t i
    for i in range(groups.count):
        group_ack(h, <group *>groups.item[i], id)


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint copy_pending(heap *h, group *g, group *new) noexcept nogil:
    """In order of delivery."""
    cdef idpos at
    cdef void *turn = idmap_seek(&g.order, id_lowest(), &at)
    cdef nack *n
    cdef nack *m
    while turn != NULL:
        n = nack_of(turn)
        m = group_pend(h, new, group_consumer(new, name_of(n.owner)) if n.owner != NULL else NULL, n.id, nack_delivered(n))
        if m == NULL:
            return False
        m.deliveries = n.deliveries
        turn = idmap_next(&g.order, &at)
    return True


cdef bint group_copy(heap *h, name_list *groups, group *g) noexcept nogil:
    cdef group *new = group_add(h, groups, name_of(g), g.last, g.entries_read)
    cdef consumer *c
    cdef consumer *d
    cdef uint32_t i
    if new == NULL:
        return False
    for i in range(g.consumers.count):
        c = <consumer *>g.consumers.item[i]
        d = group_consumer_add(h, new, name_of(c), c.seen_ms)
        if d == NULL:
            return False
        d.active_ms = c.active_ms
    return copy_pending(h, g, new)


cdef size_t group_bytes(group *g) noexcept nogil:
    cdef size_t total = mem_cost(sizeof(group)) + idmap_bytes(&g.pending) + idmap_bytes(&g.order) + g.pending.count * mem_cost(sizeof(nack))
    cdef uint32_t i
    for i in range(g.consumers.count):
        total += mem_cost(sizeof(consumer)) + idmap_bytes(&(<consumer *>g.consumers.item[i]).pending)
    return total


cdef const char *check_names(name_list *l) noexcept nogil:
    cdef uint32_t i
    for i in range(1, l.count):
        if view_compare(name_of(l.item[i - 1]), name_of(l.item[i])) >= 0:
            return b"the names of groups or consumers are out of order"
    return NULL


cdef const char *check_consumer(group *g, consumer *c) noexcept nogil:
    cdef const char *wrong = idmap_check(&c.pending)
    cdef idpos at
    cdef nack *n = <nack *>idmap_seek(&c.pending, id_lowest(), &at) if wrong == NULL else NULL
    while n != NULL:
        if n.owner != c or idmap_find(&g.pending, n.id) != n:
            return b"a pending entry is another consumer's, or not its group's"
        if idmap_find(&g.order, n.turn) != &n.turn or n.turn.seq > g.turns:
            return b"a pending entry has no place in the order of delivery"
        n = <nack *>idmap_next(&c.pending, &at)
    return wrong


cdef const char *check_released(group *g) noexcept nogil:
    cdef idpos at
    cdef void *turn = idmap_seek(&g.order, id_lowest(), &at)
    cdef uint64_t n = 0
    while turn != NULL and nack_of(turn).owner == NULL:
        n += 1
        if nack_of(turn).turn.ms or idmap_find(&g.pending, nack_of(turn).id) != nack_of(turn):
            return b"a released entry is not before the others, or not its group's"
        turn = idmap_next(&g.order, &at)
    if n != g.released:
        return b"released entries are counted wrongly"
    return NULL


cdef const char *check_group(group *g) noexcept nogil:
    cdef const char *wrong = idmap_check(&g.pending)
    cdef size_t pending = 0
    cdef uint32_t i
    if wrong == NULL:
        wrong = idmap_check(&g.order)
    if wrong == NULL:
        wrong = check_names(&g.consumers)
    for i in range(g.consumers.count):
        if wrong == NULL:
            wrong = check_consumer(g, <consumer *>g.consumers.item[i])
            pending += (<consumer *>g.consumers.item[i]).pending.count
    if wrong == NULL:
        wrong = check_released(g)
    if wrong == NULL and (pending + g.released != g.pending.count or g.order.count != g.pending.count):
        wrong = b"a group and its consumers disagree on what is pending"
    return wrong


cdef const char *groups_check(name_list *groups) noexcept nogil:
    cdef const char *wrong = check_names(groups)
    cdef uint32_t i
    for i in range(groups.count):
        if wrong == NULL:
            wrong = check_group(<group *>groups.item[i])
    return wrong
