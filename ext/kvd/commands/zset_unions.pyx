"""Unions, intersections and differences of sorted sets and sets."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kvd.commands.keyed cimport zset_limits
from kvd.commands.zset_ranges cimport zset_reply_all
from kvd.commands.zsets cimport zset_finish_store
from kvd.core.entry cimport entry
from kvd.core.text cimport parse_double, parse_int
from kvd.core.view cimport view, view_is
from kvd.run.args cimport arg_int, find_read, find_write, reply_error, reply_errorf, reply_int
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX, WRONGTYPE
from kvd.run.registry cimport define
from kvd.types.kind cimport SET, ZSET, packing, type_of
from kvd.types.set cimport set_cursor, set_has, set_len, set_next, set_start
from kvd.types.value cimport value_free
from kvd.types.zset cimport zset_at, zset_cursor, zset_get, zset_len, zset_new, zset_next, zset_score, zset_set


cdef enum operation:
    INTER
    UNION
    DIFF

cdef enum aggregate:
    SUM
    MIN
    MAX
    COUNT                      # the sum, with 1 for each score

cdef struct operand:           # a set or sorted set; e NULL: no such key
    entry *e
    double weight
    bint counts                # each member's score is 1

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


cdef inline double weighted(operand *o, double score) noexcept nogil:
    score = (1 if o.counts else score) * o.weight
    return score if score == score else 0


cdef bint score_in(operand *o, view member, double *score) noexcept nogil:
    """Weighted; False: it does not have the member. Members of a plain set have the score 1."""
    score[0] = 1
    if type_of(o.e) == SET:
        if not set_has(o.e, member):
            return False
    elif not zset_score(o.e, member, score):
        return False
    score[0] = weighted(o, score[0])
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
    score[0] = weighted(w.of, score[0])
    return True


cdef void walk_on(walk *w) noexcept nogil:
    """Advances after the member of walk_next was used."""
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
            elif view_is(c.argv[i + 1], b"count"):
                o.how = COUNT
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
    for k in range(o.count):
        o.item[k].counts = o.how == COUNT
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
    """Is it in all but the first, whose score is given? The score becomes the aggregate."""
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
    """A new sorted set with the result of the operation; NULL: no memory."""
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
    cdef entry *result
    if not read_operands(c, 1, op, False, False, &o):
        return
    result = compute(c, op, &o, c.argv[1])
    free(o.item)
    if result == NULL:
        reply_error(c, NO_MEMORY)
        return
    zset_reply_all(c, result, o.with_scores)
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
    ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]
    readonly | sorted-set | 6.2.0 | O(N*log(N)) where N is the number of members of all sets
    Return the members that are in any of the sorted sets.
    newer: COUNT after AGGREGATE 8.8.0
""")
cdef void zunion_command(call *c) noexcept nogil:
    operate(c, UNION)


define(zinter_command, """
    ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]
    readonly | sorted-set | 6.2.0 | O(N*K) where N is the size of the smallest set and K the number of sets
    Return the members that are in all sorted sets.
    newer: COUNT after AGGREGATE 8.8.0
""")
cdef void zinter_command(call *c) noexcept nogil:
    operate(c, INTER)


define(zdiff_command, """
    ZDIFF numkeys key [key ...] [WITHSCORES]
    readonly | sorted-set | 6.2.0 | O(N*K) where N is the size of the first set and K the number of sets
    Return the members of the first sorted set that are in no other.
""")
cdef void zdiff_command(call *c) noexcept nogil:
    operate(c, DIFF)


define(zunionstore_command, """
    ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>]
    write denyoom | sorted-set | 2.0.0 | O(N*log(N)) where N is the number of members of all sets
    Store the members that are in any of the sorted sets, and return their number.
    newer: COUNT after AGGREGATE 8.8.0
    keys: OW update; RO access
""")
cdef void zunionstore_command(call *c) noexcept nogil:
    operate_and_store(c, UNION, b"zunionstore")


define(zinterstore_command, """
    ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>]
    write denyoom | sorted-set | 2.0.0 | O(N*K) where N is the size of the smallest set and K the number of sets
    Store the members that are in all sorted sets, and return their number.
    newer: COUNT after AGGREGATE 8.8.0
    keys: OW update; RO access
""")
cdef void zinterstore_command(call *c) noexcept nogil:
    operate_and_store(c, INTER, b"zinterstore")


define(zdiffstore_command, """
    ZDIFFSTORE destination numkeys key [key ...]
    write denyoom | sorted-set | 6.2.0 | O(N*K) where N is the size of the first set and K the number of sets
    Store the members of the first sorted set that are in no other, and return their number.
    keys: OW update; RO access
""")
cdef void zdiffstore_command(call *c) noexcept nogil:
    operate_and_store(c, DIFF, b"zdiffstore")


define(zintercard_command, """
    ZINTERCARD numkeys key [key ...] [LIMIT limit]
    readonly | sorted-set | 7.0.0 | O(N*K) where N is the size of the smallest set and K the number of sets
    Return the number of members that are in all sorted sets, up to a limit.
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
