"""The commands that rebuild a value: what an append-only file holds of it after a rewrite.

A value of many elements takes several commands of up to ITEMS elements each (RPUSH, SADD, ZADD, HSET), so that no command
blocks a replaying server for long. Scores are printed so that they read back as the same number; deadlines are absolute.

A stream is rebuilt by

    XADD            each entry, by its id; also one that was deleted but is pending in a group (a ghost), with dummy fields
    XSETID          last id, entries ever added, highest deleted id
    XGROUP CREATE   each group, with its last id and what it has read
    XCLAIM          each pending entry to its consumer, with time and number of deliveries; XGROUP CREATECONSUMER for those without
    XTRIM, XDEL     removes the ghosts, which stay pending; XSETID again restores the counters

An empty stream is made by an entry that MAXLEN 0 removes at once. The times of consumers are not kept, as in Redis.

Words are collected in a `line`; short ones are copied, since cursors print numbers into their own buffers.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from kvd.core.idmap cimport id_compare, id_highest, id_lowest, idmap_next, idmap_seek, idmap_seek_last, idpos, stream_id
from kvd.core.text cimport INT_TEXT, format_double, format_int
from kvd.core.view cimport view_of, view_str
from kvd.types.group cimport consumer, group, nack, name_of
from kvd.types.hash cimport hash_cursor, hash_next, hash_start
from kvd.types.list cimport list_cursor, list_end, list_next, list_start
from kvd.types.set cimport set_cursor, set_next, set_start
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


# ---- values -----------------------------------------------------------------------------------------

cdef bint string_rewrite(entry *e, view key, command_sink *to) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef line l
    open_line(&l, to)
    begin(&l, b"SET", key)
    add(&l, string_view(e, scratch))
    emit(&l)
    return close_line(&l)


cdef bint list_rewrite(entry *e, view key, command_sink *to) noexcept nogil:
    cdef list_cursor c
    cdef view element
    cdef line l
    open_line(&l, to)
    begin(&l, b"RPUSH", key)
    list_start(e, &c)
    while l.ok and list_next(&c, &element):
        add(&l, element)
        if c.unpacked != NULL and c.p == NULL:     # the views are valid until the end of the node
            l.items = ITEMS - 1
        item_added(&l)
    list_end(&c)
    return close_line(&l) and not c.failed


cdef bint set_rewrite(entry *e, view key, command_sink *to) noexcept nogil:
    cdef set_cursor c
    cdef view member
    cdef line l
    open_line(&l, to)
    begin(&l, b"SADD", key)
    set_start(e, &c)
    while l.ok and set_next(&c, &member):
        add(&l, member)
        item_added(&l)
    return close_line(&l)


cdef bint zset_rewrite(entry *e, view key, command_sink *to) noexcept nogil:
    cdef zset_cursor c
    cdef view member
    cdef line l
    cdef bint more = zset_at(e, 0, &c)
    open_line(&l, to)
    begin(&l, b"ZADD", key)
    while l.ok and more:
        add_score(&l, zset_get(&c, &member))
        add(&l, member)
        item_added(&l)
        more = zset_next(&c)
    return close_line(&l)


cdef bint hash_rewrite(entry *e, view key, command_sink *to) noexcept nogil:
    cdef hash_cursor c
    cdef view field, value
    cdef bint timed = False
    cdef line l
    open_line(&l, to)
    begin(&l, b"HSET", key)
    hash_start(e, &c)
    while l.ok and hash_next(&c, &field, &value):
        add(&l, field)
        add(&l, value)
        item_added(&l)
        timed = timed or c.deadline >= 0
    return close_line(&l) and (not timed or field_deadlines(e, key, to))


cdef bint field_deadlines(entry *e, view key, command_sink *to) noexcept nogil:
    cdef hash_cursor c
    cdef view field, value
    cdef line l
    open_line(&l, to)
    hash_start(e, &c)
    while l.ok and hash_next(&c, &field, &value):
        if c.deadline >= 0:
            begin(&l, b"HPEXPIREAT", key)
            add_int(&l, c.deadline)
            add_word(&l, b"FIELDS")
            add_int(&l, 1)
            add(&l, field)
            emit(&l)
    return close_line(&l)


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


cdef bint next_ghost(stream *s, stream_id after, stream_id *ghost) noexcept nogil:
    """The lowest id above `after` that is pending in some group and not in the stream. False: there is none."""
    cdef bint found = False
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


cdef void add_entries(line *l, view key, stream *s) noexcept nogil:
    """All entries in order of id, including ghosts."""
    cdef stream_walk w
    cdef stream_id id, ghost
    cdef bint haunted = next_ghost(s, id_lowest(), &ghost)
    cdef view field, value
    cdef int64_t i
    if s.length == 0 and not haunted:
        begin(l, b"XADD", key)
        for i in range(5):
            add_word(l, EMPTY[i])
        emit(l)
    stream_walk_start(&w, s, id_lowest(), id_highest(), False)
    while l.ok and stream_walk_next(&w, &id):
        while haunted and id_compare(ghost, id) < 0:
            add_ghost(l, key, ghost)
            haunted = next_ghost(s, ghost, &ghost)
        begin(l, b"XADD", key)
        add_id(l, id)
        for _ in range(w.fields):
            stream_walk_field(&w, &field, &value)
            add(l, field)
            add(l, value)
        emit(l)
    while l.ok and haunted:
        add_ghost(l, key, ghost)
        haunted = next_ghost(s, ghost, &ghost)


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
    return top


cdef void set_figures(line *l, view key, stream *s, stream_id last) noexcept nogil:
    begin(l, b"XSETID", key)
    add_id(l, last)
    add_word(l, b"ENTRIESADDED")
    add_int(l, <int64_t>s.added)
    add_word(l, b"MAXDELETEDID")
    add_id(l, s.max_deleted)
    emit(l)


cdef void claim(line *l, view key, group *g, consumer *who) noexcept nogil:
    cdef idpos at
    cdef nack *n = <nack *>idmap_seek(&who.pending, id_lowest(), &at)
    while l.ok and n != NULL:
        begin(l, b"XCLAIM", key)
        add(l, name_of(g))
        add(l, name_of(who))
        add_word(l, b"0")
        add_id(l, n.id)
        add_word(l, b"TIME")
        add_int(l, n.delivered_ms)
        add_word(l, b"RETRYCOUNT")
        add_int(l, <int64_t>n.deliveries)
        add_word(l, b"JUSTID")
        add_word(l, b"FORCE")
        emit(l)
        n = <nack *>idmap_next(&who.pending, &at)


cdef void add_group(line *l, view key, group *g) noexcept nogil:
    cdef consumer *who
    cdef uint32_t i
    begin_group(l, b"CREATE", key, g)
    add_id(l, g.last)
    if g.entries_read >= 0:
        add_word(l, b"ENTRIESREAD")
        add_int(l, g.entries_read)
    emit(l)
    for i in range(g.consumers.count):
        who = <consumer *>g.consumers.item[i]
        if who.pending.count == 0:
            begin_group(l, b"CREATECONSUMER", key, g)
            add(l, name_of(who))
            emit(l)
        claim(l, key, g, who)


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


cdef void drop_ghosts(line *l, view key, stream *s) noexcept nogil:
    cdef stream_id ghost
    cdef bint haunted = next_ghost(s, id_lowest(), &ghost)
    if haunted and (s.length == 0 or id_compare(ghost, s.first) < 0):
        trim_ghosts(l, key, s)
    begin(l, b"XDEL", key)
    while l.ok and haunted:
        if s.length and id_compare(ghost, s.first) > 0:
            add_id(l, ghost)
            item_added(l)
        haunted = next_ghost(s, ghost, &ghost)
    if l.items:
        emit(l)
    set_figures(l, key, s, s.last)


cdef bint stream_rewrite(entry *e, view key, command_sink *to) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef stream_id ghost
    cdef line l
    cdef uint32_t i
    open_line(&l, to)
    add_entries(&l, key, s)
    set_figures(&l, key, s, highest(s))
    for i in range(s.groups.count):
        add_group(&l, key, <group *>s.groups.item[i])
    if next_ghost(s, id_lowest(), &ghost):
        drop_ghosts(&l, key, s)
    return close_line(&l)
