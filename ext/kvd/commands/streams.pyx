"""Commands on the entries of streams. XREAD and XREADGROUP are in stream_reads.pyx,
consumer groups in stream_groups.pyx, settings of producers in stream_producers.pyx, XINFO in stream_info.pyx. Encoding: types/stream.pyx."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf

from kvd.commands.keyed cimport drop_empty, find_or_make, find_typed
from kvd.core.idmap cimport id_compare, id_highest, id_lowest, id_next, id_of, id_prev
from kvd.core.text cimport parse_int, parse_unsigned
from kvd.core.view cimport view_is, view_of
from kvd.resp.writer cimport write_bulk, write_header_at, write_null_array
from kvd.run.args cimport (
    arg_int, changed, event_of, propagate_as, propagates, reply_array, reply_bulk, reply_error, reply_errorf,
    reply_int, reply_null, reply_ok,
)
from kvd.run.emulation cimport is_newer_word
from kvd.run.errors cimport NO_KEY, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.change cimport others_changed
from kvd.store.config cimport (
    EVENT_STREAM, OPT_STREAM_IDMP_DURATION, OPT_STREAM_IDMP_MAXSIZE, OPT_STREAM_NODE_MAX_BYTES,
    OPT_STREAM_NODE_MAX_ENTRIES, cfg,
)
from kvd.store.effects cimport effect_begin, effect_int, effect_text, effect_word, effects
from kvd.store.store cimport SPECIAL_APPLYING, SPECIAL_LOADING
from kvd.types.group cimport groups_forget, groups_refer
from kvd.types.kind cimport STREAM
from kvd.types.producers cimport (
    CONTENT_BYTES, content_iid, producers_find, producers_forget, producers_new, producers_record,
)
from kvd.types.stream cimport (
    DROP_REFERENCES, KEEP_REFERENCES, ONLY_ACKNOWLEDGED, stream_append, stream_delete, stream_has, stream_limits,
    stream_new, stream_of, stream_trim, stream_trimming, stream_walk_field, stream_walk_next, stream_walk_start,
)

cdef const char *BAD_ID = b"ERR Invalid stream ID specified as stream command argument"

cdef enum:
    MAX_ELEMENT = 1073741824   # bytes of the fields and values of an entry


# ---- ids --------------------------------------------------------------------------------------------

cdef bint parse_id_or_star(view v, stream_id *id, uint64_t missing_seq, bint ends, bint *star) noexcept nogil:
    """`star`, unless NULL: ms-* is allowed, and is then set."""
    cdef size_t dash = 0
    if v.len == 0 or v.len > 127:
        return False
    if ends and v.len == 1 and (v.ptr[0] == c'-' or v.ptr[0] == c'+'):
        id[0] = id_lowest() if v.ptr[0] == c'-' else id_highest()
        return True
    while dash < v.len and v.ptr[dash] != c'-':
        dash += 1
    if not parse_unsigned(view_of(v.ptr, dash), &id.ms):
        return False
    id.seq = missing_seq
    if dash == v.len:
        return True
    if star != NULL and v.len == dash + 2 and v.ptr[dash + 1] == c'*':
        star[0] = True
        id.seq = 0
        return True
    return parse_unsigned(view_of(v.ptr + dash + 1, v.len - dash - 1), &id.seq)


cdef bint parse_id(view v, stream_id *id, unsigned long long missing_seq, bint ends) noexcept nogil:
    return parse_id_or_star(v, id, missing_seq, ends, NULL)


cdef bint arg_id(call *c, int i, stream_id *id) noexcept nogil:
    if parse_id(c.argv[i], id, 0, False):
        return True
    reply_error(c, BAD_ID)
    return False


cdef bint ids_valid(call *c, int first, int last) noexcept nogil:
    cdef stream_id id
    cdef int i
    for i in range(first, last + 1):
        if not arg_id(c, i, &id):
            return False
    return True


cdef bint parse_bound(view v, stream_id *id, uint64_t missing_seq, bint *open) noexcept nogil:
    open[0] = v.len > 1 and v.ptr[0] == c'('
    if open[0]:
        return parse_id(view_of(v.ptr + 1, v.len - 1), id, missing_seq, False)
    return parse_id(v, id, missing_seq, True)


cdef bint arg_range_start(call *c, int i, stream_id *start) noexcept nogil:
    cdef bint open
    if not parse_bound(c.argv[i], start, 0, &open):
        reply_error(c, BAD_ID)
        return False
    if open and not id_next(start):
        reply_error(c, b"ERR invalid start ID for the interval")
        return False
    return True


cdef bint arg_interval(call *c, int low, int high, stream_id *start, stream_id *end) noexcept nogil:
    cdef bint open
    if not arg_range_start(c, low, start):
        return False
    if not parse_bound(c.argv[high], end, <uint64_t>-1, &open):
        reply_error(c, BAD_ID)
        return False
    if open and not id_prev(end):
        reply_error(c, b"ERR invalid end ID for the interval")
        return False
    return True


cdef int format_id(char *out, stream_id id) noexcept nogil:
    return snprintf(out, ID_TEXT, b"%llu-%llu", <unsigned long long>id.ms, <unsigned long long>id.seq)


cdef void reply_id(call *c, stream_id id) noexcept nogil:
    cdef char text[ID_TEXT]
    write_bulk(c.out, view_of(text, format_id(text, id)))


# ---- entries in replies -----------------------------------------------------------------------------

cdef void reply_entry(call *c, stream_walk *w, stream_id id) noexcept nogil:
    reply_array(c, 2)
    reply_parts(c, w, id)


cdef void reply_parts(call *c, stream_walk *w, stream_id id) noexcept nogil:
    cdef view field, value
    cdef int64_t n = w.fields
    reply_id(c, id)
    reply_array(c, n * 2)
    while n > 0:
        stream_walk_field(w, &field, &value)
        reply_bulk(c, field)
        reply_bulk(c, value)
        n -= 1


cdef int64_t reply_entries(call *c, stream *s, stream_id start, stream_id end, bint reverse, int64_t count) noexcept nogil:
    cdef stream_walk w
    cdef stream_id id
    cdef size_t at = c.out.len
    cdef int64_t n = 0
    stream_walk_start(&w, s, start, end, reverse)
    while stream_walk_next(&w, &id):
        reply_entry(c, &w, id)
        n += 1
        if n == count:
            break
    write_header_at(c.out, at, c'*', n)
    return n


cdef bint find_stream(call *c, view key, bint reading, entry **e) noexcept nogil:
    cdef uint64_t hash
    return find_typed(c, key, STREAM, reading, &hash, e)


cdef stream *arg_stream(call *c, int i, bint reading) noexcept nogil:
    cdef entry *e
    if not find_stream(c, c.argv[i], reading, &e):
        return NULL
    if e == NULL:
        reply_error(c, NO_KEY)
        return NULL
    return stream_of(e)


cdef void effect_id(call *c, stream_id id) noexcept nogil:
    cdef char text[ID_TEXT]
    effect_word(&c.store.effects, view_of(text, format_id(text, id)))


cdef void propagate_with_id(call *c, int at, stream_id id) noexcept nogil:
    cdef int i
    if not propagates(c):
        return
    c.store.effects.said = True
    effect_begin(&c.store.effects, c.db.id, c.argc)
    for i in range(c.argc):
        if i == at:
            effect_id(c, id)
        else:
            effect_word(&c.store.effects, c.argv[i])


# ---- adding and trimming ----------------------------------------------------------------------------

cdef struct adding:            # options of XADD and XTRIM
    bint trims
    stream_trimming trim
    bint limited
    bint only_known            # NOMKSTREAM
    bint given                 # the id is given
    bint star                  # its sequence number is not given
    stream_id id
    int id_at
    int producer_at            # IDMP or IDMPAUTO: the argument that is the producer's id; 0: none
    view iid                   # its id of the entry
    char content[CONTENT_BYTES]    # IDMPAUTO: is that


cdef bint arg_references(view word, references *refs) noexcept nogil:
    if view_is(word, b"keepref"):
        refs[0] = KEEP_REFERENCES
    elif view_is(word, b"delref"):
        refs[0] = DROP_REFERENCES
    elif view_is(word, b"acked"):
        refs[0] = ONLY_ACKNOWLEDGED
    else:
        return False
    return True


cdef int read_threshold(call *c, int i, adding *a, bint by_id) noexcept nogil:
    """MAXLEN or MINID at i; returns its last argument, or -1 with the error replied."""
    if a.trims:
        reply_error(c, b"ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
        return -1
    a.trims = True
    a.trim.by_id = by_id
    a.trim.approximate = False
    i += 1
    if i + 1 < c.argc and c.argv[i].len == 1 and (c.argv[i].ptr[0] == c'~' or c.argv[i].ptr[0] == c'='):
        a.trim.approximate = c.argv[i].ptr[0] == c'~'
        i += 1
    if by_id:
        return i if arg_id(c, i, &a.trim.minid) else -1
    if not arg_int(c, i, &a.trim.maxlen):
        return -1
    if a.trim.maxlen < 0:
        reply_error(c, b"ERR The MAXLEN argument must be >= 0.")
        return -1
    return i


cdef int read_producer(call *c, int i, adding *a) noexcept nogil:
    """IDMP or IDMPAUTO at i; returns its last argument, or -1 with the error replied."""
    cdef bint given = view_is(c.argv[i], b"idmp")
    if a.producer_at:
        reply_error(c, b"ERR IDMP/IDMPAUTO specified multiple times")
        return -1
    if c.argv[i + 1].len == 0:
        reply_errorf(c, b"ERR %s requires a non-empty producer ID", <const char *>b"IDMP" if given else <const char *>b"IDMPAUTO", NULL)
        return -1
    a.producer_at = i + 1
    if not given:
        return i + 1
    if c.argv[i + 2].len == 0:
        reply_error(c, b"ERR IDMP requires a non-empty idempotent ID")
        return -1
    a.iid = c.argv[i + 2]
    return i + 2


cdef bint settle_limit(call *c, adding *a) noexcept nogil:
    cdef int64_t most
    if a.trim.limit and not a.trims:
        reply_error(c, b"ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
        return False
    if a.limited and not a.trim.approximate:
        reply_error(c, b"ERR syntax error, LIMIT cannot be used without the special ~ option")
        return False
    if a.trim.approximate and not a.limited:
        most = 100 * cfg(&c.store.config, OPT_STREAM_NODE_MAX_ENTRIES)
        a.trim.limit = 10000 if most <= 0 else min(most, <int64_t>1000000)
    return True


cdef bint read_adding(call *c, bint adds, adding *a) noexcept nogil:
    cdef int i = 2
    cdef view word
    a.trims = a.limited = a.only_known = a.given = a.star = False
    a.producer_at = 0
    a.iid = view_of(NULL, 0)
    a.trim.approximate = a.trim.by_id = False
    a.trim.limit = a.trim.maxlen = 0
    a.trim.minid = id_lowest()
    a.trim.refs = KEEP_REFERENCES
    a.id_at = c.argc
    while i < c.argc:
        word = c.argv[i]
        if adds and word.len == 1 and word.ptr[0] == c'*':
            a.id_at = i
            break
        if i + 1 < c.argc and (view_is(word, b"maxlen") or view_is(word, b"minid")):
            i = read_threshold(c, i, a, view_is(word, b"minid"))
            if i < 0:
                return False
        elif i + 1 < c.argc and view_is(word, b"limit"):
            i += 1
            if not arg_int(c, i, &a.trim.limit):
                return False
            if a.trim.limit < 0:
                reply_error(c, b"ERR The LIMIT argument must be >= 0.")
                return False
            a.limited = True
        elif adds and view_is(word, b"nomkstream"):
            a.only_known = True
        elif adds and not is_newer_word(c, word) and (
                (i + 2 < c.argc and view_is(word, b"idmp")) or (i + 1 < c.argc and view_is(word, b"idmpauto"))):
            i = read_producer(c, i, a)
            if i < 0:
                return False
        elif not is_newer_word(c, word) and arg_references(word, &a.trim.refs):
            pass
        elif adds:
            if not parse_id_or_star(word, &a.id, 0, False, &a.star):
                reply_error(c, BAD_ID)
                return False
            a.given = True
            a.id_at = i
            break
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    if a.given and a.producer_at and not c.store.special & (SPECIAL_LOADING | SPECIAL_APPLYING):    # a server has chosen it
        reply_error(c, b"ERR IDMP/IDMPAUTO can be used only with auto-generated IDs")
        return False
    if not adds and not a.trims and not a.trim.limit:
        reply_error(c, b"ERR syntax error, XTRIM must be called with a trimming strategy")
        return False
    return settle_limit(c, a)


cdef bint next_id(call *c, stream *s, adding *a) noexcept nogil:
    """The id of the new entry; False: none is valid, and the error is replied."""
    if id_compare(s.last, id_highest()) == 0:
        reply_error(c, b"ERR The stream has exhausted the last possible ID, unable to add more items")
        return False
    if not a.given:
        a.id = id_of(<uint64_t>c.store.now, 0)
        if a.id.ms <= s.last.ms:
            a.id = s.last
            id_next(&a.id)
        return True
    if a.star and a.id.ms == s.last.ms and s.last.seq != <uint64_t>-1:
        a.id.seq = s.last.seq + 1
    if id_compare(a.id, s.last) > 0:
        return True
    reply_error(c, b"ERR The ID specified in XADD is equal or smaller than the target stream top item")
    return False


cdef producers *stream_producers(call *c, stream *s) noexcept nogil:
    if s.known == NULL:
        s.known = producers_new(s.mem, cfg(&c.store.config, OPT_STREAM_IDMP_DURATION), cfg(&c.store.config, OPT_STREAM_IDMP_MAXSIZE))
    return s.known


cdef bint is_duplicate(call *c, stream *s, adding *a) noexcept nogil:
    """Has the producer added it before? Then the id of that entry is replied. An id that is given was chosen by a server that has asked this."""
    cdef stream_id known
    if a.producer_at == 0:
        return False
    if a.iid.len == 0:
        content_iid(c.argv + a.id_at + 1, (c.argc - a.id_at - 1) // 2, a.content)
        a.iid = view_of(a.content, sizeof(a.content))
    if a.given or s.known == NULL or not producers_find(s.known, c.argv[a.producer_at], a.iid, a.id.ms, &known):
        return False
    s.known.duplicates += 1
    reply_id(c, known)
    return True


cdef bint append(call *c, stream *s, adding *a, int pairs) noexcept nogil:
    """The entry and the id of its producer; False: no memory."""
    cdef stream_limits limits
    cdef view *pid = c.argv + a.producer_at
    if a.producer_at and (stream_producers(c, s) == NULL or not producers_record(s.mem, s.known, pid[0], a.iid, a.id)):
        return False
    limits.bytes = cfg(&c.store.config, OPT_STREAM_NODE_MAX_BYTES)
    limits.entries = cfg(&c.store.config, OPT_STREAM_NODE_MAX_ENTRIES)
    if stream_append(s, a.id, c.argv + a.id_at + 1, pairs, &limits):
        if a.producer_at:
            s.known.added += 1
        return True
    if a.producer_at:
        producers_forget(s.mem, s.known, pid[0], a.iid)
    return False


cdef bint too_large(call *c, int first) noexcept nogil:
    cdef uint64_t bytes = 0
    cdef int i
    for i in range(first, c.argc):
        bytes += c.argv[i].len
    if bytes < MAX_ELEMENT:
        return False
    reply_error(c, b"ERR Elements are too large to be stored")
    return True


cdef void effect_length(call *c, stream *s) noexcept nogil:
    """MAXLEN = length: the result of approximate trimming depends on the nodes of this server."""
    effect_text(&c.store.effects, b"MAXLEN")
    effect_text(&c.store.effects, b"=")
    effect_int(&c.store.effects, s.length)


cdef void propagate_produced(call *c, stream *s, adding *a, bint trimmed) noexcept nogil:
    """The entry, its producer's id and the trimming on their own: the id of an entry that is trimmed at once is known, too."""
    cdef effects *u = &c.store.effects
    cdef int i
    propagate_as(c, b"XADD", 3 + c.argc - a.id_at - 1)
    effect_word(u, c.argv[1])
    effect_id(c, a.id)
    for i in range(a.id_at + 1, c.argc):
        effect_word(u, c.argv[i])
    propagate_as(c, b"XIDMPRECORD", 5)
    effect_word(u, c.argv[1])
    effect_word(u, c.argv[a.producer_at])
    effect_word(u, a.iid)
    effect_id(c, a.id)
    if not trimmed:
        return
    if a.trim.refs == KEEP_REFERENCES:
        propagate_trimmed(c, s, a)
        return
    propagate_as(c, b"XTRIM", 6 + 2 * a.limited)
    effect_word(u, c.argv[1])
    effect_text(u, b"MINID" if a.trim.by_id else b"MAXLEN")
    effect_text(u, b"~" if a.trim.approximate else b"=")
    if a.trim.by_id:
        effect_id(c, a.trim.minid)
    else:
        effect_int(u, a.trim.maxlen)
    if a.limited:
        effect_text(u, b"LIMIT")
        effect_int(u, a.trim.limit)
    effect_text(u, b"DELREF" if a.trim.refs == DROP_REFERENCES else b"ACKED")


cdef void propagate_added(call *c, stream *s, adding *a, bint trimmed) noexcept nogil:
    cdef int i
    if not propagates(c):
        return
    if a.producer_at:
        propagate_produced(c, s, a, trimmed)
        return
    if a.trims and a.trim.refs != KEEP_REFERENCES:
        propagate_with_id(c, a.id_at, a.id)            # exact trimming: its own words give the same result
        return
    propagate_as(c, b"XADD", 3 + 3 * trimmed + c.argc - a.id_at - 1)
    effect_word(&c.store.effects, c.argv[1])
    if trimmed:
        effect_length(c, s)
    effect_id(c, a.id)
    for i in range(a.id_at + 1, c.argc):
        effect_word(&c.store.effects, c.argv[i])


cdef void propagate_trimmed(call *c, stream *s, adding *a) noexcept nogil:
    if propagates(c) and a.trim.refs == KEEP_REFERENCES:
        propagate_as(c, b"XTRIM", 5)
        effect_word(&c.store.effects, c.argv[1])
        effect_length(c, s)


define(xadd_command, """
    XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO pid | IDMP pid iid] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]
    write denyoom fast | stream | 5.0.0 | O(1) for an entry, O(N) where N is the number of entries trimmed
    Append an entry to a stream, which is created if it does not exist. With IDMP and IDMPAUTO, an entry that the producer has added before is not added again.
    newer: KEEPREF DELREF ACKED as other 8.2.0; IDMP IDMPAUTO as other 8.6.0
    keys: RW update
    tips: nondeterministic_output
""")
cdef void xadd_command(call *c) noexcept nogil:
    cdef adding a
    cdef uint64_t hash
    cdef entry *e
    cdef stream *s
    cdef view key = c.argv[1]
    cdef int pairs
    cdef bint trimmed, new
    if not read_adding(c, True, &a):
        return
    pairs = c.argc - a.id_at - 1
    if pairs < 2 or pairs % 2:
        reply_errorf(c, b"ERR wrong number of arguments for '%s' command", c.command.name, NULL)
        return
    if a.given and not a.star and id_compare(a.id, id_lowest()) == 0:
        reply_error(c, b"ERR The ID specified in XADD must be greater than 0-0")
        return
    if not find_typed(c, key, STREAM, False, &hash, &e):
        return
    new = e == NULL
    if new:
        if a.only_known:
            reply_null(c)
            return
        e = find_or_make(c, key, STREAM, stream_new, &hash)
        if e == NULL:
            return
    s = stream_of(e)
    if not next_id(c, s, &a) or too_large(c, a.id_at + 1) or is_duplicate(c, s, &a):
        pass
    elif not append(c, s, &a, pairs // 2):
        reply_error(c, NO_MEMORY)
    else:
        reply_id(c, a.id)
        changed(c, key, 1, EVENT_STREAM, b"xadd")
        trimmed = a.trims and stream_trim(s, &a.trim) != 0
        if trimmed:
            event_of(c, key, EVENT_STREAM, b"xtrim")
        propagate_added(c, s, &a, trimmed)
        return
    if new:
        drop_empty(c, key, e, hash)        # it was created for an entry that was not added


define(xtrim_command, """
    XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]
    write | stream | 5.0.0 | O(N) where N is the number of entries removed
    Remove the oldest entries of a stream.
    newer: KEEPREF DELREF ACKED 8.2.0
    keys: RW delete
    tips: nondeterministic_output
""")
cdef void xtrim_command(call *c) noexcept nogil:
    cdef adding a
    cdef entry *e
    cdef int64_t n
    if not read_adding(c, False, &a) or not find_stream(c, c.argv[1], False, &e):
        return
    n = stream_trim(stream_of(e), &a.trim) if e != NULL else 0
    if n:
        changed(c, c.argv[1], n, EVENT_STREAM, b"xtrim")
        propagate_trimmed(c, stream_of(e), &a)
    reply_int(c, n)


define(xlen_command, """
    XLEN key
    readonly fast | stream | 5.0.0 | O(1)
    Return the number of entries of a stream.
    keys: RO
""")
cdef void xlen_command(call *c) noexcept nogil:
    cdef entry *e
    if find_stream(c, c.argv[1], True, &e):
        reply_int(c, stream_of(e).length if e != NULL else 0)


cdef void range_generic(call *c, bint reverse) noexcept nogil:
    cdef stream_id start, end
    cdef entry *e
    cdef int64_t count = -1
    cdef int i = 4
    if not arg_interval(c, 3 if reverse else 2, 2 if reverse else 3, &start, &end):
        return
    while i < c.argc:
        if i + 1 == c.argc or not view_is(c.argv[i], b"count"):
            reply_error(c, SYNTAX)
            return
        if not arg_int(c, i + 1, &count):
            return
        count = max(count, <int64_t>0)
        i += 2
    if not find_stream(c, c.argv[1], True, &e):
        return
    if e == NULL:
        reply_array(c, 0)
    elif count == 0:
        write_null_array(c.out, c.proto)
    else:
        reply_entries(c, stream_of(e), start, end, reverse, count)


define(xrange_command, """
    XRANGE key start end [COUNT count]
    readonly | stream | 5.0.0 | O(log(N)+M) where M is the number of entries returned
    Return entries of a stream, the oldest first.
""")
cdef void xrange_command(call *c) noexcept nogil:
    range_generic(c, False)


define(xrevrange_command, """
    XREVRANGE key end start [COUNT count]
    readonly | stream | 5.0.0 | O(log(N)+M) where M is the number of entries returned
    Return entries of a stream, the newest first.
""")
cdef void xrevrange_command(call *c) noexcept nogil:
    range_generic(c, True)


# ---- deleting ---------------------------------------------------------------------------------------

define(xdel_command, """
    XDEL key id [id ...]
    write fast | stream | 5.0.0 | O(log(N)) for each id
    Remove entries from a stream and return the number removed.
    keys: RW delete
""")
cdef void xdel_command(call *c) noexcept nogil:
    cdef entry *e
    cdef stream_id id
    cdef int64_t n = 0
    cdef int i
    if not find_stream(c, c.argv[1], False, &e):
        return
    if e != NULL:
        if not ids_valid(c, 2, c.argc - 1):
            return
        for i in range(2, c.argc):
            parse_id(c.argv[i], &id, 0, False)
            n += stream_delete(stream_of(e), id)
        if n:
            changed(c, c.argv[1], n, EVENT_STREAM, b"xdel")
    reply_int(c, n)


cdef bint read_ids(call *c, int at, int *first, references *refs) noexcept nogil:
    """From argument `at` on; the ids are then arguments `first` to the end."""
    cdef int64_t n
    refs[0] = KEEP_REFERENCES
    if at < c.argc and arg_references(c.argv[at], refs):
        at += 1
    if at + 1 >= c.argc or not view_is(c.argv[at], b"ids"):
        reply_error(c, SYNTAX)
        return False
    if not parse_int(c.argv[at + 1], &n) or n < 1:
        reply_error(c, b"ERR Number of IDs must be a positive integer")
        return False
    if n != c.argc - at - 2:
        reply_error(c, b"ERR The `numids` parameter must match the number of arguments")
        return False
    first[0] = at + 2
    return ids_valid(c, at + 2, c.argc - 1)


define(xdelex_command, """
    XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
    write fast | stream | 8.2.0 | O(log(N)) for each id
    Remove entries from a stream, depending on their references in consumer groups: 1 removed, 2 kept, -1 not found.
    keys: RW delete
    at: 1 1 1
""")
cdef void xdelex_command(call *c) noexcept nogil:
    cdef entry *e
    cdef references refs
    cdef stream_id id
    cdef stream *s
    cdef int first, i
    cdef int64_t n = 0
    if not read_ids(c, 2, &first, &refs) or not find_stream(c, c.argv[1], False, &e):
        return
    reply_array(c, c.argc - first)
    for i in range(first, c.argc):
        parse_id(c.argv[i], &id, 0, False)
        s = stream_of(e) if e != NULL else NULL
        if s == NULL or not stream_has(s, id):
            reply_int(c, -1)
        elif refs == ONLY_ACKNOWLEDGED and groups_refer(&s.groups, id):
            reply_int(c, 2)
        else:
            if refs == DROP_REFERENCES:
                groups_forget(s.mem, &s.groups, id)
            n += stream_delete(s, id)
            reply_int(c, 1)
    if n:
        changed(c, c.argv[1], n, EVENT_STREAM, b"xdel")


define(xsetid_command, """
    XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
    write denyoom fast | stream | 5.0.0 | O(1)
    Set the last id of a stream. Used by replication.
    newer: ENTRIESADDED MAXDELETEDID 7.0.0/7.0.0
    keys: RW update
""")
cdef void xsetid_command(call *c) noexcept nogil:
    cdef stream_id id
    cdef stream_id deleted = id_lowest()
    cdef int64_t added = -1
    cdef entry *e
    cdef stream *s
    cdef stream_walk w
    cdef stream_id top
    cdef int i = 3
    if not arg_id(c, 2, &id):
        return
    while i < c.argc:
        if i + 1 < c.argc and view_is(c.argv[i], b"entriesadded"):
            if not arg_int(c, i + 1, &added):
                return
            if added < 0:
                reply_error(c, b"ERR entries_added must be positive")
                return
        elif i + 1 < c.argc and view_is(c.argv[i], b"maxdeletedid"):
            if not arg_id(c, i + 1, &deleted):
                return
            if id_compare(id, deleted) < 0:
                reply_error(c, b"ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
                return
        else:
            reply_error(c, SYNTAX)
            return
        i += 2
    if not find_stream(c, c.argv[1], False, &e):
        return
    if e == NULL:
        reply_error(c, NO_KEY)
        return
    s = stream_of(e)
    if id_compare(id, s.max_deleted) < 0:
        reply_error(c, b"ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
        return
    if s.length:
        stream_walk_start(&w, s, id_lowest(), id_highest(), True)
        if stream_walk_next(&w, &top) and id_compare(id, top) < 0:
            reply_error(c, b"ERR The ID specified in XSETID is smaller than the target stream top item")
            return
        if added >= 0 and <int64_t>s.length > added:
            reply_error(c, b"ERR The entries_added specified in XSETID is smaller than the target stream length")
            return
    s.last = id
    if added >= 0:
        s.added = added
    if id_compare(deleted, id_lowest()) != 0:
        s.max_deleted = deleted
    others_changed(c.store, 1)         # its entries are the same: neither WATCH nor client-side caching is concerned
    event_of(c, c.argv[1], EVENT_STREAM, b"xsetid")
    reply_ok(c)
