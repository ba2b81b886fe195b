"""XREAD and XREADGROUP: entries after an id, of several streams, blocking if there are none.

XREADGROUP CLAIM waits for new entries and for pending ones that become idle: its wait names the time at which the first of
them will be, and it is run again whenever entries become pending (waits_pending).

MAXCOUNT and MAXSIZE limit the whole reply: once it is full, the streams that follow are passed over, as if they were not asked for.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kvd.commands.stream_groups cimport group_missing, lose, propagate_pending, propagate_position, use_consumer
from kvd.commands.streams cimport ID_TEXT, arg_id, find_stream, format_id, reply_entry, reply_id, reply_parts
from kvd.core.entry cimport entry
from kvd.core.idmap cimport (
    id_compare, id_highest, id_lowest, id_next, id_prev, idmap_next, idmap_seek, idpos, stream_id,
)
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_header_at, write_null_array
from kvd.run.after cimport wait_for_keys, wanted_keys
from kvd.run.args cimport arg_int, open_key, reply_array, reply_bulk, reply_error, reply_errorf, reply_int
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.waiters cimport waits_pending, wanted
from kvd.store.change cimport others_changed
from kvd.types.group cimport (
    consumer, group, group_find, group_oldest, group_pend, nack, nack_count, nack_delivered, nack_give, nack_idle,
)
from kvd.types.kind cimport STREAM
from kvd.types.stream cimport (
    stream, stream_entries_read, stream_of, stream_range_has_tombstones, stream_walk, stream_walk_next,
    stream_walk_start,
)

cdef struct reading:           # of XREAD and XREADGROUP
    int64_t count              # of entries of each stream; 0: all
    int64_t maxcount           # of all streams together; 0: all
    int64_t maxsize            # bytes of the reply after which no entry is added; 0: no limit
    int64_t entries            # in the reply
    size_t begin               # of the reply, in the output
    int64_t idle               # CLAIM: ms since the delivery of pending entries that are taken over; -1: none are
    int64_t deadline           # ms; 0: no limit
    bint waits
    bint noack
    int group_at               # argument that names the group; 0: XREAD
    int streams_at             # the first key
    int streams


cdef bint read_block(call *c, int i, reading *r) noexcept nogil:
    cdef int64_t ms
    if not parse_int(c.argv[i], &ms):
        reply_error(c, b"ERR timeout is not an integer or out of range")
        return False
    if ms < 0:
        reply_error(c, b"ERR timeout is negative")
        return False
    if ms > <int64_t>0x7FFFFFFFFFFFFFFF - c.store.now:
        reply_error(c, b"ERR timeout is out of range")
        return False
    r.waits = True
    r.deadline = c.store.now + ms if ms else 0
    return True


cdef bint read_idle(call *c, int i, reading *r) noexcept nogil:
    if not parse_int(c.argv[i], &r.idle):
        reply_error(c, b"ERR min-idle-time is not an integer")
        return False
    if r.idle < 0:
        reply_error(c, b"ERR min-idle-time must be a positive integer")
        return False
    return True


cdef bint read_limit(call *c, int i, const char *name, int64_t *limit) noexcept nogil:
    if not arg_int(c, i, limit):
        return False
    if limit[0] < 1:
        reply_errorf(c, b"ERR %s must be > 0", name, NULL)
        return False
    return True


cdef bint read_streams(call *c, int i, bint grouped, reading *r) noexcept nogil:
    r.streams_at = i
    r.streams = (c.argc - i) // 2
    if (c.argc - i) % 2 == 0:
        return True
    reply_errorf(c, b"ERR Unbalanced '%s' list of streams: for each stream key an ID%s must be specified.", c.command.name,
                 <const char *>b" or '>'" if grouped else <const char *>b", '+', or '$'")
    return False


cdef bint only_grouped(call *c, bint grouped, const char *option) noexcept nogil:
    if not grouped:
        reply_errorf(c, b"ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option, NULL)
    return grouped


cdef int read_option(call *c, int i, bint grouped, reading *r) noexcept nogil:
    """Returns its last argument, or -1 with the error replied."""
    cdef view word = c.argv[i]
    cdef int more = c.argc - i - 1
    if more >= 1 and view_is(word, b"block"):
        return i + 1 if read_block(c, i + 1, r) else -1
    if more >= 1 and view_is(word, b"count"):
        if not arg_int(c, i + 1, &r.count):
            return -1
        r.count = max(r.count, <int64_t>0)
        return i + 1
    if more >= 1 and view_is(word, b"maxcount"):
        return i + 1 if read_limit(c, i + 1, b"MAXCOUNT", &r.maxcount) else -1
    if more >= 1 and view_is(word, b"maxsize"):
        return i + 1 if read_limit(c, i + 1, b"MAXSIZE", &r.maxsize) else -1
    if more >= 1 and view_is(word, b"claim"):
        return i + 1 if only_grouped(c, grouped, b"CLAIM") and read_idle(c, i + 1, r) else -1
    if more >= 1 and view_is(word, b"streams"):
        return i + 1 if read_streams(c, i + 1, grouped, r) else -1
    if more >= 2 and view_is(word, b"group"):
        r.group_at = i + 1
        return i + 2 if only_grouped(c, grouped, b"GROUP") else -1
    if view_is(word, b"noack"):
        r.noack = True
        return i if only_grouped(c, grouped, b"NOACK") else -1
    reply_error(c, SYNTAX)
    return -1


cdef bint read_options(call *c, bint grouped, reading *r) noexcept nogil:
    cdef int i = 1
    memset(r, 0, sizeof(reading))
    r.idle = -1
    while i < c.argc and r.streams_at == 0:
        i = read_option(c, i, grouped, r)
        if i < 0:
            return False
        i += 1
    if r.streams_at == 0:
        reply_error(c, SYNTAX)
        return False
    if grouped and r.group_at == 0:
        reply_error(c, b"ERR Missing GROUP option for XREADGROUP")
        return False
    if r.maxcount and r.count > r.maxcount:
        reply_error(c, b"ERR MAXCOUNT must not be less than COUNT")
        return False
    return True


cdef inline bint is_char(view v, char ch) noexcept nogil:
    return v.len == 1 and v.ptr[0] == ch


cdef bint last_entry(stream *s, stream_id *id) noexcept nogil:
    cdef stream_walk w
    stream_walk_start(&w, s, id_lowest(), id_highest(), True)
    return stream_walk_next(&w, id)


cdef void meaningless(call *c, const char *id) noexcept nogil:
    reply_errorf(c, b"ERR The %s ID is meaningless in the context of XREADGROUP: you want to read the history of this "
                    b"consumer by specifying a proper ID, or use the > ID to get new messages. The %s ID would just "
                    b"return an empty result set.", id, id)


cdef bint read_start(call *c, reading *r, int k, stream_id *after) noexcept nogil:
    """The id after which stream k is read; the highest possible for ">". False: the error is replied."""
    cdef view key = c.argv[r.streams_at + k]
    cdef int at = r.streams_at + r.streams + k
    cdef view word = c.argv[at]
    cdef entry *e
    if not find_stream(c, key, True, &e):
        return False
    if r.group_at and (e == NULL or group_find(&stream_of(e).groups, c.argv[r.group_at]) == NULL):
        group_missing(c, key, c.argv[r.group_at], b" in XREADGROUP with GROUP option")
        return False
    if is_char(word, c'$'):
        if r.group_at:
            meaningless(c, b"$")
            return False
        after[0] = stream_of(e).last if e != NULL else id_lowest()
        return True
    if is_char(word, c'+'):
        if r.group_at:
            meaningless(c, b"+")
            return False
        if e == NULL or not last_entry(stream_of(e), after):
            after[0] = stream_of(e).last if e != NULL else id_lowest()
            return True
        id_prev(after)
        return True
    if is_char(word, c'>'):
        if not r.group_at:
            reply_error(c, b"ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
            return False
        after[0] = id_highest()
        return True
    return arg_id(c, at, after)


# ---- replying ---------------------------------------------------------------------------------------

cdef inline bint is_full(call *c, reading *r) noexcept nogil:
    """The first entry is replied whatever its size."""
    return (r.maxcount and r.entries >= r.maxcount) or (r.maxsize and r.entries and c.out.len - r.begin >= <size_t>r.maxsize)


cdef inline bint wants_more(call *c, reading *r, int64_t n) noexcept nogil:
    """After n entries of a stream."""
    return (r.count == 0 or n < r.count) and not is_full(c, r)


cdef void reply_after(call *c, stream *s, stream_id start, reading *r) noexcept nogil:
    cdef stream_walk w
    cdef stream_id id
    cdef size_t at = c.out.len
    cdef int64_t n = 0
    stream_walk_start(&w, s, start, id_highest(), False)
    while wants_more(c, r, n) and stream_walk_next(&w, &id):
        reply_entry(c, &w, id)
        r.entries += 1
        n += 1
    write_header_at(c.out, at, c'*', n)


cdef void count_read(stream *s, group *g, stream_id id) noexcept nogil:
    """The group receives an entry after its last one."""
    if g.entries_read != -1 and id_compare(g.last, s.first) >= 0 and not stream_range_has_tombstones(s, g.last):
        g.entries_read += 1
    elif s.added:
        g.entries_read = stream_entries_read(s, id)
    g.last = id


cdef void reply_delivered(call *c, reading *r, stream_walk *w, stream_id id, int64_t idle, uint64_t deliveries) noexcept nogil:
    """With CLAIM the entry is followed by what was known of it before."""
    r.entries += 1
    if r.idle < 0:
        reply_entry(c, w, id)
        return
    reply_array(c, 4)
    reply_parts(c, w, id)
    reply_int(c, idle)
    reply_int(c, <int64_t>deliveries)


cdef nack *next_idle(call *c, group *g, reading *r, uint64_t turns) noexcept nogil:
    """The entry that has been pending longest, if that is long enough; NULL: none, or those that follow were delivered by this call."""
    cdef nack *p = group_oldest(g)
    return p if p != NULL and p.turn.seq <= turns and nack_idle(p, c.store.now, r.idle) else NULL


cdef int64_t reply_idle(call *c, view key, stream *s, group *g, consumer *who, reading *r) noexcept nogil:
    """Takes over idle entries. Those that the stream no longer has are dropped, as XCLAIM does."""
    cdef stream_walk w
    cdef stream_id id
    cdef uint64_t turns = g.turns
    cdef nack *p = next_idle(c, g, r, turns)
    cdef int64_t idle
    cdef int64_t n = 0
    while p != NULL and wants_more(c, r, n):
        stream_walk_start(&w, s, p.id, p.id, False)
        if not stream_walk_next(&w, &id):
            lose(c, key, s, g, p.id)
        else:
            idle = c.store.now - nack_delivered(p)
            if not nack_give(g, p, who, c.store.now):
                break
            reply_delivered(c, r, &w, id, idle, p.deliveries)
            nack_count(p)
            propagate_pending(c, key, g, p)
            n += 1
        p = next_idle(c, g, r, turns)
    return n


cdef int64_t reply_new(call *c, view key, stream *s, group *g, consumer *who, reading *r, int64_t n) noexcept nogil:
    """n: entries of this stream that are in the reply already, and count."""
    cdef stream_walk w
    cdef nack *p
    cdef stream_id id
    cdef stream_id start = g.last
    cdef int64_t before = n
    if id_compare(g.last, s.last) >= 0 or not id_next(&start):
        return n
    stream_walk_start(&w, s, start, id_highest(), False)
    while wants_more(c, r, n) and stream_walk_next(&w, &id):
        p = NULL
        if not r.noack:
            p = group_pend(s.mem, g, who, id, c.store.now)
            if p == NULL:
                break
        count_read(s, g, id)
        if p != NULL:
            propagate_pending(c, key, g, p)
        reply_delivered(c, r, &w, id, 0, 0)
        n += 1
    if n > before:
        propagate_position(c, key, g)
        if not r.noack:
            waits_pending(c.store, c.db, key)
    return n


cdef int64_t deliver(call *c, view key, stream *s, group *g, consumer *who, reading *r) noexcept nogil:
    cdef size_t at = c.out.len
    cdef int64_t n = 0
    if r.idle >= 0:
        n = reply_idle(c, key, s, g, who, r)
    n = reply_new(c, key, s, g, who, r, n)
    if n:
        who.active_ms = c.store.now
    write_header_at(c.out, at, c'*', n)
    return n


cdef int64_t reply_history(call *c, view key, stream *s, group *g, consumer *who, stream_id start, reading *r) noexcept nogil:
    """The entries delivered to the consumer and not acknowledged."""
    cdef stream_walk w
    cdef stream_id id
    cdef idpos at
    cdef size_t begin = c.out.len
    cdef nack *p = <nack *>idmap_seek(&who.pending, start, &at)
    cdef int64_t n = 0
    while p != NULL and wants_more(c, r, n):
        stream_walk_start(&w, s, p.id, p.id, False)
        if stream_walk_next(&w, &id):
            reply_entry(c, &w, id)
            nack_give(g, p, who, c.store.now)
            nack_count(p)
            propagate_pending(c, key, g, p)
        else:
            reply_array(c, 2)
            reply_id(c, p.id)
            write_null_array(c.out, c.proto)
        r.entries += 1
        n += 1
        p = <nack *>idmap_next(&who.pending, &at)
    write_header_at(c.out, begin, c'*', n)
    return n


cdef void open_stream(call *c, view key) noexcept nogil:
    """A map in RESP3, a list of pairs in RESP2."""
    if c.proto < 3:
        reply_array(c, 2)
    reply_bulk(c, key)


cdef bint reply_stream(call *c, reading *r, int k, stream_id after) noexcept nogil:
    """False: stream k has nothing to reply."""
    cdef view key = c.argv[r.streams_at + k]
    cdef entry *e
    cdef stream *s
    cdef group *g
    cdef consumer *who
    cdef stream_id top
    cdef bint history = id_compare(after, id_highest()) != 0
    cdef size_t at = c.out.len
    if not find_stream(c, key, True, &e) or e == NULL:
        return False
    s = stream_of(e)
    if r.group_at == 0:
        if not last_entry(s, &top) or id_compare(top, after) <= 0:
            return False
        id_next(&after)
        open_stream(c, key)
        reply_after(c, s, after, r)
        return True
    open_key(c, key, e)
    g = group_find(&s.groups, c.argv[r.group_at])
    who = use_consumer(c, s, g, key, c.argv[r.group_at + 1])
    if who == NULL:
        return False
    open_stream(c, key)
    if history:
        id_next(&after)
        reply_history(c, key, s, g, who, after, r)
    elif deliver(c, key, s, g, who, r) == 0:
        c.out.len = at
        return False
    others_changed(c.store, 1)
    return True


# ---- waiting ----------------------------------------------------------------------------------------

cdef int64_t soonest_idle(call *c, reading *r) noexcept nogil:
    """When the first pending entry of the streams will have been idle long enough; 0: never, as far as is known."""
    cdef int64_t soonest = 0
    cdef entry *e
    cdef group *g
    cdef nack *p
    cdef int k
    for k in range(r.streams if r.idle >= 0 else 0):
        if not find_stream(c, c.argv[r.streams_at + k], True, &e) or e == NULL:
            continue
        g = group_find(&stream_of(e).groups, c.argv[r.group_at])
        p = group_oldest(g) if g != NULL else NULL
        if p == NULL or r.idle > <int64_t>0x7FFFFFFFFFFFFFFF - nack_delivered(p):
            continue
        if soonest == 0 or nack_delivered(p) + r.idle < soonest:
            soonest = nack_delivered(p) + r.idle
    return soonest


cdef void wait_for_entries(call *c, reading *r, stream_id *after) noexcept nogil:
    """The command that is run again has ids in place of $."""
    cdef char *room = <char *>malloc(c.argc * sizeof(view) + r.streams * ID_TEXT)
    cdef view *argv = <view *>room
    cdef char *text = room + c.argc * sizeof(view)
    cdef int i
    cdef wanted what
    if room == NULL:
        reply_error(c, NO_MEMORY)
        return
    for i in range(c.argc):
        argv[i] = c.argv[i]
    for i in range(r.streams if not r.group_at else 0):
        argv[r.streams_at + r.streams + i] = view_of(text + i * ID_TEXT, format_id(text + i * ID_TEXT, after[i]))
    what = wanted_keys(c, r.streams_at, r.streams, STREAM, r.deadline)
    what.argv = argv
    what.keys = argv + r.streams_at
    what.on_gone = r.group_at != 0
    what.claims = r.idle >= 0
    what.recheck = soonest_idle(c, r)
    wait_for_keys(c, what)
    free(room)


cdef void read_generic(call *c, bint grouped) noexcept nogil:
    cdef reading r
    cdef stream_id *after
    cdef size_t at
    cdef int64_t n = 0
    cdef int k
    if not read_options(c, grouped, &r):
        return
    after = <stream_id *>malloc(r.streams * sizeof(stream_id) + 1)
    if after == NULL:
        reply_error(c, NO_MEMORY)
        return
    for k in range(r.streams):
        if not read_start(c, &r, k, &after[k]):
            free(after)
            return
    r.begin = at = c.out.len
    for k in range(r.streams):
        if is_full(c, &r):
            break
        n += reply_stream(c, &r, k, after[k])
    if n:
        write_header_at(c.out, at, c'%' if c.proto >= 3 else c'*', n)
    elif r.waits:
        wait_for_entries(c, &r, after)
    else:
        write_null_array(c.out, c.proto)
    free(after)


define(xread_command, """
    XREAD [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
    readonly blocking | stream | 5.0.0 | O(M) where M is the number of entries returned
    Return the entries of streams after given ids, with BLOCK waiting for one.
    newer: CLAIM 8.4.0; MAXCOUNT MAXSIZE 8.10.0
    words: 1 STREAMS
    at: 0 0 0
    arity: -4
""")
cdef void xread_command(call *c) noexcept nogil:
    read_generic(c, False)


define(xreadgroup_command, """
    XREADGROUP GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]
    write blocking | stream | 5.0.0 | O(M) where M is the number of entries returned
    Return new entries of streams for a consumer of a group, with CLAIM preceded by idle ones of all consumers, or its unacknowledged ones; with BLOCK waiting for one.
    newer: CLAIM 8.4.0; MAXCOUNT MAXSIZE 8.10.0
    words: 4 STREAMS
    at: 0 0 0
    arity: -7
    keys: RO access
""")
cdef void xreadgroup_command(call *c) noexcept nogil:
    read_generic(c, True)
