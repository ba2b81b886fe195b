"""Commands on sets. Encodings are internal to types/set.pyx."""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from kvd.commands.keyed cimport (
    delete_key, drop_empty, find_or_make, find_typed, picks, picks_add, picks_init, picks_release, read_numkeys,
    repeats_begin, repeats_fit, set_limits, store_new_value,
)
from kvd.commands.scanning cimport gathering, scan_value, scan_wants
from kvd.core.entry cimport entry
from kvd.core.hll cimport HLL_REGISTERS, hll_estimate, hll_raise
from kvd.core.random cimport rng_below
from kvd.core.text cimport INT_TEXT, parse_int
from kvd.core.view cimport view, view_is
from kvd.resp.writer cimport write_bulk, write_header_at, write_set
from kvd.run.args cimport (
    arg_int_within, changed, event_of, propagate_as, propagate_key, propagates, reply_array, reply_bulk, reply_error,
    reply_int, reply_null,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_GENERIC, EVENT_SET
from kvd.store.effects cimport effect_word
from kvd.store.keyspace cimport keyspace_remove
from kvd.types.kind cimport SET, encoding_of, packing
from kvd.types.set cimport (
    SET_TABLE, set_add, set_cursor, set_expand, set_has, set_len, set_new, set_next, set_random, set_remove, set_scan,
    set_start,
)
from kvd.types.value cimport value_free


# ---- members ----------------------------------------------------------------------------------------

define(sadd_command, """
    SADD key member [member ...]
    write denyoom fast | set | 1.0.0 | O(N) where N is the number of members
    Add members to a set and return the number of new members.
    keys: RW insert
""")
cdef void sadd_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = set_limits(c.store)
    cdef entry *e = find_or_make(c, c.argv[1], SET, set_new, &hash)
    cdef int64_t n = 0
    cdef int i, added
    if e == NULL:
        return
    set_expand(&c.store.mem, e, c.argc - 2, &limits)
    for i in range(2, c.argc):
        added = set_add(&c.store.mem, e, c.argv[i], &limits)
        if added < 0:
            reply_error(c, NO_MEMORY)
            break
        n += added
    if n:
        changed(c, c.argv[1], n, EVENT_SET, b"sadd")
    if set_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)
    elif i == c.argc - 1 or added >= 0:
        reply_int(c, n)


define(srem_command, """
    SREM key member [member ...]
    write fast | set | 1.0.0 | O(N) where N is the number of members
    Remove members from a set; the key is deleted with its last member.
    keys: RW delete
""")
cdef void srem_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t n = 0
    cdef int i
    if not find_typed(c, c.argv[1], SET, False, &hash, &e):
        return
    if e != NULL:
        for i in range(2, c.argc):
            n += set_remove(&c.store.mem, e, c.argv[i])
        finish_removal(c, e, hash, n, b"srem")
    reply_int(c, n)


cdef void finish_removal(call *c, entry *e, uint64_t hash, int64_t n, const char *event) noexcept nogil:
    if n == 0:
        return
    changed(c, c.argv[1], n, EVENT_SET, event)
    if set_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)


define(smove_command, """
    SMOVE source destination member
    write fast | set | 1.0.0 | O(1)
    Move a member from one set to another.
    keys: RW access delete; RW insert
""")
cdef void smove_command(call *c) noexcept nogil:
    cdef uint64_t hash, target_hash
    cdef packing limits = set_limits(c.store)
    cdef entry *source
    cdef entry *target
    cdef int added
    if not find_typed(c, c.argv[1], SET, False, &hash, &source):
        return
    if source == NULL:
        reply_int(c, 0)
        return
    if not find_typed(c, c.argv[2], SET, False, &target_hash, &target):
        return
    if source == target:
        reply_int(c, set_has(source, c.argv[3]))
        return
    if not set_has(source, c.argv[3]):
        reply_int(c, 0)
        return
    target = find_or_make(c, c.argv[2], SET, set_new, &target_hash)
    if target == NULL:
        return
    added = set_add(&c.store.mem, target, c.argv[3], &limits)
    if added < 0:
        reply_error(c, NO_MEMORY)
        if set_len(target) == 0:
            drop_empty(c, c.argv[2], target, target_hash)
        return
    set_remove(&c.store.mem, source, c.argv[3])
    finish_removal(c, source, hash, 1, b"srem")
    if added:
        changed(c, c.argv[2], 1, EVENT_SET, b"sadd")
    reply_int(c, 1)


define(sismember_command, """
    SISMEMBER key member
    readonly fast | set | 1.0.0 | O(1)
    Return whether a set has a member.
    keys: RO
""")
cdef void sismember_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    if find_typed(c, c.argv[1], SET, True, &hash, &e):
        reply_int(c, e != NULL and set_has(e, c.argv[2]))


define(smismember_command, """
    SMISMEMBER key member [member ...]
    readonly fast | set | 6.2.0 | O(N) where N is the number of members
    Return for each member whether a set has it.
    keys: RO access
""")
cdef void smismember_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int i
    if not find_typed(c, c.argv[1], SET, True, &hash, &e):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        reply_int(c, e != NULL and set_has(e, c.argv[i]))


define(scard_command, """
    SCARD key
    readonly fast | set | 1.0.0 | O(1)
    Return the number of members of a set.
    keys: RO
""")
cdef void scard_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    if find_typed(c, c.argv[1], SET, True, &hash, &e):
        reply_int(c, set_len(e) if e != NULL else 0)


cdef void reply_members(call *c, entry *e) noexcept nogil:
    cdef set_cursor at
    cdef view member
    write_set(c.out, set_len(e) if e != NULL else 0, c.proto)
    if e == NULL:
        return
    set_start(e, &at)
    while set_next(&at, &member):
        write_bulk(c.out, member)


define(smembers_command, """
    SMEMBERS key
    readonly | set | 1.0.0 | O(N) where N is the number of members
    Return all members of a set.
    tips: nondeterministic_output_order
""")
cdef void smembers_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    if find_typed(c, c.argv[1], SET, True, &hash, &e):
        reply_members(c, e)


cdef void gather_member(view member, void *context) noexcept nogil:
    cdef gathering *g = <gathering *>context
    if scan_wants(g, member):
        write_bulk(g.c.out, member)
        g.found += 1


cdef uint64_t set_step(gathering *g, uint64_t cursor) noexcept nogil:
    return set_scan(g.e, cursor, gather_member, g)


define(sscan_command, """
    SSCAN key cursor [MATCH pattern] [COUNT count]
    readonly | set | 2.8.0 | O(1) for each call, O(N) for a whole iteration
    Iterate over the members of a set.
    tips: nondeterministic_output
""")
cdef void sscan_command(call *c) noexcept nogil:
    scan_value(c, SET, set_step)


# ---- random members ---------------------------------------------------------------------------------

cdef bint read_count(call *c, bint may_repeat, int64_t *count) noexcept nogil:
    if c.argc > 3:
        reply_error(c, SYNTAX)
        return False
    if not may_repeat and (not parse_int(c.argv[2], count) or count[0] < 0):
        reply_error(c, b"ERR value is out of range, must be positive")
        return False
    return not may_repeat or arg_int_within(c, 2, -<int64_t>0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF, count)


cdef void pop_one(call *c, entry *e, uint64_t hash) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef view member
    if e == NULL:
        reply_null(c)
        return
    member = set_random(e, &c.store.random, scratch)
    reply_bulk(c, member)
    propagate_removal(c, 1)
    take_out(c, e, member)
    finish_removal(c, e, hash, 1, b"spop")


cdef void propagate_removal(call *c, int64_t count) noexcept nogil:
    """Begins the effect; take_out adds the members."""
    if propagates(c):
        propagate_as(c, b"SREM", 2 + <int>count)
        effect_word(&c.store.effects, c.argv[1])


cdef void take_out(call *c, entry *e, view member) noexcept nogil:
    """Removes a member whose bytes are in the set itself; the reply holds a copy of them."""
    cdef view copy
    copy.len = member.len
    copy.ptr = c.out.ptr + c.out.len - 2 - member.len
    if propagates(c):
        effect_word(&c.store.effects, member)
    set_remove(&c.store.mem, e, member if c.out.failed else copy)


define(spop_command, """
    SPOP key [count]
    write fast | set | 1.0.0 | O(N) where N is the number of members popped
    Remove and return random members of a set.
    keys: RW access delete
    tips: nondeterministic_output
""")
cdef void spop_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t count = 0
    cdef int64_t _
    cdef char scratch[INT_TEXT]
    cdef view member
    if c.argc > 2 and not read_count(c, False, &count):
        return
    if not find_typed(c, c.argv[1], SET, False, &hash, &e):
        return
    if c.argc == 2:
        pop_one(c, e, hash)
        return
    if e == NULL or count == 0:
        write_set(c.out, 0, c.proto)
        return
    if count >= <int64_t>set_len(e):
        count = set_len(e)
        reply_members(c, e)
        keyspace_remove(c.store, c.db, e, hash)
        changed(c, c.argv[1], count, EVENT_SET, b"spop")
        event_of(c, c.argv[1], EVENT_GENERIC, b"del")
        propagate_key(c, b"DEL", c.argv[1])
        return
    write_set(c.out, count, c.proto)
    propagate_removal(c, count)
    for _ in range(count):
        member = set_random(e, &c.store.random, scratch)
        write_bulk(c.out, member)
        take_out(c, e, member)
    changed(c, c.argv[1], count, EVENT_SET, b"spop")


cdef void random_distinct(call *c, entry *e, int64_t count) noexcept nogil:
    cdef set_cursor at
    cdef char scratch[INT_TEXT]
    cdef view member
    cdef int64_t left = set_len(e)
    cdef picks drawn
    count = min(count, left)
    if encoding_of(e) == SET_TABLE and count * 4 < left:
        if not picks_init(&drawn, count):
            reply_error(c, NO_MEMORY)
            return
        reply_array(c, count)
        while count > 0:
            member = set_random(e, &c.store.random, scratch)
            if picks_add(&drawn, <uint64_t>member.ptr):
                reply_bulk(c, member)
                count -= 1
        picks_release(&drawn)
        return
    reply_array(c, count)
    set_start(e, &at)
    while count > 0 and set_next(&at, &member):
        if <int64_t>rng_below(&c.store.random, left) < count:      # each subset is equally likely
            reply_bulk(c, member)
            count -= 1
        left -= 1


define(srandmember_command, """
    SRANDMEMBER key [count]
    readonly | set | 1.0.0 | O(N) where N is the number of members returned
    Return random members of a set: distinct ones, or with repetition if count is negative.
    tips: nondeterministic_output
""")
cdef void srandmember_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t count = 0
    cdef char scratch[INT_TEXT]
    cdef size_t begin = c.out.len
    if c.argc > 2 and not read_count(c, True, &count):
        return
    if not find_typed(c, c.argv[1], SET, True, &hash, &e):
        return
    if c.argc == 2:
        if e == NULL:
            reply_null(c)
        else:
            reply_bulk(c, set_random(e, &c.store.random, scratch))
        return
    if e == NULL or count == 0:
        reply_array(c, 0)
    elif count > 0:
        random_distinct(c, e, count)
    elif repeats_begin(c, -count):
        reply_array(c, -count)
        while count < 0 and repeats_fit(c, begin):
            reply_bulk(c, set_random(e, &c.store.random, scratch))
            count += 1


# ---- algebra ----------------------------------------------------------------------------------------

cdef enum operation:
    INTER
    UNION
    DIFF

cdef struct operands:          # of an operation on sets
    entry **sets               # NULL: no such key
    int count
    bint missing               # one of them is


cdef bint read_sets(call *c, int at, int count, bint reading, operands *o) noexcept nogil:
    """False: a key holds another type, or there is no memory; the error is replied, o holds nothing."""
    cdef uint64_t hash
    cdef int i
    o.count = count
    o.missing = False
    o.sets = <entry **>malloc(count * sizeof(void *))
    if o.sets == NULL:
        reply_error(c, NO_MEMORY)
        return False
    for i in range(count):
        if not find_typed(c, c.argv[at + i], SET, reading, &hash, &o.sets[i]):
            free(o.sets)
            return False
        o.missing = o.missing or o.sets[i] == NULL
    return True


cdef void smallest_first(operands *o) noexcept nogil:
    """Sorts the sets by size: walking the smallest and testing the others in ascending order is cheapest."""
    cdef int i, k
    cdef entry *e
    for i in range(1, o.count):
        e = o.sets[i]
        k = i
        while k > 0 and set_len(o.sets[k - 1]) > set_len(e):
            o.sets[k] = o.sets[k - 1]
            k -= 1
        o.sets[k] = e


cdef bint in_all(operands *o, view member) noexcept nogil:
    """In all sets but the first, which it comes from?"""
    cdef int i
    for i in range(1, o.count):
        if o.sets[i] != o.sets[0] and not set_has(o.sets[i], member):
            return False
    return True


cdef bint in_others(operands *o, view member) noexcept nogil:
    cdef int i
    for i in range(1, o.count):
        if o.sets[i] != NULL and set_has(o.sets[i], member):
            return True
    return False


cdef bint collect(call *c, operation op, operands *o, entry *result, packing *limits, int64_t most) noexcept nogil:
    """Adds the result of the operation, or `most` members of it, to `result`, which is empty; False: no memory."""
    cdef set_cursor at
    cdef view member
    cdef int64_t n = 0
    cdef int i, added
    for i in range(o.count if op == UNION else 1):
        if o.sets[i] == NULL:
            continue
        if op == UNION and encoding_of(result) == SET_TABLE:
            set_expand(&c.store.mem, result, set_len(o.sets[i]), limits)
        set_start(o.sets[i], &at)
        while set_next(&at, &member):
            if (op == INTER and not in_all(o, member)) or (op == DIFF and in_others(o, member)):
                continue
            added = set_add(&c.store.mem, result, member, limits)
            if added < 0:
                return False
            n += added
            if n >= most:
                return True
    return True


cdef void stream_out(call *c, operation op, operands *o) noexcept nogil:
    """Replies the result of the operation without building a set."""
    cdef size_t begin = c.out.len
    cdef int64_t n = 0
    cdef set_cursor at
    cdef view member
    if o.sets[0] != NULL:
        set_start(o.sets[0], &at)
        while set_next(&at, &member):
            if in_all(o, member) if op == INTER else not in_others(o, member):
                write_bulk(c.out, member)
                n += 1
    if c.proto >= 3:
        write_header_at(c.out, begin, c'~', n)
    else:
        write_header_at(c.out, begin, c'*', n)


cdef void reply_operation(call *c, operation op) noexcept nogil:
    cdef operands o
    cdef packing limits = set_limits(c.store)
    cdef entry *result
    if not read_sets(c, 1, c.argc - 1, True, &o):
        return
    if op == UNION:
        result = set_new(&c.store.mem, c.argv[1])
        if result != NULL and collect(c, op, &o, result, &limits, INT64_MAX):
            reply_members(c, result)
        else:
            reply_error(c, NO_MEMORY)
        if result != NULL:
            value_free(&c.store.mem, result)
    elif op == INTER and o.missing:
        write_set(c.out, 0, c.proto)
    else:
        if op == INTER:
            smallest_first(&o)
        stream_out(c, op, &o)
    free(o.sets)


cdef bint gives_nothing(operation op, operands *o) noexcept nogil:
    cdef int i
    if op == INTER:
        return o.missing
    if op == DIFF:
        return o.sets[0] == NULL
    for i in range(o.count):
        if o.sets[i] != NULL:
            return False
    return True


cdef void store_operation(call *c, operation op, const char *event) noexcept nogil:
    cdef operands o
    cdef packing limits = set_limits(c.store)
    cdef entry *result = NULL
    cdef int i
    if not read_sets(c, 2, c.argc - 2, False, &o):
        return
    if not gives_nothing(op, &o):
        if op == INTER:
            smallest_first(&o)
        result = set_new(&c.store.mem, c.argv[1])
        if result == NULL or not collect(c, op, &o, result, &limits, INT64_MAX):
            reply_error(c, NO_MEMORY)
            if result != NULL:
                value_free(&c.store.mem, result)
            free(o.sets)
            return
    free(o.sets)
    if result != NULL and set_len(result):
        i = <int>set_len(result)
        if store_new_value(c, c.db, c.argv[1], result):
            changed(c, c.argv[1], 1, EVENT_SET, event)
            reply_int(c, i)
        return
    if result != NULL:
        value_free(&c.store.mem, result)
    delete_key(c, c.db, c.argv[1], b"del")
    reply_int(c, 0)


define(sinter_command, """
    SINTER key [key ...]
    readonly | set | 1.0.0 | O(N*M) where N is the size of the smallest set and M the number of sets
    Return the members that are in all sets.
    tips: nondeterministic_output_order
""")
cdef void sinter_command(call *c) noexcept nogil:
    reply_operation(c, INTER)


define(sunion_command, """
    SUNION key [key ...]
    readonly | set | 1.0.0 | O(N) where N is the number of members of all sets
    Return the members that are in any of the sets.
    tips: nondeterministic_output_order
""")
cdef void sunion_command(call *c) noexcept nogil:
    reply_operation(c, UNION)


define(sdiff_command, """
    SDIFF key [key ...]
    readonly | set | 1.0.0 | O(N) where N is the number of members of all sets
    Return the members of the first set that are in no other set.
    tips: nondeterministic_output_order
""")
cdef void sdiff_command(call *c) noexcept nogil:
    reply_operation(c, DIFF)


define(sinterstore_command, """
    SINTERSTORE destination key [key ...]
    write denyoom | set | 1.0.0 | O(N*M) where N is the size of the smallest set and M the number of sets
    Store the members that are in all sets, and return their number.
    keys: OW update; RO access
    at: 1 -1 1
""")
cdef void sinterstore_command(call *c) noexcept nogil:
    store_operation(c, INTER, b"sinterstore")


define(sunionstore_command, """
    SUNIONSTORE destination key [key ...]
    write denyoom | set | 1.0.0 | O(N) where N is the number of members of all sets
    Store the members that are in any of the sets, and return their number.
    keys: OW update; RO access
    at: 1 -1 1
""")
cdef void sunionstore_command(call *c) noexcept nogil:
    store_operation(c, UNION, b"sunionstore")


define(sdiffstore_command, """
    SDIFFSTORE destination key [key ...]
    write denyoom | set | 1.0.0 | O(N) where N is the number of members of all sets
    Store the members of the first set that are in no other set, and return their number.
    keys: OW update; RO access
    at: 1 -1 1
""")
cdef void sdiffstore_command(call *c) noexcept nogil:
    store_operation(c, DIFF, b"sdiffstore")


# ---- counting ---------------------------------------------------------------------------------------

cdef struct counting:          # the arguments of SINTERCARD and its relatives
    int64_t keys               # from argument 2 on
    int64_t most               # LIMIT
    bint approx


cdef bint read_counting(call *c, bint may_estimate, counting *w) noexcept nogil:
    """False: the error is replied."""
    cdef int i
    w.most = INT64_MAX
    w.approx = False
    if not read_numkeys(c, 1, &w.keys):
        return False
    i = 2 + <int>w.keys
    while i < c.argc:
        if i + 1 < c.argc and view_is(c.argv[i], b"limit"):
            if not parse_int(c.argv[i + 1], &w.most) or w.most < 0:
                reply_error(c, b"ERR LIMIT can't be negative")
                return False
            if w.most == 0:
                w.most = INT64_MAX
            i += 2
        elif may_estimate and view_is(c.argv[i], b"approx"):
            w.approx = True
            i += 1
        else:
            reply_error(c, SYNTAX)
            return False
    return True


cdef int64_t count_members(operation op, operands *o, int64_t most) noexcept nogil:
    """Those of the first set that are in all others, or in no other."""
    cdef set_cursor at
    cdef view member
    cdef int64_t n = 0
    set_start(o.sets[0], &at)
    while n < most and set_next(&at, &member):
        n += in_all(o, member) if op == INTER else not in_others(o, member)
    return n


cdef int64_t count_union(call *c, operands *o, int64_t most) noexcept nogil:
    """-1: no memory."""
    cdef packing limits = set_limits(c.store)
    cdef entry *seen = set_new(&c.store.mem, c.argv[2])
    cdef int64_t n = -1
    if seen == NULL:
        return -1
    if collect(c, UNION, o, seen, &limits, most):
        n = <int64_t>set_len(seen)
    value_free(&c.store.mem, seen)
    return n


cdef int64_t estimate_union(operands *o) noexcept nogil:
    """By a HyperLogLog: 0.81% standard error. -1: no memory."""
    cdef uint8_t *registers = <uint8_t *>calloc(HLL_REGISTERS, 1)
    cdef set_cursor at
    cdef view member
    cdef int64_t n
    cdef int i
    if registers == NULL:
        return -1
    for i in range(o.count):
        if o.sets[i] == NULL:
            continue
        set_start(o.sets[i], &at)
        while set_next(&at, &member):
            hll_raise(registers, member)
    n = <int64_t>hll_estimate(registers)
    free(registers)
    return n


define(sintercard_command, """
    SINTERCARD numkeys key [key ...] [LIMIT limit]
    readonly | set | 7.0.0 | O(N*M) where N is the size of the smallest set and M the number of sets
    Return the number of members that are in all sets, up to a limit.
""")
cdef void sintercard_command(call *c) noexcept nogil:
    cdef counting w
    cdef operands o
    if not read_counting(c, False, &w) or not read_sets(c, 2, <int>w.keys, True, &o):
        return
    if not o.missing:
        smallest_first(&o)
    reply_int(c, 0 if o.missing else count_members(INTER, &o, w.most))
    free(o.sets)


define(sdiffcard_command, """
    SDIFFCARD numkeys key [key ...] [LIMIT limit]
    readonly | set | 8.10.0 | O(N*M) where N is the size of the first set and M the number of sets
    Return the number of members of the first set that are in no other, up to a limit.
""")
cdef void sdiffcard_command(call *c) noexcept nogil:
    cdef counting w
    cdef operands o
    if not read_counting(c, False, &w) or not read_sets(c, 2, <int>w.keys, True, &o):
        return
    reply_int(c, count_members(DIFF, &o, w.most) if o.sets[0] != NULL else 0)
    free(o.sets)


define(sunioncard_command, """
    SUNIONCARD numkeys key [key ...] [APPROX] [LIMIT limit]
    readonly | set | 8.10.0 | O(N) where N is the number of members of all sets
    Return the number of members that are in any of the sets, up to a limit; with APPROX an estimate with a standard error of 0.81%, in memory that does not depend on the sets.
""")
cdef void sunioncard_command(call *c) noexcept nogil:
    cdef counting w
    cdef operands o
    cdef int64_t n
    if not read_counting(c, True, &w) or not read_sets(c, 2, <int>w.keys, True, &o):
        return
    n = estimate_union(&o) if w.approx else count_union(c, &o, w.most)
    if n < 0:
        reply_error(c, NO_MEMORY)
    else:
        reply_int(c, min(n, w.most))
    free(o.sets)
