"""Consumer groups of streams: creation, acknowledgement, release, pending entries and their transfer."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kvd.commands.keyed cimport find_or_make
from kvd.commands.streams cimport (
    arg_id, arg_interval, arg_range_start, effect_id, find_stream, ids_valid, parse_id, propagate_with_id, read_ids,
    reply_entry, reply_id,
)
from kvd.core.buf cimport buf_rotate
from kvd.core.entry cimport entry
from kvd.core.idmap cimport (
    id_compare, id_highest, id_lowest, idmap_find, idmap_next, idmap_seek, idmap_seek_last, idpos, stream_id,
)
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_is
from kvd.resp.writer cimport write_bulk_int, write_header_at, write_null_array
from kvd.run.args cimport (
    arg_int, changed, event_of, open_key, propagate_as, propagates, reply_array, reply_bulk, reply_error,
    reply_error_about, reply_errorf, reply_int, reply_null, reply_ok,
)
from kvd.run.emulation cimport replies_since
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.waiters cimport waits_pending, waits_touch
from kvd.store.change cimport others_changed
from kvd.store.config cimport EVENT_STREAM
from kvd.store.effects cimport effect_int, effect_text, effect_word, effects
from kvd.types.group cimport (
    MAX_DELIVERIES, group_ack, group_add, group_consumer, group_consumer_add, group_consumer_remove, group_find,
    group_pend, group_remove, groups_forget, groups_refer, nack_count, nack_delivered, nack_give, nack_idle, nack_owner,
    nack_release, name_of,
)
from kvd.types.kind cimport STREAM
from kvd.types.stream cimport (
    DROP_REFERENCES, ONLY_ACKNOWLEDGED, references, stream_delete, stream_has, stream_new, stream_of, stream_walk,
    stream_walk_next, stream_walk_start,
)

cdef enum:
    AUTOCLAIM_COUNT = 100
    AUTOCLAIM_TRIES = 10       # entries examined for each one requested


cdef void group_missing(call *c, view key, view name, const char *where) noexcept nogil:
    cdef char text[512]
    snprintf(text, sizeof(text), b"NOGROUP No such key '%.*s' or consumer group '%.*s'%s",
             <int>min(key.len, <size_t>128), key.ptr, <int>min(name.len, <size_t>128), name.ptr, where)
    reply_error(c, text)


cdef void group_unknown(call *c, view key, view name) noexcept nogil:
    cdef char text[512]
    snprintf(text, sizeof(text), b"NOGROUP No such consumer group '%.*s' for key name '%.*s'",
             <int>min(name.len, <size_t>128), name.ptr, <int>min(key.len, <size_t>128), key.ptr)
    reply_error(c, text)


cdef void groups_changed(call *c, view key, const char *event) noexcept nogil:
    """Of a stream whose entries are the same: neither WATCH nor client-side caching is concerned."""
    others_changed(c.store, 1)
    event_of(c, key, EVENT_STREAM, event)


cdef consumer *use_consumer(call *c, stream *s, group *g, view key, view name) noexcept nogil:
    cdef consumer *who = group_consumer(g, name)
    if who == NULL:
        who = group_consumer_add(s.mem, g, name, c.store.now)
        if who == NULL:
            return NULL
        groups_changed(c, key, b"xgroup-createconsumer")
        propagate_consumer(c, g, key, name)
    who.seen_ms = c.store.now
    return who


cdef void propagate_consumer(call *c, group *g, view key, view name) noexcept nogil:
    cdef effects *u = &c.store.effects
    if propagates(c):
        propagate_as(c, b"XGROUP", 5)
        effect_text(u, b"CREATECONSUMER")
        effect_word(u, key)
        effect_word(u, name_of(g))
        effect_word(u, name)


cdef void propagate_pending(call *c, view key, group *g, nack *p) noexcept nogil:
    """Propagates a pending entry and its consumer as XCLAIM."""
    cdef effects *u = &c.store.effects
    if not propagates(c):
        return
    propagate_as(c, b"XCLAIM", 14)
    effect_word(u, key)
    effect_word(u, name_of(g))
    effect_word(u, name_of(p.owner))
    effect_text(u, b"0")
    effect_id(c, p.id)
    effect_text(u, b"TIME")
    effect_int(u, nack_delivered(p))
    effect_text(u, b"RETRYCOUNT")
    effect_int(u, p.deliveries)
    effect_text(u, b"FORCE")
    effect_text(u, b"JUSTID")
    effect_text(u, b"LASTID")
    effect_id(c, g.last)


cdef void propagate_acknowledged(call *c, view key, group *g, stream_id id) noexcept nogil:
    cdef effects *u = &c.store.effects
    if propagates(c):
        propagate_as(c, b"XACK", 4)
        effect_word(u, key)
        effect_word(u, name_of(g))
        effect_id(c, id)


cdef void propagate_position(call *c, view key, group *g) noexcept nogil:
    cdef effects *u = &c.store.effects
    if not propagates(c):
        return
    propagate_as(c, b"XGROUP", 7)
    effect_text(u, b"SETID")
    effect_word(u, key)
    effect_word(u, name_of(g))
    effect_id(c, g.last)
    effect_text(u, b"ENTRIESREAD")
    effect_int(u, g.entries_read)


cdef group *find_group(call *c, view key, view name, bint changes, stream **s) noexcept nogil:
    """NULL: there is none, and the error is replied."""
    cdef entry *e
    cdef group *g
    if not find_stream(c, key, True, &e):
        return NULL
    if changes:
        open_key(c, key, e)
    g = group_find(&stream_of(e).groups, name) if e != NULL else NULL
    if g == NULL:
        group_missing(c, key, name, b"")
    else:
        s[0] = stream_of(e)
    return g


# ---- XGROUP -----------------------------------------------------------------------------------------

cdef struct grouping:
    bint mkstream
    int64_t entries_read


cdef bint read_grouping(call *c, bint creates, grouping *o) noexcept nogil:
    cdef int i = 5
    o.mkstream = False
    o.entries_read = -1
    while i < c.argc:
        if creates and view_is(c.argv[i], b"mkstream"):
            o.mkstream = True
            i += 1
        elif i + 1 < c.argc and view_is(c.argv[i], b"entriesread"):
            if not arg_int(c, i + 1, &o.entries_read):
                return False
            if o.entries_read < -1:
                reply_error(c, b"ERR value for ENTRIESREAD must be positive or -1")
                return False
            i += 2
        else:
            reply_error_about(c, b"ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.", c.argv[1])
            return False
    return True


cdef bint known_stream(call *c, stream **s) noexcept nogil:
    cdef entry *e
    if not find_stream(c, c.argv[2], False, &e):
        return False
    if e == NULL:
        reply_error(c, b"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
                       b"MKSTREAM option to create an empty stream automatically.")
        return False
    s[0] = stream_of(e)
    return True


cdef group *known_group(call *c, stream **s) noexcept nogil:
    cdef group *g
    if not known_stream(c, s):
        return NULL
    g = group_find(&s[0].groups, c.argv[3])
    if g == NULL:
        group_unknown(c, c.argv[2], c.argv[3])
    return g


cdef bint read_group_id(call *c, stream *s, bint ends, stream_id *id) noexcept nogil:
    """An id, or $ for the last one of the stream (NULL: there is no stream yet). ends: - and + are ids too."""
    if c.argv[4].len == 1 and c.argv[4].ptr[0] == c'$':
        id[0] = s.last if s != NULL else id_lowest()
        return True
    return (ends and parse_id(c.argv[4], id, 0, True)) or arg_id(c, 4, id)


define(xgroup_create, """
    XGROUP|CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]
    write denyoom | stream | 5.0.0 | O(1)
    Create a consumer group.
    newer: ENTRIESREAD 7.0.0/7.0.0
    keys: RW insert
""")
cdef void xgroup_create(call *c) noexcept nogil:
    cdef grouping o
    cdef stream *s = NULL
    cdef stream_id id
    cdef uint64_t hash
    cdef bint new
    cdef entry *e
    if not read_grouping(c, True, &o) or not find_stream(c, c.argv[2], False, &e):
        return
    if e != NULL:
        s = stream_of(e)
    elif not o.mkstream and not known_stream(c, &s):
        return
    if not read_group_id(c, s, False, &id):
        return
    new = s == NULL
    if new:
        e = find_or_make(c, c.argv[2], STREAM, stream_new, &hash)
        if e == NULL:
            return
        s = stream_of(e)
    if group_find(&s.groups, c.argv[3]) != NULL:
        reply_error(c, b"BUSYGROUP Consumer Group name already exists")
    elif group_add(s.mem, &s.groups, c.argv[3], id, o.entries_read) == NULL:
        reply_error(c, NO_MEMORY)
    else:
        if new:
            changed(c, c.argv[2], 1, EVENT_STREAM, b"xgroup-create")
        else:
            groups_changed(c, c.argv[2], b"xgroup-create")
        propagate_with_id(c, 4, id)
        reply_ok(c)


define(xgroup_setid, """
    XGROUP|SETID key group <id | $> [ENTRIESREAD entries-read]
    write | stream | 5.0.0 | O(1)
    Set the id after which a consumer group continues.
    newer: ENTRIESREAD 7.0.0/7.0.0
    keys: RW update
""")
cdef void xgroup_setid(call *c) noexcept nogil:
    cdef grouping o
    cdef stream *s
    cdef stream_id id
    cdef group *g
    if not read_grouping(c, False, &o):
        return
    g = known_group(c, &s)
    if g == NULL or not read_group_id(c, s, True, &id):
        return
    g.last = id
    g.entries_read = o.entries_read
    groups_changed(c, c.argv[2], b"xgroup-setid")
    propagate_with_id(c, 4, id)
    reply_ok(c)


define(xgroup_destroy, """
    XGROUP|DESTROY key group
    write | stream | 5.0.0 | O(N) where N is the number of pending entries
    Delete a consumer group.
    keys: RW delete
""")
cdef void xgroup_destroy(call *c) noexcept nogil:
    cdef stream *s
    cdef group *g
    if not known_stream(c, &s):
        return
    g = group_find(&s.groups, c.argv[3])
    if g != NULL:
        group_remove(s.mem, &s.groups, g)
        groups_changed(c, c.argv[2], b"xgroup-destroy")
        waits_touch(c.store, c.db, c.argv[2])     # readers of the group are told that it is gone
    reply_int(c, g != NULL)


define(xgroup_createconsumer, """
    XGROUP|CREATECONSUMER key group consumer
    write denyoom | stream | 6.2.0 | O(1)
    Create a consumer in a group.
    keys: RW insert
""")
cdef void xgroup_createconsumer(call *c) noexcept nogil:
    cdef stream *s
    cdef group *g = known_group(c, &s)
    cdef bint new
    if g == NULL:
        return
    new = group_consumer(g, c.argv[4]) == NULL
    if new and group_consumer_add(s.mem, g, c.argv[4], c.store.now) == NULL:
        reply_error(c, NO_MEMORY)
        return
    if new:
        groups_changed(c, c.argv[2], b"xgroup-createconsumer")
    reply_int(c, new)


define(xgroup_delconsumer, """
    XGROUP|DELCONSUMER key group consumer
    write | stream | 5.0.0 | O(N) where N is the number of its pending entries
    Delete a consumer of a group and return the number of its pending entries.
    keys: RW delete
""")
cdef void xgroup_delconsumer(call *c) noexcept nogil:
    cdef stream *s
    cdef group *g = known_group(c, &s)
    cdef consumer *who
    cdef int64_t n = 0
    if g == NULL:
        return
    who = group_consumer(g, c.argv[4])
    if who != NULL:
        n = who.pending.count
        group_consumer_remove(s.mem, g, who)
        groups_changed(c, c.argv[2], b"xgroup-delconsumer")
    reply_int(c, n)


# ---- acknowledging ----------------------------------------------------------------------------------

define(xack_command, """
    XACK key group id [id ...]
    write fast | stream | 5.0.0 | O(log(N)) for each id
    Acknowledge entries and return the number acknowledged.
    keys: RW update
""")
cdef void xack_command(call *c) noexcept nogil:
    cdef entry *e
    cdef group *g = NULL
    cdef stream_id id
    cdef int64_t n = 0
    cdef int i
    if not find_stream(c, c.argv[1], True, &e):
        return
    if e != NULL:
        g = group_find(&stream_of(e).groups, c.argv[2])
    if g != NULL:
        if not ids_valid(c, 3, c.argc - 1):
            return
        open_key(c, c.argv[1], e)
        for i in range(3, c.argc):
            parse_id(c.argv[i], &id, 0, False)
            n += group_ack(stream_of(e).mem, g, id)
        others_changed(c.store, n)
    reply_int(c, n)


define(xackdel_command, """
    XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
    write fast | stream | 8.2.0 | O(log(N)) for each id
    Acknowledge entries and remove them from the stream: 1 removed, 2 acknowledged only, -1 not pending.
    keys: RW update delete
    at: 1 1 1
""")
cdef void xackdel_command(call *c) noexcept nogil:
    cdef entry *e
    cdef stream *s
    cdef group *g = NULL
    cdef references refs
    cdef stream_id id
    cdef int64_t n = 0
    cdef int first, i
    if not read_ids(c, 3, &first, &refs) or not find_stream(c, c.argv[1], False, &e):
        return
    s = stream_of(e) if e != NULL else NULL
    if s != NULL:
        g = group_find(&s.groups, c.argv[2])
    reply_array(c, c.argc - first)
    for i in range(first, c.argc):
        parse_id(c.argv[i], &id, 0, False)
        if g == NULL or not group_ack(s.mem, g, id):
            reply_int(c, -1)
            continue
        n += 1
        if refs == ONLY_ACKNOWLEDGED and groups_refer(&s.groups, id):
            reply_int(c, 2)
            continue
        if refs == DROP_REFERENCES:
            groups_forget(s.mem, &s.groups, id)
        stream_delete(s, id)
        reply_int(c, 1)
    if n:
        changed(c, c.argv[1], n, EVENT_STREAM, b"xackdel")


cdef enum release_mode:
    SILENT                     # the delivery does not count
    FAIL
    FATAL                      # the highest number of deliveries

cdef struct releasing:         # options of XNACK
    release_mode mode
    int64_t retries            # the new number of deliveries; -1: as the mode says
    bint force
    int first                  # argument that is an id
    int last


cdef bint read_mode(call *c, releasing *o) noexcept nogil:
    if view_is(c.argv[3], b"silent"):
        o.mode = SILENT
    elif view_is(c.argv[3], b"fail"):
        o.mode = FAIL
    elif view_is(c.argv[3], b"fatal"):
        o.mode = FATAL
    else:
        reply_error(c, b"ERR mode must be SILENT, FAIL, or FATAL")
        return False
    return True


cdef int read_released(call *c, int i, releasing *o) noexcept nogil:
    """IDS at i; returns the last id, or -1 with the error replied."""
    cdef int64_t n
    if not parse_int(c.argv[i + 1], &n) or n < 1:
        reply_error(c, b"ERR numids must be a positive integer")
        return -1
    if n > c.argc - i - 2:
        reply_error(c, b"ERR number of IDs doesn't match numids")
        return -1
    o.first = i + 2
    o.last = i + 1 + <int>n
    return o.last if ids_valid(c, o.first, o.last) else -1


cdef bint read_releasing(call *c, releasing *o) noexcept nogil:
    cdef int i = 4
    memset(o, 0, sizeof(releasing))
    o.retries = -1
    if not read_mode(c, o):
        return False
    while i < c.argc:
        if view_is(c.argv[i], b"force"):
            o.force = True
        elif i + 1 < c.argc and view_is(c.argv[i], b"retrycount"):
            i += 1
            if not arg_int(c, i, &o.retries):
                return False
            if o.retries < 0:
                reply_error(c, b"ERR Invalid RETRYCOUNT value, must be >= 0")
                return False
        elif i + 1 < c.argc and o.first == 0 and view_is(c.argv[i], b"ids"):
            i = read_released(c, i, o)
            if i < 0:
                return False
        else:
            reply_error_about(c, b"ERR Unrecognized XNACK option '%.*s'", c.argv[i])
            return False
        i += 1
    if o.first == 0:
        reply_error(c, b"ERR syntax error, expected IDS keyword")
    return o.first != 0


cdef bint release(stream *s, group *g, stream_id id, releasing *o) noexcept nogil:
    """False: it is not pending, and not to be made so."""
    cdef nack *p = <nack *>idmap_find(&g.pending, id)
    if p != NULL:
        if not nack_release(g, p):
            return False
    elif o.force and stream_has(s, id):
        p = group_pend(s.mem, g, NULL, id, 0)
        if p == NULL:
            return False
        p.deliveries = 0
    else:
        return False
    if o.retries >= 0:
        p.deliveries = o.retries
    elif o.mode == FATAL:
        p.deliveries = MAX_DELIVERIES
    elif o.mode == SILENT and p.deliveries:
        p.deliveries -= 1
    return True


define(xnack_command, """
    XNACK key group <SILENT | FAIL | FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]
    write fast | stream | 8.8.0 | O(log(N)) for each id
    Release pending entries, which any consumer can then claim at once, and return the number released.
    keys: RW update
    at: 1 1 1
    arity: -7
""")
cdef void xnack_command(call *c) noexcept nogil:
    cdef releasing o
    cdef stream *s
    cdef group *g
    cdef stream_id id
    cdef int64_t n = 0
    cdef int i
    if not read_releasing(c, &o):
        return
    g = find_group(c, c.argv[1], c.argv[2], True, &s)
    if g == NULL:
        return
    for i in range(o.first, o.last + 1):
        parse_id(c.argv[i], &id, 0, False)
        n += release(s, g, id, &o)
    if n:
        others_changed(c.store, n)
        waits_pending(c.store, c.db, c.argv[1])
    reply_int(c, n)


# ---- listing pending entries ------------------------------------------------------------------------

cdef void reply_pending_summary(call *c, group *g) noexcept nogil:
    cdef idpos at
    cdef size_t begin
    cdef int64_t n = 0
    cdef consumer *who
    cdef uint64_t i
    reply_array(c, 4)
    reply_int(c, g.pending.count)
    if g.pending.count == 0:
        reply_null(c)
        reply_null(c)
        write_null_array(c.out, c.proto)
        return
    reply_id(c, (<nack *>idmap_seek(&g.pending, id_lowest(), &at)).id)
    reply_id(c, (<nack *>idmap_seek_last(&g.pending, id_highest(), &at)).id)
    begin = c.out.len
    for i in range(g.consumers.count):
        who = <consumer *>g.consumers.item[i]
        if who.pending.count:
            reply_array(c, 2)
            reply_bulk(c, name_of(who))
            write_bulk_int(c.out, who.pending.count)
            n += 1
    write_header_at(c.out, begin, c'*', n)


define(xpending_command, """
    XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
    readonly | stream | 5.0.0 | O(N) where N is the number of entries returned
    Return the pending entries of a group: a summary, or the entries of a range.
""")
cdef void xpending_command(call *c) noexcept nogil:
    cdef stream *s
    cdef group *g
    cdef consumer *who = NULL
    cdef stream_id start, end
    cdef int64_t idle = 0
    cdef int64_t count = 0
    cdef int64_t n = 0
    cdef int at = 3
    cdef idpos pos
    cdef nack *p
    cdef size_t begin
    if c.argc != 3 and (c.argc < 6 or c.argc > 9):
        reply_error(c, SYNTAX)
        return
    if c.argc >= 6:
        if view_is(c.argv[3], b"idle"):
            if not arg_int(c, 4, &idle):
                return
            if c.argc < 8:
                reply_error(c, SYNTAX)
                return
            at = 5
        if not arg_int(c, at + 2, &count) or not arg_interval(c, at, at + 1, &start, &end):
            return
    g = find_group(c, c.argv[1], c.argv[2], False, &s)
    if g == NULL:
        return
    if c.argc == 3:
        reply_pending_summary(c, g)
        return
    if c.argc > at + 3:
        who = group_consumer(g, c.argv[at + 3])
        if who == NULL:
            reply_array(c, 0)
            return
    begin = c.out.len
    p = <nack *>idmap_seek(&who.pending if who != NULL else &g.pending, start, &pos)
    while p != NULL and n < count and id_compare(p.id, end) <= 0:
        if idle == 0 or nack_idle(p, c.store.now, idle):
            reply_array(c, 4)
            reply_id(c, p.id)
            reply_bulk(c, nack_owner(p))
            reply_int(c, max(c.store.now - nack_delivered(p), <int64_t>0) if p.owner != NULL else -1)
            reply_int(c, p.deliveries)
            n += 1
        p = <nack *>idmap_next(&who.pending if who != NULL else &g.pending, &pos)
    write_header_at(c.out, begin, c'*', n)


# ---- taking over ------------------------------------------------------------------------------------

cdef struct claiming:
    int64_t idle               # an entry that was delivered more recently is not transferred
    int64_t delivered_ms       # the new time of delivery
    int64_t retries            # the new number of deliveries; -1: one more
    bint force
    bint justid
    stream_id last             # lower limit of the group's last id
    int last_id_at             # the last argument that is an id


cdef bint read_word(call *c, int i, const char *name, int64_t *n) noexcept nogil:
    """The number after an option of XCLAIM; False: the error is replied."""
    if parse_int(c.argv[i], n):
        return True
    reply_errorf(c, b"ERR Invalid %s option argument for XCLAIM", name, NULL)
    return False


cdef bint read_claiming(call *c, claiming *o) noexcept nogil:
    cdef stream_id id
    cdef int64_t ms
    cdef int i = 5
    cdef bint timed = False
    memset(o, 0, sizeof(claiming))
    o.retries = -1
    o.delivered_ms = c.store.now
    if not parse_int(c.argv[4], &o.idle):
        reply_error(c, b"ERR Invalid min-idle-time argument for XCLAIM")
        return False
    while i < c.argc and parse_id(c.argv[i], &id, 0, False):
        i += 1
    o.last_id_at = i - 1
    while i < c.argc:
        if view_is(c.argv[i], b"force"):
            o.force = True
        elif view_is(c.argv[i], b"justid"):
            o.justid = True
        elif i + 1 < c.argc and view_is(c.argv[i], b"idle"):
            i += 1
            if not read_word(c, i, b"IDLE", &ms):
                return False
            o.delivered_ms = c.store.now - ms
            timed = True
        elif i + 1 < c.argc and view_is(c.argv[i], b"time"):
            i += 1
            if not read_word(c, i, b"TIME", &o.delivered_ms):
                return False
            timed = True
        elif i + 1 < c.argc and view_is(c.argv[i], b"retrycount"):
            i += 1
            if not read_word(c, i, b"RETRYCOUNT", &o.retries):
                return False
        elif i + 1 < c.argc and view_is(c.argv[i], b"lastid"):
            i += 1
            if not arg_id(c, i, &o.last):
                return False
        else:
            reply_error_about(c, b"ERR Unrecognized XCLAIM option '%.*s'", c.argv[i])
            return False
        i += 1
    if timed and (o.delivered_ms < 0 or o.delivered_ms > c.store.now):
        o.delivered_ms = c.store.now
    return True


cdef void reply_claimed(call *c, stream *s, stream_id id, bint justid) noexcept nogil:
    cdef stream_walk w
    if justid:
        reply_id(c, id)
        return
    stream_walk_start(&w, s, id, id, False)
    if stream_walk_next(&w, &id):
        reply_entry(c, &w, id)


cdef bint claim(call *c, stream *s, group *g, nack *p, consumer *who, claiming *o) noexcept nogil:
    """Transfers it to the consumer and replies it; False: it was delivered too recently."""
    if o.idle > 0 and not nack_idle(p, c.store.now, o.idle):
        return False
    if not nack_give(g, p, who, o.delivered_ms):
        return False
    if o.retries >= 0:
        p.deliveries = o.retries
    elif not o.justid:
        nack_count(p)
    reply_claimed(c, s, p.id, o.justid)
    who.active_ms = c.store.now
    others_changed(c.store, 1)
    propagate_pending(c, c.argv[1], g, p)
    waits_pending(c.store, c.db, c.argv[1])
    return True


cdef void lose(call *c, view key, stream *s, group *g, stream_id id) noexcept nogil:
    if group_ack(s.mem, g, id):
        others_changed(c.store, 1)
        propagate_acknowledged(c, key, g, id)


define(xclaim_command, """
    XCLAIM key group consumer min-idle-time id [id ...] [IDLE milliseconds] [TIME unix-time-milliseconds] [RETRYCOUNT retrycount] [FORCE] [JUSTID] [LASTID last-id]
    write fast | stream | 5.0.0 | O(log(N)) for each id
    Transfer pending entries to another consumer of the group.
    keys: RW update
    at: 1 1 1
    tips: nondeterministic_output
""")
cdef void xclaim_command(call *c) noexcept nogil:
    cdef claiming o
    cdef stream *s
    cdef group *g = find_group(c, c.argv[1], c.argv[2], True, &s)
    cdef consumer *who
    cdef nack *p
    cdef stream_id id
    cdef size_t begin
    cdef int64_t n = 0
    cdef int i
    if g == NULL or not read_claiming(c, &o):
        return
    if o.last_id_at < 5:
        arg_id(c, 5, &id)
        return
    if id_compare(o.last, g.last) > 0:
        g.last = o.last
        others_changed(c.store, 1)
        propagate_position(c, c.argv[1], g)
    who = use_consumer(c, s, g, c.argv[1], c.argv[3])
    if who == NULL:
        reply_error(c, NO_MEMORY)
        return
    begin = c.out.len
    for i in range(5, o.last_id_at + 1):
        parse_id(c.argv[i], &id, 0, False)
        if not stream_has(s, id):
            lose(c, c.argv[1], s, g, id)
            continue
        p = <nack *>idmap_find(&g.pending, id)
        if p == NULL and o.force:
            p = group_pend(s.mem, g, NULL, id, 0)
        if p != NULL:
            n += claim(c, s, g, p, who, &o)
    write_header_at(c.out, begin, c'*', n)


define(xautoclaim_command, """
    XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
    write fast | stream | 6.2.0 | O(COUNT)
    Transfer pending entries that have been idle for some time to another consumer of the group, some at a time.
    keys: RW delete
    tips: nondeterministic_output
""")
cdef void xautoclaim_command(call *c) noexcept nogil:
    cdef bint tells_lost = replies_since(c.store, 70000, 70200)
    cdef claiming o
    cdef stream *s
    cdef group *g
    cdef consumer *who
    cdef stream_id start
    cdef stream_id *gone
    cdef int64_t count = AUTOCLAIM_COUNT
    cdef int64_t tries
    cdef int64_t n = 0
    cdef int64_t lost = 0
    cdef int64_t room
    cdef idpos at
    cdef nack *p
    cdef size_t begin
    cdef int i = 6
    memset(&o, 0, sizeof(o))
    o.retries = -1
    o.delivered_ms = c.store.now
    if not parse_int(c.argv[4], &o.idle):
        reply_error(c, b"ERR Invalid min-idle-time argument for XAUTOCLAIM")
        return
    if not arg_range_start(c, 5, &start):
        return
    while i < c.argc:
        if i + 1 < c.argc and view_is(c.argv[i], b"count"):
            i += 1
            if not parse_int(c.argv[i], &count) or count < 1 or count > <int64_t>0x7FFFFFFFFFFFFFFF // 16:
                reply_error(c, b"ERR COUNT must be > 0")
                return
        elif view_is(c.argv[i], b"justid"):
            o.justid = True
        else:
            reply_error(c, SYNTAX)
            return
        i += 1
    g = find_group(c, c.argv[1], c.argv[2], True, &s)
    if g == NULL:
        return
    who = use_consumer(c, s, g, c.argv[1], c.argv[3])
    room = min(count, <int64_t>g.pending.count)
    gone = <stream_id *>malloc(room * sizeof(stream_id) + 1)
    if who == NULL or gone == NULL:
        free(gone)
        reply_error(c, NO_MEMORY)
        return
    reply_array(c, 3 if tells_lost else 2)
    begin = c.out.len
    tries = min(count, <int64_t>0x7FFFFFFFFFFFFFFF // AUTOCLAIM_TRIES) * AUTOCLAIM_TRIES
    p = <nack *>idmap_seek(&g.pending, start, &at)
    while p != NULL and tries and n + lost < count:
        tries -= 1
        start = p.id
        if not stream_has(s, start):
            gone[lost] = start
            lost += 1
            lose(c, c.argv[1], s, g, start)
            p = <nack *>idmap_seek(&g.pending, start, &at)
            continue
        n += claim(c, s, g, p, who, &o)
        p = <nack *>idmap_next(&g.pending, &at)
    write_header_at(c.out, begin, c'*', n)
    reply_cursor(c, begin, p.id if p != NULL else id_lowest())
    if tells_lost:
        reply_array(c, lost)
        for i in range(lost):
            reply_id(c, gone[i])
    free(gone)


cdef void reply_cursor(call *c, size_t at, stream_id id) noexcept nogil:
    """The id, before what was written since `at`."""
    cdef size_t mark = c.out.len
    reply_id(c, id)
    buf_rotate(c.out, at, mark)
