"""XINFO: information about a stream, its groups and their consumers."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.commands.stream_groups cimport group_unknown
from kvd.commands.streams cimport arg_stream, reply_entries, reply_entry, reply_id
from kvd.core.idmap cimport id_highest, id_lowest, idmap, idmap_next, idmap_seek, idpos, stream_id
from kvd.core.view cimport view_is
from kvd.resp.writer cimport write_header_at
from kvd.run.args cimport (
    arg_int, reply_array, reply_bulk, reply_error_about, reply_int, reply_map, reply_null, reply_text,
)
from kvd.run.call cimport call
from kvd.run.emulation cimport NEVER, replies_since
from kvd.run.registry cimport define
from kvd.store.config cimport OPT_STREAM_IDMP_DURATION, OPT_STREAM_IDMP_MAXSIZE, cfg
from kvd.types.group cimport consumer, group, group_find, nack, nack_delivered, nack_owner, name_of
from kvd.types.producers cimport producers, producers_known
from kvd.types.stream cimport (
    stream, stream_entries_read, stream_range_has_tombstones, stream_trimmed_past, stream_walk,
    stream_walk_next, stream_walk_start,
)


cdef void reply_lag(call *c, stream *s, group *g) noexcept nogil:
    """The number of entries the group has not read yet, if it is known."""
    cdef int64_t read = g.entries_read
    if s.length == 0:
        reply_int(c, 0)
        return
    if stream_trimmed_past(s, g.last):
        read = <int64_t>(s.added - s.length)
    elif read == -1 or stream_range_has_tombstones(s, g.last):
        read = stream_entries_read(s, g.last)
    if read == -1:
        reply_null(c)
    else:
        reply_int(c, <int64_t>s.added - read)


cdef void reply_entries_read(call *c, group *g) noexcept nogil:
    if g.entries_read == -1:
        reply_null(c)
    else:
        reply_int(c, g.entries_read)


cdef void reply_end(call *c, stream *s, bint reverse) noexcept nogil:
    cdef stream_walk w
    cdef stream_id id
    stream_walk_start(&w, s, id_lowest(), id_highest(), reverse)
    if stream_walk_next(&w, &id):
        reply_entry(c, &w, id)
    else:
        reply_null(c)


cdef void reply_pending(call *c, idmap *pending, bint with_owner, int64_t count) noexcept nogil:
    cdef idpos at
    cdef nack *p = <nack *>idmap_seek(pending, id_lowest(), &at)
    cdef size_t begin = c.out.len
    cdef int64_t n = 0
    while p != NULL and (count == 0 or n < count):
        reply_array(c, 4 if with_owner else 3)
        reply_id(c, p.id)
        if with_owner:
            reply_bulk(c, nack_owner(p))
        reply_int(c, nack_delivered(p))
        reply_int(c, p.deliveries)
        n += 1
        p = <nack *>idmap_next(pending, &at)
    write_header_at(c.out, begin, c'*', n)


cdef inline bint counts_reads(call *c) noexcept nogil:
    """Does the server count what a stream and its groups have had? Without emulation it does."""
    return replies_since(c.store, 70000, 70200)


cdef void reply_reads(call *c, stream *s, group *g) noexcept nogil:
    if not counts_reads(c):
        return
    reply_text(c, b"entries-read")
    reply_entries_read(c, g)
    reply_text(c, b"lag")
    reply_lag(c, s, g)


cdef void reply_full_group(call *c, stream *s, group *g, int64_t count) noexcept nogil:
    cdef consumer *who
    cdef uint32_t i
    cdef bint nacks = replies_since(c.store, 80800, NEVER)
    cdef bint active = replies_since(c.store, 70200, 70200)
    reply_map(c, 5 + 2 * counts_reads(c) + nacks)
    reply_text(c, b"name")
    reply_bulk(c, name_of(g))
    reply_text(c, b"last-delivered-id")
    reply_id(c, g.last)
    reply_reads(c, s, g)
    reply_text(c, b"pel-count")
    reply_int(c, g.pending.count)
    if nacks:
        reply_text(c, b"nacked-count")
        reply_int(c, g.released)
    reply_text(c, b"pending")
    reply_pending(c, &g.pending, True, count)
    reply_text(c, b"consumers")
    reply_array(c, g.consumers.count)
    for i in range(g.consumers.count):
        who = <consumer *>g.consumers.item[i]
        reply_map(c, 4 + active)
        reply_text(c, b"name")
        reply_bulk(c, name_of(who))
        reply_text(c, b"seen-time")
        reply_int(c, who.seen_ms)
        if active:
            reply_text(c, b"active-time")
            reply_int(c, who.active_ms)
        reply_text(c, b"pel-count")
        reply_int(c, who.pending.count)
        reply_text(c, b"pending")
        reply_pending(c, &who.pending, False, count)


cdef void reply_producers(call *c, stream *s) noexcept nogil:
    """A stream without producers has the settings of the options."""
    cdef producers *all = s.known
    cdef uint64_t pids = 0
    cdef uint64_t iids = 0
    if all != NULL:
        iids = producers_known(all, max(<uint64_t>c.store.now, s.last.ms), &pids)
    reply_text(c, b"idmp-duration")
    reply_int(c, all.duration if all != NULL else cfg(&c.store.config, OPT_STREAM_IDMP_DURATION))
    reply_text(c, b"idmp-maxsize")
    reply_int(c, all.maxsize if all != NULL else cfg(&c.store.config, OPT_STREAM_IDMP_MAXSIZE))
    reply_text(c, b"pids-tracked")
    reply_int(c, pids)
    reply_text(c, b"iids-tracked")
    reply_int(c, iids)
    reply_text(c, b"iids-added")
    reply_int(c, all.added if all != NULL else 0)
    reply_text(c, b"iids-duplicates")
    reply_int(c, all.duplicates if all != NULL else 0)


cdef bint read_full(call *c, bint *full, int64_t *count) noexcept nogil:
    full[0] = c.argc > 3
    count[0] = 10
    if c.argc == 3:
        return True
    if (c.argc != 4 and c.argc != 6) or not view_is(c.argv[3], b"full") or (c.argc == 6 and not view_is(c.argv[4], b"count")):
        reply_error_about(c, b"ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.", c.argv[1])
        return False
    if c.argc == 6:
        if not arg_int(c, 5, count):
            return False
        if count[0] < 0:
            count[0] = 10
    return True


define(xinfo_stream, """
    XINFO|STREAM key [FULL [COUNT count]]
    readonly | stream | 5.0.0 | O(1); with FULL O(N) where N is the number of entries returned
    Return information about a stream, with FULL also its entries, groups and pending entries.
    keys: RO access
""")
cdef void xinfo_stream(call *c) noexcept nogil:
    cdef bint full
    cdef int64_t count
    cdef uint32_t i
    cdef stream *s = arg_stream(c, 2, True)
    cdef bint idempotent = replies_since(c.store, 80600, NEVER)
    if s == NULL or not read_full(c, &full, &count):
        return
    reply_map(c, (6 if full else 7) + 3 * counts_reads(c) + 6 * idempotent)
    reply_text(c, b"length")
    reply_int(c, s.length)
    reply_text(c, b"radix-tree-keys")
    reply_int(c, s.nodes.count)
    reply_text(c, b"radix-tree-nodes")
    reply_int(c, s.nodes.count + 1)
    reply_text(c, b"last-generated-id")
    reply_id(c, s.last)
    if counts_reads(c):
        reply_text(c, b"max-deleted-entry-id")
        reply_id(c, s.max_deleted)
        reply_text(c, b"entries-added")
        reply_int(c, s.added)
        reply_text(c, b"recorded-first-entry-id")
        reply_id(c, s.first)
    if idempotent:
        reply_producers(c, s)
    if not full:
        reply_text(c, b"groups")
        reply_int(c, s.groups.count)
        reply_text(c, b"first-entry")
        reply_end(c, s, False)
        reply_text(c, b"last-entry")
        reply_end(c, s, True)
        return
    reply_text(c, b"entries")
    reply_entries(c, s, id_lowest(), id_highest(), False, count)
    reply_text(c, b"groups")
    reply_array(c, s.groups.count)
    for i in range(s.groups.count):
        reply_full_group(c, s, <group *>s.groups.item[i], count)


define(xinfo_groups, """
    XINFO|GROUPS key
    readonly | stream | 5.0.0 | O(N) where N is the number of groups
    Return information about the consumer groups of a stream.
    keys: RO access
""")
cdef void xinfo_groups(call *c) noexcept nogil:
    cdef stream *s = arg_stream(c, 2, True)
    cdef group *g
    cdef uint32_t i
    if s == NULL:
        return
    reply_array(c, s.groups.count)
    for i in range(s.groups.count):
        g = <group *>s.groups.item[i]
        reply_map(c, 4 + 2 * counts_reads(c))
        reply_text(c, b"name")
        reply_bulk(c, name_of(g))
        reply_text(c, b"consumers")
        reply_int(c, g.consumers.count)
        reply_text(c, b"pending")
        reply_int(c, g.pending.count)
        reply_text(c, b"last-delivered-id")
        reply_id(c, g.last)
        reply_reads(c, s, g)


define(xinfo_consumers, """
    XINFO|CONSUMERS key group
    readonly | stream | 5.0.0 | O(N) where N is the number of consumers
    Return information about the consumers of a group.
    keys: RO access
    tips: nondeterministic_output
""")
cdef void xinfo_consumers(call *c) noexcept nogil:
    cdef stream *s = arg_stream(c, 2, True)
    cdef group *g
    cdef consumer *who
    cdef bint active = replies_since(c.store, 70200, 70200)
    cdef uint32_t i
    if s == NULL:
        return
    g = group_find(&s.groups, c.argv[3])
    if g == NULL:
        group_unknown(c, c.argv[2], c.argv[3])
        return
    reply_array(c, g.consumers.count)
    for i in range(g.consumers.count):
        who = <consumer *>g.consumers.item[i]
        reply_map(c, 3 + active)
        reply_text(c, b"name")
        reply_bulk(c, name_of(who))
        reply_text(c, b"pending")
        reply_int(c, who.pending.count)
        reply_text(c, b"idle")
        reply_int(c, max(c.store.now - who.seen_ms, <int64_t>0))
        if not active:
            continue
        reply_text(c, b"inactive")
        reply_int(c, max(c.store.now - who.active_ms, <int64_t>0) if who.active_ms >= 0 else -1)
