"""Commands on members of sorted sets. Encodings are internal to types/zset.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.commands.keyed cimport (
    arg_double, delete_key, drop_empty, find_or_make, find_typed, picks, picks_add, picks_init, picks_release,
    read_random_count, repeats_begin, repeats_fit, reply_double, store_new_value, zset_limits,
)
from kvd.commands.scanning cimport gathering, scan_value, scan_wants
from kvd.core.random cimport rng_below
from kvd.core.text cimport DOUBLE_TEXT, format_double, parse_double
from kvd.core.view cimport view_is, view_of
from kvd.resp.writer cimport write_bulk, write_null_array
from kvd.run.args cimport (
    changed, propagate_as, propagates, reply_arity, reply_array, reply_bulk, reply_error, reply_int, reply_null,
)
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_ZSET
from kvd.store.effects cimport effect_double, effect_word, effects
from kvd.types.kind cimport ZSET, packing
from kvd.types.value cimport value_free
from kvd.types.zset cimport (
    zset_at, zset_cursor, zset_get, zset_len, zset_new, zset_next, zset_rank, zset_remove, zset_scan, zset_score,
    zset_set,
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
    """One member; *score becomes its new score, of ADD_INCR the sum."""
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


cdef void zset_propagate(call *c, view member, double score) noexcept nogil:
    """Propagates the resulting score."""
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
            zset_propagate(c, c.argv[at + 1], score)
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
    Add members to a sorted set, or update their scores.
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
    Increment the score of a member of a sorted set; a missing member counts as 0.
    keys: RW access update
""")
cdef void zincrby_command(call *c) noexcept nogil:
    zset_add_pairs(c, 2, ADD_INCR)


define(zrem_command, """
    ZREM key member [member ...]
    write fast | sorted-set | 1.2.0 | O(M*log(N)) where M is the number of members to remove
    Remove members from a sorted set; the key is deleted with its last member.
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
        zset_removed(c, c.argv[1], e, hash, n, b"zrem")
    reply_int(c, n)


cdef void zset_removed(call *c, view key, entry *e, uint64_t hash, int64_t n, const char *event) noexcept nogil:
    if n == 0:
        return
    changed(c, key, n, EVENT_ZSET, event)
    if zset_len(e) == 0:
        drop_empty(c, key, e, hash)


# ---- single members ---------------------------------------------------------------------------------

cdef bint zset_open_read(call *c, entry **e) noexcept nogil:
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
    if not zset_open_read(c, &e):
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
    if not zset_open_read(c, &e):
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
    if zset_open_read(c, &e):
        reply_int(c, zset_len(e) if e != NULL else 0)


cdef void rank_generic(call *c, bint reverse) noexcept nogil:
    cdef entry *e
    cdef double score
    cdef int64_t rank = -1
    cdef bint with_score = c.argc == 4
    if c.argc > 4:
        reply_arity(c)
        return
    if with_score and not view_is(c.argv[3], b"withscore"):
        reply_error(c, SYNTAX)
        return
    if not zset_open_read(c, &e):
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
    newer: WITHSCORE as arity 7.2.0/7.2.0
""")
cdef void zrank_command(call *c) noexcept nogil:
    rank_generic(c, False)


define(zrevrank_command, """
    ZREVRANK key member [WITHSCORE]
    readonly fast | sorted-set | 2.0.0 | O(log(N))
    Return the position of a member of a sorted set, from the highest score.
    newer: WITHSCORE as arity 7.2.0/7.2.0
""")
cdef void zrevrank_command(call *c) noexcept nogil:
    rank_generic(c, True)


# ---- shared with ranges, pops and unions -------------------------------------------------------------

cdef void zset_write_pair(call *c, view member, double score, bint with_scores) noexcept nogil:
    """In RESP3 a member and its score are a pair."""
    if with_scores and c.proto >= 3:
        reply_array(c, 2)
    write_bulk(c.out, member)
    if with_scores:
        reply_double(c, score)


cdef void zset_reply_pairs(call *c, int64_t n, bint with_scores) noexcept nogil:
    reply_array(c, n * 2 if with_scores and c.proto < 3 else n)


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


# ---- random members, iteration ----------------------------------------------------------------------

cdef void random_distinct(call *c, entry *e, int64_t count, bint with_scores) noexcept nogil:
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef int64_t left = zset_len(e)
    cdef int64_t rank
    cdef picks drawn
    cdef bint more
    count = min(count, left)
    if count * 4 < left:
        if not picks_init(&drawn, count):
            reply_error(c, NO_MEMORY)
            return
        zset_reply_pairs(c, count, with_scores)
        while count > 0:
            rank = rng_below(&c.store.random, left)
            if picks_add(&drawn, rank + 1):
                zset_at(e, rank, &at)
                score = zset_get(&at, &member)
                zset_write_pair(c, member, score, with_scores)
                count -= 1
        picks_release(&drawn)
        return
    zset_reply_pairs(c, count, with_scores)
    more = zset_at(e, 0, &at)
    while count > 0 and more:
        if <int64_t>rng_below(&c.store.random, left) < count:      # each subset is equally likely
            score = zset_get(&at, &member)
            zset_write_pair(c, member, score, with_scores)
            count -= 1
        left -= 1
        more = zset_next(&at)


define(zrandmember_command, """
    ZRANDMEMBER key [count [WITHSCORES]]
    readonly | sorted-set | 6.2.0 | O(N*log(M)) where N is the number of members returned
    Return random members of a sorted set: distinct ones, or with repetition if count is negative.
    tips: nondeterministic_output
""")
cdef void zrandmember_command(call *c) noexcept nogil:
    cdef entry *e
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef int64_t count
    cdef bint with_scores
    cdef size_t begin = c.out.len
    if not read_random_count(c, b"withscores", &with_scores, &count):
        return
    if not zset_open_read(c, &e):
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
    elif repeats_begin(c, -count):
        zset_reply_pairs(c, -count, with_scores)
        while count < 0 and repeats_fit(c, begin):
            zset_at(e, rng_below(&c.store.random, zset_len(e)), &at)
            score = zset_get(&at, &member)
            zset_write_pair(c, member, score, with_scores)
            count += 1


cdef void gather_member(view member, double score, void *context) noexcept nogil:
    cdef gathering *g = <gathering *>context
    cdef char text[DOUBLE_TEXT]
    if scan_wants(g, member):
        write_bulk(g.c.out, member)
        g.found += 1
        if not g.only_names:
            write_bulk(g.c.out, view_of(text, format_double(text, score)))
            g.found += 1


cdef uint64_t zset_step(gathering *g, uint64_t cursor) noexcept nogil:
    return zset_scan(g.e, cursor, gather_member, g)


define(zscan_command, """
    ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]
    readonly | sorted-set | 2.8.0 | O(1) for each call, O(N) for a whole iteration
    Iterate over the members of a sorted set and their scores.
    newer: NOSCORES -/8.1.0
    tips: nondeterministic_output
""")
cdef void zscan_command(call *c) noexcept nogil:
    scan_value(c, ZSET, zset_step)
