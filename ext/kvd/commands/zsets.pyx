"""Commands on sorted sets. types/zset.pyx stores them.

A range by score, by bytes or by position is first turned into an interval of ranks; what follows is the
same for all: reply it, store it, remove it, count it.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kvd.commands.keyed cimport (
    arg_double, arg_timeout, clip, delete_key, drop_empty, find_or_make, find_typed, first_filled, picks, picks_add,
    picks_init, picks_release, read_pop_count, reply_double, store_new_value, zset_limits,
)
from kvd.commands.scanning cimport gathering, scan_value, scan_wants
from kvd.core.random cimport rng_below
from kvd.core.text cimport DOUBLE_TEXT, format_double, parse_double, parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_bulk, write_null_array
from kvd.run.after cimport wait_for_keys, wanted_keys
from kvd.run.args cimport (
    arg_int, changed, find_read, find_write, propagate_as, propagates, reply_array, reply_bulk, reply_error,
    reply_errorf, reply_int, reply_null,
)
from kvd.run.errors cimport NOT_INT, NO_MEMORY, OUT_OF_RANGE, SYNTAX, WRONGTYPE
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_ZSET
from kvd.store.effects cimport effect_double, effect_int, effect_word, effects
from kvd.types.kind cimport SET, ZSET, packing, type_of
from kvd.types.set cimport set_cursor, set_has, set_len, set_next, set_start
from kvd.types.value cimport value_free
from kvd.types.zset cimport (
    zset_at, zset_below, zset_cursor, zset_get, zset_len, zset_lex_below, zset_new, zset_next, zset_prev, zset_rank,
    zset_remove, zset_scan, zset_score, zset_set,
)

# ---- adding -----------------------------------------------------------------------------------------

cdef enum outcome:
    NO_ROOM
    NOT_A_NUMBER
    SKIPPED
    SAME
    MOVED
    ADDED


cdef outcome put(call *c, entry *e, view member, double *score, int flags, packing *limits) noexcept nogil:
    """One member; *score becomes the one it has then, of ADD_INCR the sum."""
    cdef double before
    if zset_score(e, member, &before):
        if flags & ADD_NX:
            return SKIPPED
        if flags & ADD_INCR:
            score[0] += before
            if score[0] != score[0]:
                return NOT_A_NUMBER
        if (flags & ADD_GT and score[0] <= before) or (flags & ADD_LT and score[0] >= before):
            return SKIPPED
        if score[0] == before:
            return SAME
        return MOVED if zset_set(&c.store.mem, e, member, score[0], limits) >= 0 else NO_ROOM
    if flags & ADD_XX:
        return SKIPPED
    return ADDED if zset_set(&c.store.mem, e, member, score[0], limits) >= 0 else NO_ROOM


cdef int read_add_flags(call *c, int *at) noexcept nogil:
    """Options of ZADD; *at is then the first score. -1: the error is replied."""
    cdef int flags = 0
    cdef int i = 2
    while i < c.argc:
        if view_is(c.argv[i], b"nx"):
            flags |= ADD_NX
        elif view_is(c.argv[i], b"xx"):
            flags |= ADD_XX
        elif view_is(c.argv[i], b"gt"):
            flags |= ADD_GT
        elif view_is(c.argv[i], b"lt"):
            flags |= ADD_LT
        elif view_is(c.argv[i], b"ch"):
            flags |= ADD_CH
        elif view_is(c.argv[i], b"incr"):
            flags |= ADD_INCR
        else:
            break
        i += 1
    at[0] = i
    if i == c.argc or (c.argc - i) % 2:
        reply_error(c, SYNTAX)
    elif flags & ADD_NX and flags & ADD_XX:
        reply_error(c, b"ERR XX and NX options at the same time are not compatible")
    elif (flags & ADD_GT and flags & (ADD_LT | ADD_NX)) or (flags & ADD_LT and flags & ADD_NX):
        reply_error(c, b"ERR GT, LT, and/or NX options at the same time are not compatible")
    elif flags & ADD_INCR and c.argc - i > 2:
        reply_error(c, b"ERR INCR option supports a single increment-element pair")
    else:
        return flags
    return -1


cdef void propagate_score(call *c, view member, double score) noexcept nogil:
    """The sum, not what was added."""
    cdef effects *u = &c.store.effects
    if propagates(c):
        propagate_as(c, b"ZADD", 4)
        effect_word(u, c.argv[1])
        effect_double(u, score)
        effect_word(u, member)


cdef void zset_add_pairs(call *c, int at, int flags) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = zset_limits(c.store)
    cdef entry *e
    cdef double score = 0
    cdef int64_t added = 0
    cdef int64_t moved = 0
    cdef outcome o = SKIPPED
    cdef int i
    for i in range(at, c.argc, 2):
        if not arg_double(c, i, &score):
            return
    if not find_typed(c, c.argv[1], ZSET, False, &hash, &e):
        return
    if e == NULL and not flags & ADD_XX:
        e = find_or_make(c, c.argv[1], ZSET, zset_new, &hash)
        if e == NULL:
            return
    for i in range(at, c.argc if e != NULL else at, 2):
        parse_double(c.argv[i], &score)
        o = put(c, e, c.argv[i + 1], &score, flags, &limits)
        if o == NO_ROOM or o == NOT_A_NUMBER:
            break
        added += o == ADDED
        moved += o == MOVED
    if added or moved:
        if flags & ADD_INCR:
            propagate_score(c, c.argv[at + 1], score)
        changed(c, c.argv[1], added + moved, EVENT_ZSET, <const char *>b"zincr" if flags & ADD_INCR else <const char *>b"zadd")
    if e != NULL and zset_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)
    if o == NO_ROOM:
        reply_error(c, NO_MEMORY)
    elif o == NOT_A_NUMBER:
        reply_error(c, b"ERR resulting score is not a number (NaN)")
    elif flags & ADD_INCR:
        if o == SKIPPED:
            reply_null(c)
        else:
            reply_double(c, score)
    else:
        reply_int(c, added + moved if flags & ADD_CH else added)


define(zadd_command, """
    ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
    write denyoom fast | sorted-set | 1.2.0 | O(log(N)) for each member, N being the size of the sorted set
    Add members to a sorted set, or change their scores.
    keys: RW update
""")
cdef void zadd_command(call *c) noexcept nogil:
    cdef int at
    cdef int flags = read_add_flags(c, &at)
    if flags >= 0:
        zset_add_pairs(c, at, flags)


define(zincrby_command, """
    ZINCRBY key float-increment member
    write denyoom fast | sorted-set | 1.2.0 | O(log(N))
    Add to the score of a member of a sorted set; a missing one counts as 0.
    keys: RW access update
""")
cdef void zincrby_command(call *c) noexcept nogil:
    zset_add_pairs(c, 2, ADD_INCR)


define(zrem_command, """
    ZREM key member [member ...]
    write fast | sorted-set | 1.2.0 | O(M*log(N)) where M is the number of members to remove
    Remove members from a sorted set; the key goes with its last member.
    keys: RW delete
""")
cdef void zrem_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t n = 0
    cdef int i
    if not find_typed(c, c.argv[1], ZSET, False, &hash, &e):
        return
    if e != NULL:
        for i in range(2, c.argc):
            n += zset_remove(&c.store.mem, e, c.argv[i])
        finish_removal(c, c.argv[1], e, hash, n, b"zrem")
    reply_int(c, n)


cdef void finish_removal(call *c, view key, entry *e, uint64_t hash, int64_t n, const char *event) noexcept nogil:
    if n == 0:
        return
    changed(c, key, n, EVENT_ZSET, event)
    if zset_len(e) == 0:
        drop_empty(c, key, e, hash)


# ---- single members ---------------------------------------------------------------------------------

cdef bint open_read(call *c, entry **e) noexcept nogil:
    cdef uint64_t hash
    return find_typed(c, c.argv[1], ZSET, True, &hash, e)


define(zscore_command, """
    ZSCORE key member
    readonly fast | sorted-set | 1.2.0 | O(1)
    Return the score of a member of a sorted set.
""")
cdef void zscore_command(call *c) noexcept nogil:
    cdef entry *e
    cdef double score
    if not open_read(c, &e):
        return
    if e != NULL and zset_score(e, c.argv[2], &score):
        reply_double(c, score)
    else:
        reply_null(c)


define(zmscore_command, """
    ZMSCORE key member [member ...]
    readonly fast | sorted-set | 6.2.0 | O(N) where N is the number of members
    Return the scores of members of a sorted set.
""")
cdef void zmscore_command(call *c) noexcept nogil:
    cdef entry *e
    cdef double score
    cdef int i
    if not open_read(c, &e):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        if e != NULL and zset_score(e, c.argv[i], &score):
            reply_double(c, score)
        else:
            reply_null(c)


define(zcard_command, """
    ZCARD key
    readonly fast | sorted-set | 1.2.0 | O(1)
    Return the number of members of a sorted set.
    keys: RO
""")
cdef void zcard_command(call *c) noexcept nogil:
    cdef entry *e
    if open_read(c, &e):
        reply_int(c, zset_len(e) if e != NULL else 0)


cdef void rank_generic(call *c, bint reverse) noexcept nogil:
    cdef entry *e
    cdef double score
    cdef int64_t rank = -1
    cdef bint with_score = c.argc == 4
    if c.argc > 4:
        reply_errorf(c, b"ERR wrong number of arguments for '%s' command", c.command.name, NULL)
        return
    if with_score and not view_is(c.argv[3], b"withscore"):
        reply_error(c, SYNTAX)
        return
    if not open_read(c, &e):
        return
    if e != NULL:
        rank = zset_rank(e, c.argv[2], &score)
    if rank < 0:
        if with_score:
            write_null_array(c.out, c.proto)
        else:
            reply_null(c)
        return
    if reverse:
        rank = <int64_t>zset_len(e) - 1 - rank
    if with_score:
        reply_array(c, 2)
    reply_int(c, rank)
    if with_score:
        reply_double(c, score)


define(zrank_command, """
    ZRANK key member [WITHSCORE]
    readonly fast | sorted-set | 2.0.0 | O(log(N))
    Return the position of a member of a sorted set, from the lowest score.
""")
cdef void zrank_command(call *c) noexcept nogil:
    rank_generic(c, False)


define(zrevrank_command, """
    ZREVRANK key member [WITHSCORE]
    readonly fast | sorted-set | 2.0.0 | O(log(N))
    Return the position of a member of a sorted set, from the highest score.
""")
cdef void zrevrank_command(call *c) noexcept nogil:
    rank_generic(c, True)


# ---- ranges -----------------------------------------------------------------------------------------

cdef enum range_kind:
    BY_RANK
    BY_SCORE
    BY_LEX

cdef struct bound:             # of a range by score or by bytes
    double score
    view member
    int end                    # by bytes: -1 the lowest there is, 1 the highest, 0: member
    bint open                  # the bound itself is not in

cdef struct zrange:
    range_kind kind
    bint reverse
    bint with_scores
    int64_t offset             # LIMIT
    int64_t count              # -1: all
    int64_t start              # by rank
    int64_t end
    bound low
    bound high


cdef bint parse_score_bound(view v, bound *b) noexcept nogil:
    b.open = v.len > 0 and v.ptr[0] == c'('
    if b.open:
        v = view_of(v.ptr + 1, v.len - 1)
    if v.len == 0:
        b.score = 0
        return True
    return parse_double(v, &b.score)


cdef bint parse_lex_bound(view v, bound *b) noexcept nogil:
    b.end = 0
    b.open = False
    if v.len == 1 and (v.ptr[0] == c'-' or v.ptr[0] == c'+'):
        b.end = 1 if v.ptr[0] == c'+' else -1
        return True
    if v.len == 0 or (v.ptr[0] != c'(' and v.ptr[0] != c'['):
        return False
    b.open = v.ptr[0] == c'('
    b.member = view_of(v.ptr + 1, v.len - 1)
    return True


cdef bint read_bounds(call *c, int low, int high, zrange *r) noexcept nogil:
    """False: the error is replied."""
    if r.kind == BY_RANK:
        if parse_int(c.argv[low], &r.start) and parse_int(c.argv[high], &r.end):
            return True
        reply_error(c, NOT_INT)
    elif r.kind == BY_SCORE:
        if parse_score_bound(c.argv[low], &r.low) and parse_score_bound(c.argv[high], &r.high):
            return True
        reply_error(c, b"ERR min or max is not a float")
    else:
        if parse_lex_bound(c.argv[low], &r.low) and parse_lex_bound(c.argv[high], &r.high):
            return True
        reply_error(c, b"ERR min or max not valid string range item")
    return False


cdef size_t lex_edge(entry *e, bound *b, bint upper) noexcept nogil:
    """How many members stand before the bound; of an upper one, up to and with it."""
    if b.end:
        return zset_len(e) if b.end > 0 else 0
    return zset_lex_below(e, b.member, b.open != upper)


cdef bint resolve(entry *e, zrange *r, int64_t *first, int64_t *last) noexcept nogil:
    """The range as ranks first to last, counted from the side it is read from. False: it is empty."""
    cdef int64_t n = zset_len(e)
    cdef int64_t low, high
    if r.kind == BY_RANK:
        first[0] = r.start
        last[0] = r.end
        return clip(n, first, last)
    if r.kind == BY_SCORE:
        low = zset_below(e, r.low.score, r.low.open)
        high = zset_below(e, r.high.score, not r.high.open)
    else:
        low = lex_edge(e, &r.low, False)
        high = lex_edge(e, &r.high, True)
    if low >= high or r.offset < 0:
        return False
    first[0] = n - high if r.reverse else low
    last[0] = n - 1 - low if r.reverse else high - 1
    if r.offset > last[0] - first[0]:
        return False
    first[0] += r.offset
    if r.count >= 0 and r.count <= last[0] - first[0]:
        last[0] = first[0] + r.count - 1
    return first[0] <= last[0]


cdef bint walk_from(entry *e, int64_t first, bint reverse, zset_cursor *at) noexcept nogil:
    return zset_at(e, <int64_t>zset_len(e) - 1 - first if reverse else first, at)


cdef inline void write_pair(call *c, view member, double score, bint with_scores) noexcept nogil:
    """RESP3 shows a member and its score as a pair."""
    if with_scores and c.proto >= 3:
        reply_array(c, 2)
    write_bulk(c.out, member)
    if with_scores:
        reply_double(c, score)


cdef inline void reply_pairs(call *c, int64_t n, bint with_scores) noexcept nogil:
    reply_array(c, n * 2 if with_scores and c.proto < 3 else n)


cdef void reply_range(call *c, entry *e, zrange *r) noexcept nogil:
    cdef int64_t first, last
    cdef zset_cursor at
    cdef view member
    cdef double score
    if e == NULL or not resolve(e, r, &first, &last):
        reply_array(c, 0)
        return
    reply_pairs(c, last - first + 1, r.with_scores)
    walk_from(e, first, r.reverse, &at)
    while True:
        score = zset_get(&at, &member)
        write_pair(c, member, score, r.with_scores)
        first += 1
        if first > last or not (zset_prev(&at) if r.reverse else zset_next(&at)):
            return


cdef void store_range(call *c, entry *e, zrange *r) noexcept nogil:
    cdef packing limits = zset_limits(c.store)
    cdef int64_t first, last
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef entry *result = NULL
    if e != NULL and resolve(e, r, &first, &last):
        result = zset_new(&c.store.mem, c.argv[1])
        walk_from(e, first, r.reverse, &at)
        while True:
            score = zset_get(&at, &member) if result != NULL else 0
            if result == NULL or zset_set(&c.store.mem, result, member, score, &limits) < 0:
                if result != NULL:
                    value_free(&c.store.mem, result)
                reply_error(c, NO_MEMORY)
                return
            first += 1
            if first > last or not (zset_prev(&at) if r.reverse else zset_next(&at)):
                break
    zset_finish_store(c, result, b"zrangestore")


cdef void zset_finish_store(call *c, entry *result, const char *event) noexcept nogil:
    cdef int64_t n = zset_len(result) if result != NULL else 0
    if n == 0:
        if result != NULL:
            value_free(&c.store.mem, result)
        delete_key(c, c.db, c.argv[1], b"del")
        reply_int(c, 0)
    elif store_new_value(c, c.db, c.argv[1], result):
        changed(c, c.argv[1], 1, EVENT_ZSET, event)
        reply_int(c, n)


cdef bint read_range_options(call *c, int at, bint any_kind, bint storing, zrange *r) noexcept nogil:
    """From argument `at` on. any_kind: BYSCORE, BYLEX and REV may be said. False: the error is replied."""
    cdef int i = at
    cdef view word
    while i < c.argc:
        word = c.argv[i]
        if not storing and view_is(word, b"withscores") and (any_kind or r.kind != BY_LEX):
            r.with_scores = True
        elif view_is(word, b"limit") and i + 2 < c.argc and (any_kind or r.kind != BY_RANK):
            if not arg_int(c, i + 1, &r.offset) or not arg_int(c, i + 2, &r.count):
                return False
            i += 2
        elif any_kind and view_is(word, b"rev"):
            r.reverse = True
        elif any_kind and view_is(word, b"bylex"):
            r.kind = BY_LEX
        elif any_kind and view_is(word, b"byscore"):
            r.kind = BY_SCORE
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    if r.count != -1 and r.kind == BY_RANK:
        reply_error(c, b"ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
        return False
    if r.with_scores and r.kind == BY_LEX:
        reply_error(c, b"ERR syntax error, WITHSCORES not supported in combination with BYLEX")
        return False
    return True


cdef void init_range(zrange *r, range_kind kind, bint reverse) noexcept nogil:
    memset(r, 0, sizeof(zrange))
    r.kind = kind
    r.reverse = reverse
    r.count = -1


cdef void range_generic(call *c, int key, bint storing, bint any_kind, range_kind kind, bint reverse) noexcept nogil:
    """The key at argument `key`, its bounds behind it."""
    cdef zrange r
    cdef uint64_t hash
    cdef entry *e
    cdef int low = key + 1
    cdef int high = key + 2
    init_range(&r, kind, reverse)
    if not read_range_options(c, key + 3, any_kind, storing, &r):
        return
    if r.reverse and r.kind != BY_RANK:
        low, high = high, low
    if not read_bounds(c, low, high, &r) or not find_typed(c, c.argv[key], ZSET, not storing, &hash, &e):
        return
    if storing:
        store_range(c, e, &r)
    else:
        reply_range(c, e, &r)


define(zrange_command, """
    ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
    readonly | sorted-set | 1.2.0 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set: by position, score or bytes.
""")
cdef void zrange_command(call *c) noexcept nogil:
    range_generic(c, 1, False, True, BY_RANK, False)


define(zrangestore_command, """
    ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
    write denyoom | sorted-set | 6.2.0 | O(log(N)+M) where M is the number of members stored
    Store members of a sorted set in another.
    keys: OW update; RO access
    at: 1 2 1
""")
cdef void zrangestore_command(call *c) noexcept nogil:
    range_generic(c, 2, True, True, BY_RANK, False)


define(zrevrange_command, """
    ZREVRANGE key start stop [WITHSCORES]
    readonly | sorted-set | 1.2.0 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set by position, from the highest score.
""")
cdef void zrevrange_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_RANK, True)


define(zrangebyscore_command, """
    ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
    readonly | sorted-set | 1.0.5 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set by score.
""")
cdef void zrangebyscore_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_SCORE, False)


define(zrevrangebyscore_command, """
    ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
    readonly | sorted-set | 2.2.0 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set by score, from the highest.
""")
cdef void zrevrangebyscore_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_SCORE, True)


define(zrangebylex_command, """
    ZRANGEBYLEX key min max [LIMIT offset count]
    readonly | sorted-set | 2.8.9 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set of equal scores by their bytes.
""")
cdef void zrangebylex_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_LEX, False)


define(zrevrangebylex_command, """
    ZREVRANGEBYLEX key max min [LIMIT offset count]
    readonly | sorted-set | 2.8.9 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set of equal scores by their bytes, from the highest.
""")
cdef void zrevrangebylex_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_LEX, True)


cdef void count_generic(call *c, range_kind kind) noexcept nogil:
    cdef zrange r
    cdef entry *e
    cdef int64_t first, last
    init_range(&r, kind, False)
    if not read_bounds(c, 2, 3, &r) or not open_read(c, &e):
        return
    if e == NULL or not resolve(e, &r, &first, &last):
        reply_int(c, 0)
    else:
        reply_int(c, last - first + 1)


define(zcount_command, """
    ZCOUNT key min max
    readonly fast | sorted-set | 2.0.0 | O(log(N))
    Count members of a sorted set within scores.
""")
cdef void zcount_command(call *c) noexcept nogil:
    count_generic(c, BY_SCORE)


define(zlexcount_command, """
    ZLEXCOUNT key min max
    readonly fast | sorted-set | 2.8.9 | O(log(N))
    Count members of a sorted set of equal scores within bytes.
""")
cdef void zlexcount_command(call *c) noexcept nogil:
    count_generic(c, BY_LEX)


cdef bint remove_at(call *c, entry *e, int64_t rank) noexcept nogil:
    cdef zset_cursor at
    cdef view member
    if not zset_at(e, rank, &at):
        return False
    zset_get(&at, &member)
    return zset_remove(&c.store.mem, e, member)


cdef void remove_range(call *c, range_kind kind, const char *event) noexcept nogil:
    cdef zrange r
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t first, last
    cdef int64_t n = 0
    init_range(&r, kind, False)
    if not read_bounds(c, 2, 3, &r) or not find_typed(c, c.argv[1], ZSET, False, &hash, &e):
        return
    if e != NULL and resolve(e, &r, &first, &last):
        while n <= last - first and remove_at(c, e, first):
            n += 1
        finish_removal(c, c.argv[1], e, hash, n, event)
    reply_int(c, n)


define(zremrangebyrank_command, """
    ZREMRANGEBYRANK key start stop
    write | sorted-set | 2.0.0 | O(M*log(N)) where M is the number of members removed
    Remove members of a sorted set by position.
    keys: RW delete
""")
cdef void zremrangebyrank_command(call *c) noexcept nogil:
    remove_range(c, BY_RANK, b"zremrangebyrank")


define(zremrangebyscore_command, """
    ZREMRANGEBYSCORE key min max
    write | sorted-set | 1.2.0 | O(M*log(N)) where M is the number of members removed
    Remove members of a sorted set by score.
    keys: RW delete
""")
cdef void zremrangebyscore_command(call *c) noexcept nogil:
    remove_range(c, BY_SCORE, b"zremrangebyscore")


define(zremrangebylex_command, """
    ZREMRANGEBYLEX key min max
    write | sorted-set | 2.8.9 | O(M*log(N)) where M is the number of members removed
    Remove members of a sorted set of equal scores by their bytes.
    keys: RW delete
""")
cdef void zremrangebylex_command(call *c) noexcept nogil:
    remove_range(c, BY_LEX, b"zremrangebylex")


# ---- popping ----------------------------------------------------------------------------------------

cdef void pop(call *c, view key, entry *e, uint64_t hash, bint highest, int64_t count, bint nested) noexcept nogil:
    """Writes and removes `count` members (as many as there are at least), with scores."""
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef int64_t _
    for _ in range(count):
        zset_at(e, zset_len(e) - 1 if highest else 0, &at)
        score = zset_get(&at, &member)
        if nested:
            reply_array(c, 2)
        write_bulk(c.out, member)
        zset_remove(&c.store.mem, e, member)
        reply_double(c, score)
    finish_removal(c, key, e, hash, count, <const char *>b"zpopmax" if highest else <const char *>b"zpopmin")


cdef void propagate_pop(call *c, view key, bint highest, int64_t count) noexcept nogil:
    """Of a command that has chosen the key."""
    if propagates(c):
        propagate_as(c, b"ZPOPMAX" if highest else b"ZPOPMIN", 3)
        effect_word(&c.store.effects, key)
        effect_int(&c.store.effects, count)


cdef void pop_generic(call *c, bint highest) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t count = 1
    cdef bint nested = c.argc == 3 and c.proto >= 3
    if c.argc > 3:
        reply_error(c, SYNTAX)
        return
    if c.argc == 3 and (not parse_int(c.argv[2], &count) or count < 0):
        reply_error(c, b"ERR value is out of range, must be positive")
        return
    if not find_typed(c, c.argv[1], ZSET, False, &hash, &e):
        return
    if e == NULL or count == 0:
        reply_array(c, 0)
        return
    count = min(count, <int64_t>zset_len(e))
    reply_array(c, count if nested else count * 2)
    pop(c, c.argv[1], e, hash, highest, count, nested)


define(zpopmin_command, """
    ZPOPMIN key [count]
    write fast | sorted-set | 5.0.0 | O(M*log(N)) where M is the number of members popped
    Remove and return the members of a sorted set with the lowest scores.
    keys: RW access delete
""")
cdef void zpopmin_command(call *c) noexcept nogil:
    pop_generic(c, False)


define(zpopmax_command, """
    ZPOPMAX key [count]
    write fast | sorted-set | 5.0.0 | O(M*log(N)) where M is the number of members popped
    Remove and return the members of a sorted set with the highest scores.
    keys: RW access delete
""")
cdef void zpopmax_command(call *c) noexcept nogil:
    pop_generic(c, True)


cdef void bzpop_generic(call *c, bint highest) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t deadline
    cdef int found
    if not arg_timeout(c, c.argc - 1, &deadline) or not first_filled(c, ZSET, 1, c.argc - 2, &found, &e, &hash):
        return
    if found:
        reply_array(c, 3)
        reply_bulk(c, c.argv[found])
        pop(c, c.argv[found], e, hash, highest, 1, False)
        propagate_pop(c, c.argv[found], highest, 1)
    else:
        wait_for_keys(c, wanted_keys(c, 1, c.argc - 2, ZSET, deadline))


define(bzpopmin_command, """
    BZPOPMIN key [key ...] timeout
    write blocking fast | sorted-set | 5.0.0 | O(log(N))
    Remove and return the member with the lowest score of the first sorted set there is; wait for one.
    keys: RW access delete
    at: 1 -2 1
""")
cdef void bzpopmin_command(call *c) noexcept nogil:
    bzpop_generic(c, False)


define(bzpopmax_command, """
    BZPOPMAX key [key ...] timeout
    write blocking fast | sorted-set | 5.0.0 | O(log(N))
    Remove and return the member with the highest score of the first sorted set there is; wait for one.
    keys: RW access delete
    at: 1 -2 1
""")
cdef void bzpopmax_command(call *c) noexcept nogil:
    bzpop_generic(c, True)


cdef void zmpop_generic(call *c, int at, bint waits) noexcept nogil:
    """numkeys at argument `at`."""
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t deadline = 0
    cdef int64_t keys
    cdef int64_t count
    cdef int found, i
    cdef bint highest
    if not parse_int(c.argv[at], &keys) or keys < 1 or keys > 0x7FFFFFFF:
        reply_error(c, b"ERR numkeys should be greater than 0")
        return
    if keys >= c.argc - at - 1:
        reply_error(c, SYNTAX)
        return
    i = at + 1 + <int>keys
    if view_is(c.argv[i], b"max"):
        highest = True
    elif view_is(c.argv[i], b"min"):
        highest = False
    else:
        reply_error(c, SYNTAX)
        return
    if not read_pop_count(c, i + 1, &count) or (waits and not arg_timeout(c, 1, &deadline)):
        return
    if not first_filled(c, ZSET, at + 1, <int>keys, &found, &e, &hash):
        return
    if found:
        count = min(count, <int64_t>zset_len(e))
        reply_array(c, 2)
        reply_bulk(c, c.argv[found])
        reply_array(c, count)
        pop(c, c.argv[found], e, hash, highest, count, True)
        propagate_pop(c, c.argv[found], highest, count)
    elif waits:
        wait_for_keys(c, wanted_keys(c, at + 1, <int>keys, ZSET, deadline))
    else:
        write_null_array(c.out, c.proto)


define(zmpop_command, """
    ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]
    write | sorted-set | 7.0.0 | O(K+M*log(N)) where K is the number of keys and M the number of members popped
    Remove and return members of the first sorted set there is.
    keys: RW access delete
""")
cdef void zmpop_command(call *c) noexcept nogil:
    zmpop_generic(c, 1, False)


define(bzmpop_command, """
    BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]
    write blocking | sorted-set | 7.0.0 | O(K+M*log(N)) where K is the number of keys and M the number of members popped
    Remove and return members of the first sorted set there is; wait for one.
    keys: RW access delete
""")
cdef void bzmpop_command(call *c) noexcept nogil:
    zmpop_generic(c, 2, True)


# ---- random members, iteration ----------------------------------------------------------------------

cdef void random_distinct(call *c, entry *e, int64_t count, bint with_scores) noexcept nogil:
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef int64_t left = zset_len(e)
    cdef int64_t rank
    cdef picks drawn
    cdef bint more
    if count * 4 < left:
        if not picks_init(&drawn, count):
            reply_error(c, NO_MEMORY)
            return
        reply_pairs(c, count, with_scores)
        while count > 0:
            rank = rng_below(&c.store.random, left)
            if picks_add(&drawn, rank + 1):
                zset_at(e, rank, &at)
                score = zset_get(&at, &member)
                write_pair(c, member, score, with_scores)
                count -= 1
        picks_release(&drawn)
        return
    count = min(count, left)
    reply_pairs(c, count, with_scores)
    more = zset_at(e, 0, &at)
    while count > 0 and more:
        if <int64_t>rng_below(&c.store.random, left) < count:      # each as likely as any other
            score = zset_get(&at, &member)
            write_pair(c, member, score, with_scores)
            count -= 1
        left -= 1
        more = zset_next(&at)


define(zrandmember_command, """
    ZRANDMEMBER key [count [WITHSCORES]]
    readonly | sorted-set | 6.2.0 | O(N*log(M)) where N is the number of members returned
    Return random members of a sorted set: distinct ones, or with a negative count with repetition.
    tips: nondeterministic_output
""")
cdef void zrandmember_command(call *c) noexcept nogil:
    cdef entry *e
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef int64_t count = 1
    cdef bint with_scores = c.argc == 4
    if c.argc >= 3 and not arg_int(c, 2, &count):
        return
    if c.argc > 4 or (with_scores and not view_is(c.argv[3], b"withscores")):
        reply_error(c, SYNTAX)
        return
    if count < -<int64_t>0x7FFFFFFFFFFFFFFFLL // (2 if with_scores else 1):
        reply_error(c, OUT_OF_RANGE)
        return
    if not open_read(c, &e):
        return
    if c.argc == 2:
        if e == NULL:
            reply_null(c)
            return
        zset_at(e, rng_below(&c.store.random, zset_len(e)), &at)
        zset_get(&at, &member)
        reply_bulk(c, member)
        return
    if e == NULL or count == 0:
        reply_array(c, 0)
    elif count > 0:
        random_distinct(c, e, count, with_scores)
    else:
        reply_pairs(c, -count, with_scores)
        while count < 0 and not c.out.failed:
            zset_at(e, rng_below(&c.store.random, zset_len(e)), &at)
            score = zset_get(&at, &member)
            write_pair(c, member, score, with_scores)
            count += 1


cdef void gather_member(view member, double score, void *context) noexcept nogil:
    cdef gathering *g = <gathering *>context
    cdef char text[DOUBLE_TEXT]
    if scan_wants(g, member):
        write_bulk(g.c.out, member)
        write_bulk(g.c.out, view_of(text, format_double(text, score)))
        g.found += 2


cdef uint64_t zset_step(gathering *g, uint64_t cursor) noexcept nogil:
    return zset_scan(g.e, cursor, gather_member, g)


define(zscan_command, """
    ZSCAN key cursor [MATCH pattern] [COUNT count]
    readonly | sorted-set | 2.8.0 | O(1) for each call, O(N) for a whole iteration
    Iterate over the members of a sorted set and their scores, a few at a time.
    tips: nondeterministic_output
""")
cdef void zscan_command(call *c) noexcept nogil:
    scan_value(c, ZSET, False, zset_step)


# ---- algebra ----------------------------------------------------------------------------------------

cdef enum operation:
    INTER
    UNION
    DIFF

cdef enum aggregate:
    SUM
    MIN
    MAX

cdef struct operand:           # a set or sorted set; e NULL: no such key
    entry *e
    double weight

cdef struct operands:
    operand *item
    int count
    aggregate how
    bint with_scores
    int64_t limit              # of ZINTERCARD
    bint missing               # one of them is

cdef struct walk:              # over an operand
    operand *of
    zset_cursor scored
    set_cursor plain
    bint more


cdef size_t size_of(operand *o) noexcept nogil:
    if o.e == NULL:
        return 0
    return set_len(o.e) if type_of(o.e) == SET else zset_len(o.e)


cdef bint score_in(operand *o, view member, double *score) noexcept nogil:
    """Weighted; False: it has no such member. Members of a plain set score 1."""
    score[0] = 1
    if type_of(o.e) == SET:
        if not set_has(o.e, member):
            return False
    elif not zset_score(o.e, member, score):
        return False
    score[0] *= o.weight
    if score[0] != score[0]:
        score[0] = 0
    return True


cdef void walk_start(walk *w, operand *o) noexcept nogil:
    w.of = o
    w.more = False
    if o.e == NULL:
        return
    if type_of(o.e) == SET:
        set_start(o.e, &w.plain)
        w.more = True
    else:
        w.more = zset_at(o.e, 0, &w.scored)


cdef bint walk_next(walk *w, view *member, double *score) noexcept nogil:
    if not w.more:
        return False
    if type_of(w.of.e) == SET:
        if not set_next(&w.plain, member):
            return False
        score[0] = 1
    else:
        score[0] = zset_get(&w.scored, member)
    score[0] *= w.of.weight
    if score[0] != score[0]:
        score[0] = 0
    return True


cdef void walk_on(walk *w) noexcept nogil:
    """After the member from walk_next has been used."""
    if type_of(w.of.e) != SET:
        w.more = zset_next(&w.scored)


cdef double combine(double a, double b, aggregate how) noexcept nogil:
    if how == MIN:
        return min(a, b)
    if how == MAX:
        return max(a, b)
    a += b
    return a if a == a else 0


cdef bint read_operands(call *c, int at, operation op, bint storing, bint counting, operands *o) noexcept nogil:
    """numkeys at argument `at`, keys, options. False: the error is replied, o holds nothing."""
    cdef int64_t keys
    cdef uint64_t hash
    cdef entry *e
    cdef int i
    memset(o, 0, sizeof(operands))
    if not arg_int(c, at, &keys):
        return False
    if keys < 1:
        reply_errorf(c, b"ERR at least 1 input key is needed for '%s' command", c.command.name, NULL)
        return False
    if keys > c.argc - at - 1:
        reply_error(c, SYNTAX)
        return False
    o.count = <int>keys
    o.item = <operand *>malloc(o.count * sizeof(operand))
    if o.item == NULL:
        reply_error(c, NO_MEMORY)
        return False
    for i in range(o.count):
        e = find_write(c, c.argv[at + 1 + i], &hash) if storing else find_read(c, c.argv[at + 1 + i], &hash)
        if e != NULL and type_of(e) != ZSET and type_of(e) != SET:
            reply_error(c, WRONGTYPE)
            free(o.item)
            return False
        o.item[i].e = e
        o.item[i].weight = 1
        o.missing = o.missing or e == NULL
    if read_operand_options(c, at + 1 + o.count, op, storing, counting, o):
        return True
    free(o.item)
    return False


cdef bint read_operand_options(call *c, int at, operation op, bint storing, bint counting, operands *o) noexcept nogil:
    cdef int i = at
    cdef int k
    while i < c.argc:
        if counting:
            if i + 1 < c.argc and view_is(c.argv[i], b"limit"):
                if not parse_int(c.argv[i + 1], &o.limit) or o.limit < 0:
                    reply_error(c, b"ERR LIMIT can't be negative")
                    return False
                i += 2
                continue
        elif op != DIFF and c.argc - i > o.count and view_is(c.argv[i], b"weights"):
            for k in range(o.count):
                if not parse_double(c.argv[i + 1 + k], &o.item[k].weight):
                    reply_error(c, b"ERR weight value is not a float")
                    return False
            i += o.count + 1
            continue
        elif op != DIFF and i + 1 < c.argc and view_is(c.argv[i], b"aggregate"):
            if view_is(c.argv[i + 1], b"sum"):
                o.how = SUM
            elif view_is(c.argv[i + 1], b"min"):
                o.how = MIN
            elif view_is(c.argv[i + 1], b"max"):
                o.how = MAX
            else:
                reply_error(c, SYNTAX)
                return False
            i += 2
            continue
        elif not storing and view_is(c.argv[i], b"withscores"):
            o.with_scores = True
            i += 1
            continue
        reply_error(c, SYNTAX)
        return False
    return True


cdef void smallest_first(operands *o) noexcept nogil:
    cdef int i, k
    cdef operand item
    for i in range(1, o.count):
        item = o.item[i]
        k = i
        while k > 0 and size_of(&o.item[k - 1]) > size_of(&item):
            o.item[k] = o.item[k - 1]
            k -= 1
        o.item[k] = item


cdef bint in_all(operands *o, view member, double *score) noexcept nogil:
    """In all but the first, whose score is given; the score becomes the aggregate."""
    cdef double other
    cdef int i
    for i in range(1, o.count):
        if not score_in(&o.item[i], member, &other):
            return False
        score[0] = combine(score[0], other, o.how)
    return True


cdef bint in_others(operands *o, view member) noexcept nogil:
    cdef double other
    cdef int i
    for i in range(1, o.count):
        if o.item[i].e != NULL and score_in(&o.item[i], member, &other):
            return True
    return False


cdef entry *compute(call *c, operation op, operands *o, view key) noexcept nogil:
    """A new sorted set of what the operation yields; NULL: no memory."""
    cdef packing limits = zset_limits(c.store)
    cdef entry *result = zset_new(&c.store.mem, key)
    cdef walk w
    cdef view member
    cdef double score, before
    cdef int i
    if result == NULL:
        return NULL
    if op != DIFF:
        smallest_first(o)
    if op == INTER and o.missing:
        return result
    for i in range(o.count if op == UNION else 1):
        walk_start(&w, &o.item[i])
        while walk_next(&w, &member, &score):
            if op == UNION:
                if i and zset_score(result, member, &before):
                    score = combine(before, score, o.how)
            elif not in_all(o, member, &score) if op == INTER else in_others(o, member):
                walk_on(&w)
                continue
            if zset_set(&c.store.mem, result, member, score, &limits) < 0:
                value_free(&c.store.mem, result)
                return NULL
            walk_on(&w)
    return result


cdef void operate(call *c, operation op) noexcept nogil:
    cdef operands o
    cdef zrange r
    cdef entry *result
    if not read_operands(c, 1, op, False, False, &o):
        return
    result = compute(c, op, &o, c.argv[1])
    free(o.item)
    if result == NULL:
        reply_error(c, NO_MEMORY)
        return
    init_range(&r, BY_RANK, False)
    r.end = -1
    r.with_scores = o.with_scores
    reply_range(c, result, &r)
    value_free(&c.store.mem, result)


cdef void operate_and_store(call *c, operation op, const char *event) noexcept nogil:
    cdef operands o
    cdef entry *result
    if not read_operands(c, 2, op, True, False, &o):
        return
    result = compute(c, op, &o, c.argv[1])
    free(o.item)
    if result == NULL:
        reply_error(c, NO_MEMORY)
    else:
        zset_finish_store(c, result, event)


define(zunion_command, """
    ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]
    readonly | sorted-set | 6.2.0 | O(N*log(N)) where N is the number of members of all sets
    Return the members that any of the sorted sets has.
""")
cdef void zunion_command(call *c) noexcept nogil:
    operate(c, UNION)


define(zinter_command, """
    ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]
    readonly | sorted-set | 6.2.0 | O(N*K) where N is the size of the smallest set and K the number of sets
    Return the members that all sorted sets have.
""")
cdef void zinter_command(call *c) noexcept nogil:
    operate(c, INTER)


define(zdiff_command, """
    ZDIFF numkeys key [key ...] [WITHSCORES]
    readonly | sorted-set | 6.2.0 | O(N*K) where N is the size of the first set and K the number of sets
    Return the members of the first sorted set that no other has.
""")
cdef void zdiff_command(call *c) noexcept nogil:
    operate(c, DIFF)


define(zunionstore_command, """
    ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]
    write denyoom | sorted-set | 2.0.0 | O(N*log(N)) where N is the number of members of all sets
    Store the members that any of the sorted sets has, and count them.
    keys: OW update; RO access
""")
cdef void zunionstore_command(call *c) noexcept nogil:
    operate_and_store(c, UNION, b"zunionstore")


define(zinterstore_command, """
    ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]
    write denyoom | sorted-set | 2.0.0 | O(N*K) where N is the size of the smallest set and K the number of sets
    Store the members that all sorted sets have, and count them.
    keys: OW update; RO access
""")
cdef void zinterstore_command(call *c) noexcept nogil:
    operate_and_store(c, INTER, b"zinterstore")


define(zdiffstore_command, """
    ZDIFFSTORE destination numkeys key [key ...]
    write denyoom | sorted-set | 6.2.0 | O(N*K) where N is the size of the first set and K the number of sets
    Store the members of the first sorted set that no other has, and count them.
    keys: OW update; RO access
""")
cdef void zdiffstore_command(call *c) noexcept nogil:
    operate_and_store(c, DIFF, b"zdiffstore")


define(zintercard_command, """
    ZINTERCARD numkeys key [key ...] [LIMIT limit]
    readonly | sorted-set | 7.0.0 | O(N*K) where N is the size of the smallest set and K the number of sets
    Count the members that all sorted sets have, up to a limit.
""")
cdef void zintercard_command(call *c) noexcept nogil:
    cdef operands o
    cdef walk w
    cdef view member
    cdef double score
    cdef int64_t n = 0
    if not read_operands(c, 1, INTER, False, True, &o):
        return
    if not o.missing:
        smallest_first(&o)
        walk_start(&w, &o.item[0])
        while (o.limit == 0 or n < o.limit) and walk_next(&w, &member, &score):
            n += in_all(&o, member, &score)
            walk_on(&w)
    free(o.item)
    reply_int(c, n)
