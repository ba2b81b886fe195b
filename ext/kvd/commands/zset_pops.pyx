"""Commands that remove and return the lowest or highest members of sorted sets, with blocking variants."""

from libc.stdint cimport int64_t, uint64_t

from kvd.commands.keyed cimport arg_timeout, find_typed, first_filled, read_pop_count, reply_double
from kvd.commands.zsets cimport zset_removed
from kvd.core.entry cimport entry
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is
from kvd.resp.writer cimport write_bulk, write_null_array
from kvd.run.after cimport wait_for_keys, wanted_keys
from kvd.run.args cimport propagate_as, propagates, reply_array, reply_bulk, reply_error
from kvd.run.call cimport call
from kvd.run.errors cimport SYNTAX
from kvd.run.registry cimport define
from kvd.store.effects cimport effect_int, effect_word
from kvd.types.kind cimport ZSET
from kvd.types.zset cimport zset_at, zset_cursor, zset_get, zset_len, zset_remove


cdef void pop(call *c, view key, entry *e, uint64_t hash, bint highest, int64_t count, bint nested) noexcept nogil:
    """Writes and removes `count` members with scores; the set has at least that many."""
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
    zset_removed(c, key, e, hash, count, <const char *>b"zpopmax" if highest else <const char *>b"zpopmin")


cdef void propagate_pop(call *c, view key, bint highest, int64_t count) noexcept nogil:
    """Of a command that has chosen among keys."""
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
    Pop the member with the lowest score of the first non-empty sorted set, blocking until one is available.
    keys: RW access delete
    at: 1 -2 1
""")
cdef void bzpopmin_command(call *c) noexcept nogil:
    bzpop_generic(c, False)


define(bzpopmax_command, """
    BZPOPMAX key [key ...] timeout
    write blocking fast | sorted-set | 5.0.0 | O(log(N))
    Pop the member with the highest score of the first non-empty sorted set, blocking until one is available.
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
    if not parse_int(c.argv[at], &keys) or keys < 1:
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
    Pop members of the first non-empty sorted set.
    keys: RW access delete
""")
cdef void zmpop_command(call *c) noexcept nogil:
    zmpop_generic(c, 1, False)


define(bzmpop_command, """
    BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]
    write blocking | sorted-set | 7.0.0 | O(K+M*log(N)) where K is the number of keys and M the number of members popped
    Pop members of the first non-empty sorted set, blocking until one is available.
    keys: RW access delete
""")
cdef void bzmpop_command(call *c) noexcept nogil:
    zmpop_generic(c, 2, True)
