"""The commands that rebuild a value: what an append-only file holds of it after a rewrite.

A value of many elements takes several commands of up to ITEMS elements each (RPUSH, SADD, ZADD, HSET, ARMSET), so that no command
blocks a replaying server for long. It can be written in slices, which end between two commands: a cursor is kept. Scores are printed so that they read back as the same number; deadlines are absolute. ARSEEK sets where the next
insertion into an array goes.

A stream is rebuilt by

    XADD            each entry, by its id; also one that was deleted but is pending in a group, or known of a producer (a ghost), with dummy fields
    XSETID          last id, entries ever added, highest deleted id
    XGROUP CREATE   each group, with its last id and what it has read
    XNACK           released entries, in their order
    XCLAIM          each pending entry to its consumer, with time and number of deliveries; XGROUP CREATECONSUMER for those without
    XCFGSET         settings of producers, and
    XIDMPRECORD     the ids that are known of each
    XTRIM, XDEL     removes the ghosts, which stay pending and known; XSETID again restores the counters

An empty stream is made by an entry that MAXLEN 0 removes at once. The times of consumers and the figures of producers are not kept, as in Redis.

Words are collected in a `line`; short ones are copied, since cursors print numbers into their own buffers.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from kvd.core.entry cimport entry_key
from kvd.core.idmap cimport id_compare, id_highest, id_lowest, idmap_next, idmap_seek, idmap_seek_last, idpos, stream_id
from kvd.core.sparse cimport SPARSE_TEXT, sparse_next, sparse_start, sparse_view
from kvd.core.text cimport INT_TEXT, format_double, format_int
from kvd.core.view cimport view_of, view_str
from kvd.types.array cimport NO_INDEX, array_of
from kvd.types.group cimport consumer, group, nack, nack_delivered, nack_of, name_of
from kvd.types.hash cimport hash_cursor, hash_next, hash_start
from kvd.types.list cimport list_cursor, list_end, list_next, list_start
from kvd.types.producers cimport iid_target, producer, producer_at, producers_next
from kvd.types.set cimport set_next, set_start
from kvd.types.stream cimport (
    stream, stream_has, stream_of, stream_walk, stream_walk_field, stream_walk_next, stream_walk_start,
)
from kvd.types.string cimport string_view
from kvd.types.zset cimport zset_at, zset_cursor, zset_get, zset_next

cdef enum:
    ITEMS = 64                 # elements a command
    WORD = 48                  # longer words are not copied: they are not in a cursor's buffer

cdef struct line:              # a command under construction
    command_sink *to
    view *argv
    char *copies               # WORD bytes for each word
    int argc
    int room
    int head                   # words with which each of the commands begins
    int items                  # elements added after the head
    bint ok


# ---- a line -----------------------------------------------------------------------------------------

cdef bint make_room(line *l) noexcept nogil:
    cdef int room = l.room * 2 if l.room else 16
    cdef view *argv = <view *>realloc(l.argv, room * sizeof(view))
    cdef char *copies
    cdef int i
    if argv == NULL:
        return False
    l.argv = argv
    copies = <char *>realloc(l.copies, <size_t>room * WORD)
    if copies == NULL:
        return False
    for i in range(l.argc):
        if argv[i].len <= WORD:
            argv[i].ptr = copies + i * WORD
    l.copies = copies
    l.room = room
    return True


cdef void add(line *l, view v) noexcept nogil:
    if l.argc == l.room and not make_room(l):
        l.ok = False
    if not l.ok:
        return
    if v.len <= WORD:
        memcpy(l.copies + l.argc * WORD, v.ptr, v.len)
        v.ptr = l.copies + l.argc * WORD
    l.argv[l.argc] = v
    l.argc += 1


cdef void add_word(line *l, const char *word) noexcept nogil:
    add(l, view_str(word))


cdef void add_int(line *l, int64_t n) noexcept nogil:
    cdef char text[INT_TEXT]
    add(l, view_of(text, format_int(text, n)))


cdef void add_index(line *l, uint64_t n) noexcept nogil:
    cdef char text[WORD]
    add(l, view_of(text, snprintf(text, sizeof(text), b"%llu", <unsigned long long>n)))


cdef void add_score(line *l, double score) noexcept nogil:
    cdef char text[WORD]
    add(l, view_of(text, format_double(text, score)))


cdef void add_id(line *l, stream_id id) noexcept nogil:
    cdef char text[WORD]
    add(l, view_of(text, snprintf(text, sizeof(text), b"%llu-%llu", <unsigned long long>id.ms, <unsigned long long>id.seq)))


cdef void begin(line *l, const char *name, view key) noexcept nogil:
    l.argc = l.items = 0
    add_word(l, name)
    add(l, key)
    l.head = l.argc


cdef void emit(line *l) noexcept nogil:
    """Emits the command; the next one begins with the same head."""
    l.ok = l.ok and l.to.take(l.to, l.argc, l.argv)
    l.argc = l.head
    l.items = 0


cdef void item_added(line *l) noexcept nogil:
    l.items += 1
    if l.items == ITEMS:
        emit(l)


cdef void open_line(line *l, command_sink *to) noexcept nogil:
    memset(l, 0, sizeof(line))
    l.to = to
    l.ok = True


cdef bint close_line(line *l) noexcept nogil:
    """Emits the remaining items; False: an error occurred."""
    if l.items:
        emit(l)
    free(l.argv)
    free(l.copies)
    return l.ok


cdef bint goes_on(line *l) noexcept nogil:
    return l.ok and not l.to.full


cdef void open_slice(line *l, rewrite_walk *w, const char *name) noexcept nogil:
    """Of commands that begin with a name and the key."""
    open_line(l, w.to)
    begin(l, name, entry_key(w.e))


cdef bint close_slice(line *l, rewrite_walk *w, bint whole) noexcept nogil:
    w.failed = not close_line(l)
    return whole or w.failed


# ---- values -----------------------------------------------------------------------------------------

cdef bint string_rewrite(rewrite_walk *w) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef line l
    open_slice(&l, w, b"SET")
    add(&l, string_view(w.e, scratch))
    emit(&l)
    return close_slice(&l, w, True)


cdef bint list_rewrite(rewrite_walk *w) noexcept nogil:
    """A slice ends at the end of a node, so that the cursor keeps nothing of it."""
    cdef list_cursor *c = &w.at.elements
    cdef view element
    cdef bint more = True
    cdef line l
    open_slice(&l, w, b"RPUSH")
    if w.stage == 0:
        list_start(w.e, c)
    w.stage = 1
    while more and l.ok and not (l.to.full and c.p == NULL):
        more = list_next(c, &element)
        if more:
            add(&l, element)
            if c.unpacked != NULL and c.p == NULL:     # the views are valid until the end of the node
                l.items = ITEMS - 1
            item_added(&l)
    more = not close_slice(&l, w, not more)
    w.failed = w.failed or c.failed
    if not more:
        list_end(c)
    return not more


cdef bint set_rewrite(rewrite_walk *w) noexcept nogil:
    cdef view member
    cdef bint more = True
    cdef line l
    open_slice(&l, w, b"SADD")
    if w.stage == 0:
        set_start(w.e, &w.at.members)
    w.stage = 1
    while more and goes_on(&l):
        more = set_next(&w.at.members, &member)
        if more:
            add(&l, member)
            item_added(&l)
    return close_slice(&l, w, not more)


cdef bint zset_rewrite(rewrite_walk *w) noexcept nogil:
    cdef zset_cursor *c = &w.at.scored
    cdef view member
    cdef line l
    open_slice(&l, w, b"ZADD")
    if w.stage == 0:
        w.more = zset_at(w.e, 0, c)
    w.stage = 1
    while w.more and goes_on(&l):
        add_score(&l, zset_get(c, &member))
        add(&l, member)
        item_added(&l)
        w.more = zset_next(c)
    return close_slice(&l, w, not w.more)


cdef bint hash_rewrite(rewrite_walk *w) noexcept nogil:
    """Stage 1: the fields, 2: their deadlines."""
    cdef bint whole
    if w.stage == 0:
        hash_start(w.e, &w.at.fields)
        w.stage = 1
    if w.stage == 1:
        whole = add_fields(w)
        if not whole or w.failed or not w.timed:
            return whole
        hash_start(w.e, &w.at.fields)
        w.stage = 2
    return add_deadlines(w)


cdef bint add_fields(rewrite_walk *w) noexcept nogil:
    cdef hash_cursor *c = &w.at.fields
    cdef view field, value
    cdef bint more = True
    cdef line l
    open_slice(&l, w, b"HSET")
    while more and goes_on(&l):
        more = hash_next(c, &field, &value)
        if more:
            add(&l, field)
            add(&l, value)
            item_added(&l)
            w.timed = w.timed or c.deadline >= 0
    return close_slice(&l, w, not more)


cdef bint add_deadlines(rewrite_walk *w) noexcept nogil:
    cdef hash_cursor *c = &w.at.fields
    cdef view field, value
    cdef bint more = True
    cdef line l
    open_line(&l, w.to)
    while more and goes_on(&l):
        more = hash_next(c, &field, &value)
        if more and c.deadline >= 0:
            begin(&l, b"HPEXPIREAT", entry_key(w.e))
            add_int(&l, c.deadline)
            add_word(&l, b"FIELDS")
            add_int(&l, 1)
            add(&l, field)
            emit(&l)
    return close_slice(&l, w, not more)


cdef bint array_rewrite(rewrite_walk *w) noexcept nogil:
    cdef char scratch[SPARSE_TEXT]
    cdef uint64_t index, word
    cdef bint more = True
    cdef line l
    open_slice(&l, w, b"ARMSET")
    if w.stage == 0:
        sparse_start(&array_of(w.e).elements, &w.at.places, 0, NO_INDEX)
    w.stage = 1
    while more and goes_on(&l):
        more = sparse_next(&w.at.places, &index, &word)
        if more:
            add_index(&l, index)
            add(&l, sparse_view(word, scratch))
            item_added(&l)
    if not more and array_of(w.e).last != NO_INDEX:
        seek(&l, w.e)
    return close_slice(&l, w, not more)


cdef void seek(line *l, entry *e) noexcept nogil:
    if l.items:
        emit(l)
    begin(l, b"ARSEEK", entry_key(e))
    add_index(l, array_of(e).last + 1)
    emit(l)


cdef bint deadline_rewrite(view key, int64_t ms, command_sink *to) noexcept nogil:
    cdef line l
    open_line(&l, to)
    begin(&l, b"PEXPIREAT", key)
    add_int(&l, ms)
    emit(&l)
    return close_line(&l)


# ---- streams ----------------------------------------------------------------------------------------

cdef const char *EMPTY[5]
EMPTY[:] = [b"MAXLEN", b"0", b"0-1", b"x", b"y"]


cdef bint known_ghost(stream *s, stream_id after, stream_id *ghost) noexcept nogil:
    ghost[0] = after
    while producers_next(s.known, ghost[0], ghost):
        if not stream_has(s, ghost[0]):
            return True
    return False


cdef bint next_ghost(stream *s, stream_id after, stream_id *ghost) noexcept nogil:
    """The lowest id above `after` that is pending in some group, or known of a producer, and not in the stream. False: there is none."""
    cdef bint found = s.known != NULL and known_ghost(s, after, ghost)
    cdef uint32_t i
    cdef idpos at
    cdef nack *n
    for i in range(s.groups.count):
        n = <nack *>idmap_seek(&(<group *>s.groups.item[i]).pending, after, &at)
        while n != NULL and (id_compare(n.id, after) <= 0 or stream_has(s, n.id)):
            n = <nack *>idmap_next(&(<group *>s.groups.item[i]).pending, &at)
        if n != NULL and (not found or id_compare(n.id, ghost[0]) < 0):
            ghost[0] = n.id
            found = True
    return found


cdef void add_ghost(line *l, view key, stream_id id) noexcept nogil:
    begin(l, b"XADD", key)
    add_id(l, id)
    add_word(l, b"x")
    add_word(l, b"y")
    emit(l)


cdef void start_entries(line *l, rewrite_walk *w) noexcept nogil:
    cdef stream_place *p = &w.at.stream
    cdef stream *s = stream_of(w.e)
    cdef int64_t i
    memset(p, 0, sizeof(stream_place))
    p.haunted = next_ghost(s, id_lowest(), &p.ghost)
    if s.length == 0 and not p.haunted:
        begin(l, b"XADD", entry_key(w.e))
        for i in range(5):
            add_word(l, EMPTY[i])
        emit(l)
    stream_walk_start(&p.walk, s, id_lowest(), id_highest(), False)


cdef void add_entry(line *l, view key, stream_walk *walk, stream_id id) noexcept nogil:
    cdef view field, value
    begin(l, b"XADD", key)
    add_id(l, id)
    for _ in range(walk.fields):
        stream_walk_field(walk, &field, &value)
        add(l, field)
        add(l, value)
    emit(l)


cdef bint add_entries(line *l, rewrite_walk *w) noexcept nogil:
    """All entries in order of id, including ghosts."""
    cdef stream_place *p = &w.at.stream
    while goes_on(l):
        if not p.has_id and not p.ended:
            p.has_id = stream_walk_next(&p.walk, &p.id)
            p.ended = not p.has_id
        if p.haunted and (p.ended or id_compare(p.ghost, p.id) < 0):
            add_ghost(l, entry_key(w.e), p.ghost)
            p.haunted = next_ghost(stream_of(w.e), p.ghost, &p.ghost)
        elif p.ended:
            return True
        else:
            add_entry(l, entry_key(w.e), &p.walk, p.id)
            p.has_id = False
    return False


cdef stream_id highest(stream *s) noexcept nogil:
    """The last id; with ghosts, not below theirs (XSETID may have lowered it)."""
    cdef stream_id top = s.last
    cdef idpos at
    cdef nack *n
    cdef uint32_t i
    for i in range(s.groups.count):
        n = <nack *>idmap_seek_last(&(<group *>s.groups.item[i]).pending, id_highest(), &at)
        if n != NULL and id_compare(n.id, top) > 0:
            top = n.id
    while s.known != NULL and producers_next(s.known, top, &top):
        pass
    return top


cdef void set_figures(line *l, view key, stream *s, stream_id last) noexcept nogil:
    begin(l, b"XSETID", key)
    add_id(l, last)
    add_word(l, b"ENTRIESADDED")
    add_int(l, <int64_t>s.added)
    add_word(l, b"MAXDELETEDID")
    add_id(l, s.max_deleted)
    emit(l)


cdef void claim(line *l, view key, group *g, consumer *who, nack *n) noexcept nogil:
    begin(l, b"XCLAIM", key)
    add(l, name_of(g))
    add(l, name_of(who))
    add_word(l, b"0")
    add_id(l, n.id)
    add_word(l, b"TIME")
    add_int(l, nack_delivered(n))
    add_word(l, b"RETRYCOUNT")
    add_int(l, <int64_t>n.deliveries)
    add_word(l, b"JUSTID")
    add_word(l, b"FORCE")
    emit(l)


cdef void add_group(line *l, view key, group *g) noexcept nogil:
    begin_group(l, b"CREATE", key, g)
    add_id(l, g.last)
    if g.entries_read >= 0:
        add_word(l, b"ENTRIESREAD")
        add_int(l, g.entries_read)
    emit(l)


cdef void start_released(group *g, stream_place *p) noexcept nogil:
    cdef void *turn = idmap_seek(&g.order, id_lowest(), &p.at)
    p.pending = nack_of(turn) if turn != NULL and nack_of(turn).owner == NULL else NULL
    p.releasing = p.pending != NULL


cdef void add_released(line *l, view key, group *g, stream_place *p) noexcept nogil:
    """Those that follow each other and have been delivered as often."""
    cdef uint64_t deliveries = p.pending.deliveries
    cdef idpos at = p.at
    cdef void *turn = &p.pending.turn
    cdef int64_t n = 0
    while turn != NULL and nack_of(turn).owner == NULL and nack_of(turn).deliveries == deliveries and n < ITEMS:
        n += 1
        turn = idmap_next(&g.order, &at)
    begin(l, b"XNACK", key)
    add(l, name_of(g))
    add_word(l, b"FAIL")
    add_word(l, b"IDS")
    add_int(l, n)
    for _ in range(n):
        add_id(l, p.pending.id)
        turn = idmap_next(&g.order, &p.at)
        p.pending = nack_of(turn) if turn != NULL and nack_of(turn).owner == NULL else NULL
    add_word(l, b"RETRYCOUNT")
    add_int(l, <int64_t>deliveries)
    add_word(l, b"FORCE")
    emit(l)
    p.releasing = p.pending != NULL


cdef void start_consumer(line *l, view key, group *g, consumer *who, stream_place *p) noexcept nogil:
    if who.pending.count == 0:
        begin_group(l, b"CREATECONSUMER", key, g)
        add(l, name_of(who))
        emit(l)
    p.pending = <nack *>idmap_seek(&who.pending, id_lowest(), &p.at)
    p.claiming = True


cdef bint add_group_some(line *l, view key, group *g, stream_place *p) noexcept nogil:
    """The group, some released entries, its next consumer, or a pending entry of that. True: that was the last."""
    cdef consumer *who
    if not p.created:
        add_group(l, key, g)
        p.created = True
        p.consumer = 0
        start_released(g, p)
    if p.releasing:
        add_released(l, key, g, p)
        return False
    if p.consumer == g.consumers.count:
        p.created = False
        return True
    who = <consumer *>g.consumers.item[p.consumer]
    if not p.claiming:
        start_consumer(l, key, g, who, p)
    if p.pending != NULL:
        claim(l, key, g, who, p.pending)
        p.pending = <nack *>idmap_next(&who.pending, &p.at)
    if p.pending == NULL:
        p.claiming = False
        p.consumer += 1
    return False


cdef bint add_groups(line *l, rewrite_walk *w) noexcept nogil:
    cdef stream_place *p = &w.at.stream
    cdef stream *s = stream_of(w.e)
    while goes_on(l):
        if p.group == s.groups.count:
            return True
        p.group += add_group_some(l, entry_key(w.e), <group *>s.groups.item[p.group], p)
    return False


cdef void add_settings(line *l, view key, stream *s) noexcept nogil:
    begin(l, b"XCFGSET", key)
    add_word(l, b"IDMP-DURATION")
    add_int(l, s.known.duration)
    add_word(l, b"IDMP-MAXSIZE")
    add_int(l, s.known.maxsize)
    emit(l)


cdef bint add_producers(line *l, rewrite_walk *w) noexcept nogil:
    cdef stream_place *p = &w.at.stream
    cdef stream *s = stream_of(w.e)
    cdef producer *one
    if s.known == NULL:
        return True
    if not p.configured:
        p.configured = True
        add_settings(l, entry_key(w.e), s)
    while goes_on(l):
        if p.producer == s.known.list.count:
            return True
        one = <producer *>s.known.list.item[p.producer]
        begin(l, b"XIDMPRECORD", entry_key(w.e))
        add(l, name_of(one))
        add(l, entry_key(producer_at(one, p.iid)))
        add_id(l, iid_target(producer_at(one, p.iid)))
        emit(l)
        p.iid += 1
        if p.iid == one.count:
            p.iid = 0
            p.producer += 1
    return False


cdef void begin_group(line *l, const char *what, view key, group *g) noexcept nogil:
    l.argc = l.items = 0
    add_word(l, b"XGROUP")
    add_word(l, what)
    add(l, key)
    add(l, name_of(g))


cdef void trim_ghosts(line *l, view key, stream *s) noexcept nogil:
    """Trims those before the first entry. Unlike XDEL this keeps the highest deleted id, which XSETID cannot set back to 0-0."""
    begin(l, b"XTRIM", key)
    if s.length:
        add_word(l, b"MINID")
        add_id(l, s.first)
    else:
        add_word(l, b"MAXLEN")
        add_word(l, b"0")
    emit(l)


cdef void start_dropping(line *l, rewrite_walk *w) noexcept nogil:
    cdef stream_place *p = &w.at.stream
    cdef stream *s = stream_of(w.e)
    p.haunted = next_ghost(s, id_lowest(), &p.ghost)
    p.ended = not p.haunted                        # there is nothing to drop
    if p.haunted and (s.length == 0 or id_compare(p.ghost, s.first) < 0):
        trim_ghosts(l, entry_key(w.e), s)


cdef bint drop_ghosts(line *l, rewrite_walk *w) noexcept nogil:
    cdef stream_place *p = &w.at.stream
    cdef stream *s = stream_of(w.e)
    if p.ended:
        return True
    begin(l, b"XDEL", entry_key(w.e))
    while goes_on(l) and p.haunted:
        if s.length and id_compare(p.ghost, s.first) > 0:
            add_id(l, p.ghost)
            item_added(l)
        p.haunted = next_ghost(s, p.ghost, &p.ghost)
    if l.items:
        emit(l)
    if not p.haunted:
        set_figures(l, entry_key(w.e), s, s.last)
    return not p.haunted


cdef bint stream_rewrite(rewrite_walk *w) noexcept nogil:
    """Stages: 1 entries, 2 groups, 3 producers, 4 ghosts."""
    cdef stream *s = stream_of(w.e)
    cdef line l
    open_line(&l, w.to)
    if w.stage == 0:
        start_entries(&l, w)
        w.stage = 1
    if w.stage == 1 and add_entries(&l, w):
        set_figures(&l, entry_key(w.e), s, highest(s))
        w.stage = 2
    if w.stage == 2 and add_groups(&l, w):
        w.stage = 3
    if w.stage == 3 and add_producers(&l, w):
        start_dropping(&l, w)
        w.stage = 4
    return close_slice(&l, w, w.stage == 4 and drop_ghosts(&l, w))
