"""Streams.

    stream   ids of its ends, counters, an idmap of nodes, groups in order of their names
    node     a listpack of entries, whose ids are relative to the node's
    known    what is known of producers (producers.pyx)
    group    the last id delivered, an idmap of pending entries (nacks), consumers in order of their names

The listpack of a node is laid out as Redis's, so that payloads are exchanged as they are:

    entries | deleted | n | field ... (n) | 0                      the node's own fields: those of its first entry
    flags | ms | seq | value ... (n) | cells                        an entry with the same fields (flag 2)
    flags | ms | seq | n | field | value ... | cells                any other entry
                                                                    flag 1: it is deleted

`cells` counts the elements before it, for walking backwards. An entry is thus its values and
seven bytes or so. Deleting marks it; a node whose entries are all deleted is freed.

Consumer groups: group.pyx.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.idmap cimport (
    id_compare, id_highest, id_lowest, id_next, id_of, idmap_bytes, idmap_check, idmap_init, idmap_insert, idmap_next,
    idmap_prev, idmap_remove, idmap_seek, idmap_seek_last,
)
from kvd.core.listpack cimport (
    lp_append, lp_append_int, lp_bytes, lp_check, lp_copy, lp_equal, lp_first, lp_free, lp_get, lp_get_int, lp_last,
    lp_new, lp_next, lp_prev, lp_replace_int,
)
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.types.group cimport (
    group, group_ack, group_bytes, group_copy, group_remove, groups_check, groups_forget, groups_refer, nack,
)
from kvd.types.kind cimport STREAM, boxed_new
from kvd.types.producers cimport (
    producer, producers_bytes, producers_check, producers_copy, producers_drop, producers_free,
)

cdef enum entry_flag:
    DELETED = 1
    SAME_FIELDS = 2

cdef enum:
    MAX_NODE = 1073741824      # bytes, whatever the configuration


cdef const char *stream_encoding_name(entry *e) noexcept nogil:
    return b"stream"


cdef entry *stream_new(heap *h, view key) noexcept nogil:
    cdef stream *s = <stream *>mem_alloc(h, sizeof(stream))
    cdef entry *e
    if s == NULL:
        return NULL
    memset(s, 0, sizeof(stream))
    s.mem = h
    idmap_init(&s.nodes, h)
    e = boxed_new(h, key, STREAM, 0, s)
    if e == NULL:
        mem_free(h, s, sizeof(stream))
    return e


cdef inline int64_t number(uint8_t *p) noexcept nogil:
    cdef int64_t n = 0
    lp_get_int(p, &n)
    return n


# ---- appending --------------------------------------------------------------------------------------

cdef stream_node *node_new(stream *s, stream_id id, view *pairs, int count) noexcept nogil:
    """A node whose fields are those of its first entry; or NULL."""
    cdef stream_node *n = <stream_node *>mem_alloc(s.mem, sizeof(stream_node))
    cdef int i
    cdef bint ok
    if n == NULL:
        return NULL
    n.first = id
    n.lp = lp_new(s.mem)
    ok = n.lp != NULL and lp_append_int(s.mem, &n.lp, 0) and lp_append_int(s.mem, &n.lp, 0) and lp_append_int(s.mem, &n.lp, count)
    i = 0
    while ok and i < count:
        ok = lp_append(s.mem, &n.lp, pairs[i * 2])
        i += 1
    ok = ok and lp_append_int(s.mem, &n.lp, 0) and idmap_insert(&s.nodes, n)
    if ok:
        return n
    if n.lp != NULL:
        lp_free(s.mem, n.lp)
    mem_free(s.mem, n, sizeof(stream_node))
    return NULL


cdef bint has_fields(stream_node *n, view *pairs, int count) noexcept nogil:
    cdef uint8_t *p = lp_next(lp_next(lp_first(n.lp)))
    cdef int i
    if number(p) != count:
        return False
    for i in range(count):
        p = lp_next(p)
        if not lp_equal(p, pairs[i * 2]):
            return False
    return True


cdef bint node_full(stream_node *n, size_t bytes, stream_limits *limits) noexcept nogil:
    cdef size_t most = limits.bytes if 0 < limits.bytes < MAX_NODE else MAX_NODE
    if lp_bytes(n.lp) + bytes >= most:
        return True
    return limits.entries and number(lp_first(n.lp)) + number(lp_next(lp_first(n.lp))) >= limits.entries


cdef bint write_entry(stream *s, stream_node *n, stream_id id, view *pairs, int count) noexcept nogil:
    cdef bint same = has_fields(n, pairs, count)
    cdef int i
    cdef bint ok = (lp_append_int(s.mem, &n.lp, SAME_FIELDS if same else 0)
                    and lp_append_int(s.mem, &n.lp, <int64_t>(id.ms - n.first.ms))
                    and lp_append_int(s.mem, &n.lp, <int64_t>(id.seq - n.first.seq)))
    if not same:
        ok = ok and lp_append_int(s.mem, &n.lp, count)
    i = 0
    while ok and i < count:
        ok = (same or lp_append(s.mem, &n.lp, pairs[i * 2])) and lp_append(s.mem, &n.lp, pairs[i * 2 + 1])
        i += 1
    return ok and lp_append_int(s.mem, &n.lp, count + 3 if same else count * 2 + 4)


cdef bint bump(stream *s, stream_node *n, int live, int dead) noexcept nogil:
    """Adds to the node's two counters; they are rewritten in place or the listpack moves."""
    cdef uint8_t *p = lp_first(n.lp)
    if live and not lp_replace_int(s.mem, &n.lp, p, number(p) + live):
        return False
    p = lp_next(lp_first(n.lp))
    return dead == 0 or lp_replace_int(s.mem, &n.lp, p, number(p) + dead)


cdef bint stream_append(stream *s, stream_id id, view *pairs, int count, stream_limits *limits) noexcept nogil:
    cdef idpos at
    cdef stream_node *n = <stream_node *>idmap_seek_last(&s.nodes, id_highest(), &at)
    cdef uint8_t *whole
    cdef size_t bytes = 0
    cdef int i
    for i in range(count * 2):
        bytes += pairs[i].len
    if n == NULL or node_full(n, bytes, limits):
        n = node_new(s, id, pairs, count)
        if n == NULL:
            return False
        if not write_entry(s, n, id, pairs, count) or not bump(s, n, 1, 0):
            drop_node(s, n)
            return False
    else:
        whole = NULL
        if bytes > 65536:          # a failed append must not leave half an entry; small ones do not fail in practice
            whole = lp_copy(s.mem, n.lp)
            if whole == NULL:
                return False
        if not write_entry(s, n, id, pairs, count) or not bump(s, n, 1, 0):
            if whole != NULL:
                lp_free(s.mem, n.lp)
                n.lp = whole
            return False
        if whole != NULL:
            lp_free(s.mem, whole)
    s.length += 1
    s.added += 1
    s.last = id
    if s.length == 1:
        s.first = id
    return True


cdef void drop_node(stream *s, stream_node *n) noexcept nogil:
    idmap_remove(&s.nodes, n.first)
    lp_free(s.mem, n.lp)
    mem_free(s.mem, n, sizeof(stream_node))


cdef bint take_int(uint8_t **p, int64_t *n) noexcept nogil:
    """Reads an integer and steps over it; False: there is none."""
    if p[0] == NULL or not lp_get_int(p[0], n):
        return False
    p[0] = lp_next(p[0])
    return True


cdef bint take_entry(uint8_t **p, int64_t shared, stream_id *id, bint *dead) noexcept nogil:
    """Steps over an entry of a node with this many fields of its own, and adds its relative id to id; False: it is broken."""
    cdef int64_t flags, ms, seq, cells
    cdef int64_t fields = shared
    if not take_int(p, &flags) or not 0 <= flags <= 3 or not take_int(p, &ms) or not take_int(p, &seq):
        return False
    if not flags & SAME_FIELDS and (not take_int(p, &fields) or not 0 <= fields < MAX_NODE):
        return False
    cells = fields if flags & SAME_FIELDS else fields * 2
    p[0] = forward(p[0], cells)
    cells += 3 if flags & SAME_FIELDS else 4
    if not take_int(p, &fields) or fields != cells:
        return False
    id.ms += <uint64_t>ms
    id.seq += <uint64_t>seq
    dead[0] = flags & DELETED
    return True


cdef bint node_valid(stream_id first, uint8_t *lp, size_t n, stream_id *last, int64_t *live) noexcept nogil:
    """Is it a listpack of entries in ascending order whose counters are right?"""
    cdef uint8_t *p
    cdef int64_t dead, fields, zero
    cdef stream_id id
    cdef bint gone
    cdef bint any = False
    if lp_check(lp, n) != NULL:
        return False
    p = lp_first(lp)
    if not take_int(&p, live) or not take_int(&p, &dead) or not take_int(&p, &fields) or not 0 <= fields < MAX_NODE:
        return False
    p = forward(p, fields)
    if not take_int(&p, &zero) or zero != 0 or live[0] < 1:
        return False
    zero = live[0]
    while p != NULL:
        id = first
        if not take_entry(&p, fields, &id, &gone) or (any and id_compare(id, last[0]) <= 0):
            return False
        any = True
        last[0] = id
        zero -= not gone
        dead -= gone
    return zero == 0 and dead == 0


cdef bint stream_adopt(stream *s, stream_id first, uint8_t *lp, size_t n) noexcept nogil:
    cdef stream_node *node
    cdef stream_id last
    cdef int64_t live
    if not node_valid(first, lp, n, &last, &live) or (s.nodes.count and id_compare(first, s.last) <= 0):
        return False
    node = <stream_node *>mem_alloc(s.mem, sizeof(stream_node))
    if node == NULL:
        return False
    node.first = first
    node.lp = lp
    if not idmap_insert(&s.nodes, node):
        mem_free(s.mem, node, sizeof(stream_node))
        return False
    s.length += live
    s.added += live
    s.last = last
    if s.nodes.count == 1:
        find_first(s)
    return True


# ---- walking ----------------------------------------------------------------------------------------

cdef uint8_t *first_entry(stream_node *n) noexcept nogil:
    """The start of the node's first entry, or NULL."""
    cdef uint8_t *p = lp_next(lp_next(lp_first(n.lp)))
    cdef int64_t i = number(p) + 2
    while i > 0 and p != NULL:
        p = lp_next(p)
        i -= 1
    return p


cdef uint8_t *last_cell(stream_node *n) noexcept nogil:
    """The cell count of the node's last entry; of a node without entries the 0 that ends its fields."""
    return lp_last(n.lp)


cdef void stream_walk_start(stream_walk *w, stream *s, stream_id start, stream_id end, bint reverse) noexcept nogil:
    w.s = s
    w.start = start
    w.end = end
    w.reverse = reverse
    w.p = NULL
    if reverse:
        w.node = <stream_node *>idmap_seek_last(&s.nodes, end, &w.at)
    else:
        w.node = <stream_node *>idmap_seek_last(&s.nodes, start, &w.at)
        if w.node == NULL:
            w.node = <stream_node *>idmap_seek(&s.nodes, start, &w.at)
    if w.node != NULL:
        w.p = last_cell(w.node) if reverse else first_entry(w.node)


cdef inline uint8_t *forward(uint8_t *p, int64_t cells) noexcept nogil:
    while cells > 0 and p != NULL:
        p = lp_next(p)
        cells -= 1
    return p


cdef bint next_node(stream_walk *w) noexcept nogil:
    w.node = <stream_node *>(idmap_prev(&w.s.nodes, &w.at) if w.reverse else idmap_next(&w.s.nodes, &w.at))
    if w.node == NULL:
        return False
    w.p = last_cell(w.node) if w.reverse else first_entry(w.node)
    return True


cdef bint stream_walk_next(stream_walk *w, stream_id *id) noexcept nogil:
    """w.p: forwards, the start of the next entry; backwards, the cell count at its end."""
    cdef uint8_t *p
    cdef int64_t cells, flags
    while w.node != NULL:
        if w.reverse:
            cells = number(w.p)
            if cells == 0:             # the end of the node's own fields
                if not next_node(w):
                    return False
                continue
            p = w.p
            while cells > 0:
                p = lp_prev(w.node.lp, p)
                cells -= 1
            w.p = lp_prev(w.node.lp, p)
        else:
            if w.p == NULL:
                if not next_node(w):
                    return False
                continue
            p = w.p
        flags = number(p)
        w.flags = p
        p = lp_next(p)
        id.ms = w.node.first.ms + <uint64_t>number(p)
        p = lp_next(p)
        id.seq = w.node.first.seq + <uint64_t>number(p)
        p = lp_next(p)
        w.same = (flags & SAME_FIELDS) != 0
        if w.same:
            w.master = lp_next(lp_next(lp_first(w.node.lp)))
            w.fields = number(w.master)
            w.master = lp_next(w.master)
            if not w.reverse:
                w.p = lp_next(forward(p, w.fields))
        else:
            w.fields = number(p)
            p = lp_next(p)
            if not w.reverse:
                w.p = lp_next(forward(p, w.fields * 2))
        w.cell = p
        if not flags & DELETED:
            if w.reverse:
                if id_compare(id[0], w.start) < 0:
                    return False
                if id_compare(id[0], w.end) <= 0:
                    return True
            else:
                if id_compare(id[0], w.end) > 0:
                    return False
                if id_compare(id[0], w.start) >= 0:
                    return True
    return False


cdef void stream_walk_field(stream_walk *w, view *field, view *value) noexcept nogil:
    if w.same:
        field[0] = lp_get(w.master, w.field_text)
        w.master = lp_next(w.master)
    else:
        field[0] = lp_get(w.cell, w.field_text)
        w.cell = lp_next(w.cell)
    value[0] = lp_get(w.cell, w.value_text)
    w.cell = lp_next(w.cell)


cdef bint stream_has(stream *s, stream_id id) noexcept nogil:
    cdef stream_walk w
    cdef stream_id found
    stream_walk_start(&w, s, id, id, False)
    return stream_walk_next(&w, &found)


# ---- deleting ---------------------------------------------------------------------------------------

cdef void find_first(stream *s) noexcept nogil:
    cdef stream_walk w
    cdef stream_id id
    s.first = id_lowest()
    stream_walk_start(&w, s, id_lowest(), id_highest(), False)
    if stream_walk_next(&w, &id):
        s.first = id


cdef void mark_deleted(stream *s, stream_node *n, uint8_t *flags) noexcept nogil:
    """Both flag values take one byte, so nothing moves until the counters change."""
    cdef int64_t value = number(flags) | DELETED
    lp_replace_int(s.mem, &n.lp, flags, value)
    s.length -= 1
    if number(lp_first(n.lp)) == 1:
        drop_node(s, n)
    else:
        bump(s, n, -1, 1)


cdef bint stream_delete(stream *s, stream_id id) noexcept nogil:
    cdef stream_walk w
    cdef stream_id found
    stream_walk_start(&w, s, id, id, False)
    if not stream_walk_next(&w, &found):
        return False
    mark_deleted(s, w.node, w.flags)
    if id_compare(id, s.max_deleted) > 0:
        s.max_deleted = id
    if id_compare(id, s.first) == 0 or s.length == 0:
        find_first(s)
    return True


cdef stream_id last_of(stream_node *n) noexcept nogil:
    """The id of the last entry, including deleted ones."""
    cdef uint8_t *p = last_cell(n)
    cdef int64_t cells = number(p)
    while cells > 0:
        p = lp_prev(n.lp, p)
        cells -= 1
    p = lp_next(p)
    return id_of(n.first.ms + <uint64_t>number(p), n.first.seq + <uint64_t>number(lp_next(p)))


cdef inline bint trimmed_enough(stream *s, stream_trimming *t, stream_id id) noexcept nogil:
    """May the entry stay?"""
    return id_compare(id, t.minid) >= 0 if t.by_id else <int64_t>s.length <= t.maxlen


cdef bint goes_whole(stream *s, stream_node *n, stream_trimming *t) noexcept nogil:
    if t.by_id:
        return id_compare(last_of(n), t.minid) < 0
    return <int64_t>s.length - number(lp_first(n.lp)) >= t.maxlen


cdef int64_t trim_nodes(stream *s, stream_trimming *t) noexcept nogil:
    cdef int64_t gone = 0
    cdef int64_t live
    cdef idpos at
    cdef stream_node *n
    while t.by_id or <int64_t>s.length > t.maxlen:
        n = <stream_node *>idmap_seek(&s.nodes, id_lowest(), &at)
        if n == NULL or not goes_whole(s, n, t):
            break
        live = number(lp_first(n.lp))
        if t.limit and gone + live > t.limit:
            break
        s.length -= live
        gone += live
        drop_node(s, n)
    return gone


cdef int64_t trim_entries(stream *s, stream_trimming *t, int64_t gone) noexcept nogil:
    """Trims one by one, from the first; the part `gone` of the limit is used already."""
    cdef stream_walk w
    cdef stream_id id
    cdef stream_node *judged = NULL
    cdef int64_t n = 0
    stream_walk_start(&w, s, id_lowest(), id_highest(), False)
    while stream_walk_next(&w, &id):
        if trimmed_enough(s, t, id):
            break
        if t.approximate and w.node != judged:
            if not goes_whole(s, w.node, t) or (t.limit and gone + n + number(lp_first(w.node.lp)) > t.limit):
                break
            judged = w.node
        if t.refs == ONLY_ACKNOWLEDGED and groups_refer(&s.groups, id):
            continue
        if t.refs == DROP_REFERENCES:
            groups_forget(s.mem, &s.groups, id)
        mark_deleted(s, w.node, w.flags)
        n += 1
        if not id_next(&id):
            break
        stream_walk_start(&w, s, id, id_highest(), False)      # the listpack may have moved
    return n


cdef int64_t stream_trim(stream *s, stream_trimming *t) noexcept nogil:
    cdef int64_t gone = trim_nodes(s, t) if t.refs == KEEP_REFERENCES else 0
    if t.refs != KEEP_REFERENCES or not t.approximate:
        gone += trim_entries(s, t, gone)
    if gone:
        find_first(s)
    return gone


cdef bint stream_range_has_tombstones(stream *s, stream_id start) noexcept nogil:
    """May XDEL have deleted an entry at or after start?"""
    if s.length == 0 or id_compare(s.max_deleted, id_lowest()) == 0:
        return False
    if id_compare(s.first, s.max_deleted) > 0:
        return False
    return id_compare(start, s.max_deleted) <= 0


cdef bint stream_trimmed_past(stream *s, stream_id id) noexcept nogil:
    return s.length > 0 and id_compare(id, s.first) < 0 and id_compare(s.max_deleted, s.first) < 0


cdef int64_t stream_entries_read(stream *s, stream_id id) noexcept nogil:
    cdef int order
    if s.added == 0:
        return 0
    if s.length == 0 and id_compare(id, s.last) < 1:
        return s.added
    if id_compare(id, id_lowest()) != 0 and id_compare(id, s.max_deleted) < 0:
        return -1
    order = id_compare(id, s.last)
    if order == 0:
        return s.added
    if order > 0:
        return -1
    order = id_compare(id, s.first)
    if id_compare(s.max_deleted, id_lowest()) == 0 or id_compare(s.max_deleted, s.first) < 0:
        if order < 0:
            return s.added - s.length
        if order == 0:
            return s.added - s.length + 1
    return -1


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint stream_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef stream_node *n
    cdef group *g
    cdef idpos at
    cdef nack *pending
    while budget[0] > 0 and s.groups.count:
        g = <group *>s.groups.item[0]
        if g.pending.count:
            pending = <nack *>idmap_seek_last(&g.pending, id_highest(), &at)
            group_ack(s.mem, g, pending.id)
        else:
            group_remove(s.mem, &s.groups, g)
        budget[0] -= 1
    while budget[0] > 0 and s.known != NULL:
        if s.known.list.count:
            budget[0] -= producers_drop(h, s.known)
        else:
            producers_free(h, s.known)
            s.known = NULL
    while budget[0] > 0:
        n = <stream_node *>idmap_seek_last(&s.nodes, id_highest(), &at)
        if n == NULL:
            mem_free(h, s, sizeof(stream))
            return True
        drop_node(s, n)
        budget[0] -= 1
    return False


cdef size_t stream_parts(entry *e) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef size_t n = s.nodes.count
    cdef uint32_t i
    for i in range(s.groups.count):
        n += (<group *>s.groups.item[i]).pending.count
    if s.known != NULL:
        for i in range(s.known.list.count):
            n += (<producer *>s.known.list.item[i]).count
    return n


cdef size_t stream_bytes(entry *e, size_t samples) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef size_t total = mem_cost(sizeof(stream)) + idmap_bytes(&s.nodes) + s.nodes.count * mem_cost(sizeof(stream_node))
    cdef size_t n = 0
    cdef size_t seen = 0
    cdef idpos at
    cdef stream_node *node = <stream_node *>idmap_seek(&s.nodes, id_lowest(), &at)
    cdef uint32_t i
    while node != NULL and (samples == 0 or seen < samples):
        n += mem_cost(lp_bytes(node.lp))
        seen += 1
        node = <stream_node *>idmap_next(&s.nodes, &at)
    if seen:
        total += n * s.nodes.count // seen
    for i in range(s.groups.count):
        total += group_bytes(<group *>s.groups.item[i])
    if s.known != NULL:
        total += producers_bytes(s.known)
    return total


cdef bint copy_nodes(stream *s, stream *t) noexcept nogil:
    cdef idpos at
    cdef stream_node *n = <stream_node *>idmap_seek(&s.nodes, id_lowest(), &at)
    cdef stream_node *m
    while n != NULL:
        m = <stream_node *>mem_alloc(t.mem, sizeof(stream_node))
        if m == NULL:
            return False
        m.first = n.first
        m.lp = lp_copy(t.mem, n.lp)
        if m.lp == NULL or not idmap_insert(&t.nodes, m):
            if m.lp != NULL:
                lp_free(t.mem, m.lp)
            mem_free(t.mem, m, sizeof(stream_node))
            return False
        n = <stream_node *>idmap_next(&s.nodes, &at)
    return True


cdef bint stream_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef stream *s = stream_of(source)
    cdef stream *t = <stream *>mem_alloc(h, sizeof(stream))
    cdef int budget = 2147483647
    cdef uint32_t i
    cdef bint ok
    if t == NULL:
        return False
    t[0] = s[0]
    memset(&t.groups, 0, sizeof(name_list))
    t.known = NULL
    idmap_init(&t.nodes, h)
    entry_payload(copy)[0] = t
    ok = copy_nodes(s, t)
    if ok and s.known != NULL:
        t.known = producers_copy(h, s.known)
        ok = t.known != NULL
    for i in range(s.groups.count):
        ok = ok and group_copy(h, &t.groups, <group *>s.groups.item[i])
    if not ok:
        stream_free_some(h, copy, &budget)
    return ok


cdef const char *check_nodes(stream *s) noexcept nogil:
    cdef const char *wrong = idmap_check(&s.nodes)
    cdef stream_id last = s.first
    cdef int64_t live
    cdef uint64_t length = 0
    cdef idpos at
    cdef stream_node *n = <stream_node *>idmap_seek(&s.nodes, id_lowest(), &at) if wrong == NULL else NULL
    while n != NULL:
        if length and id_compare(n.first, last) <= 0:
            return b"a stream's nodes overlap"
        if not node_valid(n.first, n.lp, lp_bytes(n.lp), &last, &live):
            return b"a stream's node is broken"
        length += live
        n = <stream_node *>idmap_next(&s.nodes, &at)
    if wrong == NULL and length != s.length:
        wrong = b"a stream's length is wrong"
    if wrong == NULL and length and id_compare(last, s.last) > 0:
        wrong = b"a stream's last entry is above its last id"
    return wrong


cdef const char *check_first(stream *s) noexcept nogil:
    cdef stream_walk w
    cdef stream_id id = id_lowest()
    stream_walk_start(&w, s, id_lowest(), id_highest(), False)
    stream_walk_next(&w, &id)
    if id_compare(id, s.first) != 0:
        return b"a stream's first id is wrong"
    return NULL


cdef const char *stream_check(entry *e) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef const char *wrong = check_nodes(s)
    if wrong == NULL:
        wrong = check_first(s)
    if wrong == NULL and s.known != NULL:
        wrong = producers_check(s.known)
    return wrong if wrong != NULL else groups_check(&s.groups)
