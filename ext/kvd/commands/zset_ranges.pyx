"""Ranges of sorted sets.

A range by score, by bytes or by position is first converted to an interval of ranks, which is then
replied, stored, removed or counted.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from kvd.commands.keyed cimport clip, find_typed, zset_limits
from kvd.commands.zsets cimport zset_finish_store, zset_open_read, zset_removed, zset_reply_pairs, zset_write_pair
from kvd.core.text cimport parse_bound, parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.run.args cimport arg_int, reply_array, reply_error, reply_int
from kvd.run.errors cimport NOT_INT, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.types.kind cimport ZSET, packing
from kvd.types.value cimport value_free
from kvd.types.zset cimport (
    zset_at, zset_below, zset_cursor, zset_get, zset_len, zset_lex_below, zset_new, zset_next, zset_prev, zset_remove,
    zset_set,
)


cdef enum range_kind:
    BY_RANK
    BY_SCORE
    BY_LEX

cdef struct bound:             # of a range by score or by bytes
    double score
    view member
    int end                    # by bytes: -1 the lowest possible, 1 the highest, 0: member
    bint open                  # the bound itself is excluded

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
    return parse_bound(v, &b.score)


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
    """The number of members before the bound; of an upper one, including it."""
    if b.end:
        return zset_len(e) if b.end > 0 else 0
    return zset_lex_below(e, b.member, b.open != upper)


cdef bint resolve(entry *e, zrange *r, int64_t *first, int64_t *last) noexcept nogil:
    """The range as ranks first to last, in the order of reading. False: it is empty."""
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


cdef void reply_range(call *c, entry *e, zrange *r) noexcept nogil:
    cdef int64_t first, last
    cdef zset_cursor at
    cdef view member
    cdef double score
    if e == NULL or not resolve(e, r, &first, &last):
        reply_array(c, 0)
        return
    zset_reply_pairs(c, last - first + 1, r.with_scores)
    walk_from(e, first, r.reverse, &at)
    while True:
        score = zset_get(&at, &member)
        zset_write_pair(c, member, score, r.with_scores)
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


cdef bint read_range_options(call *c, int at, bint any_kind, bint storing, zrange *r) noexcept nogil:
    """From argument `at` on. any_kind: BYSCORE, BYLEX and REV are allowed. False: the error is replied."""
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
        elif any_kind and not r.reverse and view_is(word, b"rev"):
            r.reverse = True
        elif any_kind and r.kind == BY_RANK and view_is(word, b"bylex"):
            r.kind = BY_LEX
        elif any_kind and r.kind == BY_RANK and view_is(word, b"byscore"):
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


cdef void zset_reply_all(call *c, entry *e, bint with_scores) noexcept nogil:
    cdef zrange r
    init_range(&r, BY_RANK, False)
    r.end = -1
    r.with_scores = with_scores
    reply_range(c, e, &r)


cdef void range_generic(call *c, int key, bint storing, bint any_kind, range_kind kind, bint reverse) noexcept nogil:
    """The key at argument `key`, its bounds after it."""
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
    Return members of a sorted set by position, score or lexicographical order.
""")
cdef void zrange_command(call *c) noexcept nogil:
    range_generic(c, 1, False, True, BY_RANK, False)


define(zrangestore_command, """
    ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
    write denyoom | sorted-set | 6.2.0 | O(log(N)+M) where M is the number of members stored
    Store members of a sorted set, selected by position, score or lexicographical order, in another.
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
    Return members of a sorted set of equal scores in a lexicographical range.
""")
cdef void zrangebylex_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_LEX, False)


define(zrevrangebylex_command, """
    ZREVRANGEBYLEX key max min [LIMIT offset count]
    readonly | sorted-set | 2.8.9 | O(log(N)+M) where M is the number of members returned
    Return members of a sorted set of equal scores in a lexicographical range, in reverse order.
""")
cdef void zrevrangebylex_command(call *c) noexcept nogil:
    range_generic(c, 1, False, False, BY_LEX, True)


cdef void count_generic(call *c, range_kind kind) noexcept nogil:
    cdef zrange r
    cdef entry *e
    cdef int64_t first, last
    init_range(&r, kind, False)
    if not read_bounds(c, 2, 3, &r) or not zset_open_read(c, &e):
        return
    if e == NULL or not resolve(e, &r, &first, &last):
        reply_int(c, 0)
    else:
        reply_int(c, last - first + 1)


define(zcount_command, """
    ZCOUNT key min max
    readonly fast | sorted-set | 2.0.0 | O(log(N))
    Return the number of members of a sorted set in a range of scores.
""")
cdef void zcount_command(call *c) noexcept nogil:
    count_generic(c, BY_SCORE)


define(zlexcount_command, """
    ZLEXCOUNT key min max
    readonly fast | sorted-set | 2.8.9 | O(log(N))
    Return the number of members of a sorted set of equal scores in a lexicographical range.
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
        zset_removed(c, c.argv[1], e, hash, n, event)
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
    Remove members of a sorted set of equal scores in a lexicographical range.
    keys: RW delete
""")
cdef void zremrangebylex_command(call *c) noexcept nogil:
    remove_range(c, BY_LEX, b"zremrangebylex")
