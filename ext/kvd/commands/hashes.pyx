"""Commands on hashes, and on the deadlines of their fields. How a hash is held is known to types/hash.pyx alone."""

from libc.stdint cimport int64_t, uint64_t

from kvd.commands.expiry cimport EXPIRE_GT, EXPIRE_LT, EXPIRE_NX, EXPIRE_XX, condition_allows
from kvd.commands.keyed cimport (
    drop_empty, find_or_make, find_typed, hash_limits, picks, picks_add, picks_init, picks_release,
)
from kvd.commands.scanning cimport gathering, scan_value, scan_wants
from kvd.commands.strings cimport add_overflows, is_finite
from kvd.core.entry cimport entry
from kvd.core.random cimport rng_below
from kvd.core.text cimport INT_TEXT, LONG_DOUBLE_TEXT, format_int, format_long_double, parse_int, parse_long_double
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_bulk
from kvd.run.args cimport (
    arg_int, changed, event_of, propagate_as, propagates, reply_array, reply_bulk, reply_error, reply_error_about,
    reply_errorf, reply_int, reply_map, reply_null, reply_ok,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NOT_FLOAT, NOT_INT, NO_MEMORY, OUT_OF_RANGE, OVERFLOW, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_HASH
from kvd.store.effects cimport effect_int, effect_text, effect_word, effects
from kvd.store.keyspace cimport keyspace_replan_fields
from kvd.types.hash cimport (
    hash_cursor, hash_deadline, hash_expand, hash_get, hash_len, hash_new, hash_next, hash_random, hash_remove,
    hash_scan, hash_set, hash_set_deadline, hash_start,
)
from kvd.types.value cimport HASH, packing


# ---- writing ----------------------------------------------------------------------------------------

cdef int64_t set_fields(call *c, entry *e, int at, packing *limits) noexcept nogil:
    """Pairs from argument `at` on; how many fields are new, or -1: no memory, and the error is replied."""
    cdef int64_t created = 0
    cdef int i, n
    if not hash_expand(&c.store.mem, e, (c.argc - at) // 2, limits):
        reply_error(c, NO_MEMORY)
        return -1
    i = at
    while i + 1 < c.argc:
        n = hash_set(&c.store.mem, e, c.argv[i], c.argv[i + 1], limits, False)
        if n < 0:
            reply_error(c, NO_MEMORY)
            return -1
        created += n
        i += 2
    keyspace_replan_fields(c.store, c.db, e)
    return created


cdef void hset_generic(call *c, bint count) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = hash_limits(c.store)
    cdef int64_t n
    cdef entry *e
    if c.argc % 2:
        reply_errorf(c, b"ERR wrong number of arguments for '%s' command", c.command.name, NULL)
        return
    e = find_or_make(c, c.argv[1], HASH, hash_new, &hash)
    if e == NULL:
        return
    n = set_fields(c, e, 2, &limits)
    if n < 0:
        if hash_len(e) == 0:
            drop_empty(c, c.argv[1], e, hash)
        return
    changed(c, c.argv[1], (c.argc - 2) // 2, EVENT_HASH, b"hset")
    if count:
        reply_int(c, n)
    else:
        reply_ok(c)


define(hset_command, """
    HSET key field value [field value ...]
    write denyoom fast | hash | 2.0.0 | O(N) where N is the number of fields
    Set fields of a hash and count those that are new.
    keys: RW update
""")
cdef void hset_command(call *c) noexcept nogil:
    hset_generic(c, True)


define(hmset_command, """
    HMSET key field value [field value ...]
    write denyoom fast | hash | 2.0.0 | O(N) where N is the number of fields
    Set fields of a hash.
    keys: RW update
""")
cdef void hmset_command(call *c) noexcept nogil:
    hset_generic(c, False)


define(hsetnx_command, """
    HSETNX key field value
    write denyoom fast | hash | 2.0.0 | O(1)
    Set a field of a hash that does not have it.
    keys: RW insert
""")
cdef void hsetnx_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = hash_limits(c.store)
    cdef char scratch[INT_TEXT]
    cdef view value
    cdef entry *e = find_or_make(c, c.argv[1], HASH, hash_new, &hash)
    if e == NULL:
        return
    if hash_get(e, c.argv[2], &value, scratch):
        reply_int(c, 0)
        return
    if set_fields(c, e, 2, &limits) < 0:
        if hash_len(e) == 0:
            drop_empty(c, c.argv[1], e, hash)
        return
    changed(c, c.argv[1], 1, EVENT_HASH, b"hset")
    reply_int(c, 1)


define(hdel_command, """
    HDEL key field [field ...]
    write fast | hash | 2.0.0 | O(N) where N is the number of fields
    Delete fields of a hash; the key goes with its last field.
    keys: RW delete
""")
cdef void hdel_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t n = 0
    cdef int i
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e):
        return
    if e != NULL:
        for i in range(2, c.argc):
            n += hash_remove(&c.store.mem, e, c.argv[i])
        finish_removal(c, e, hash, n)
    reply_int(c, n)


cdef void finish_removal(call *c, entry *e, uint64_t hash, int64_t n) noexcept nogil:
    if n == 0:
        return
    changed(c, c.argv[1], n, EVENT_HASH, b"hdel")
    if hash_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)
    else:
        keyspace_replan_fields(c.store, c.db, e)


define(hincrby_command, """
    HINCRBY key field increment
    write denyoom fast | hash | 2.0.0 | O(1)
    Add to the integer that a field of a hash holds; a missing one counts as 0.
    keys: RW access update
""")
cdef void hincrby_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = hash_limits(c.store)
    cdef char scratch[INT_TEXT]
    cdef char digits[INT_TEXT]
    cdef view value
    cdef int64_t by
    cdef int64_t n = 0
    cdef entry *e
    if not arg_int(c, 3, &by):
        return
    e = find_or_make(c, c.argv[1], HASH, hash_new, &hash)
    if e == NULL:
        return
    if hash_get(e, c.argv[2], &value, scratch) and not parse_int(value, &n):
        reply_error(c, b"ERR hash value is not an integer")
        return
    if add_overflows(n, by, &n):
        reply_error(c, OVERFLOW)
        return
    if hash_set(&c.store.mem, e, c.argv[2], view_of(digits, format_int(digits, n)), &limits, True) < 0:
        reply_error(c, NO_MEMORY)
        if hash_len(e) == 0:
            drop_empty(c, c.argv[1], e, hash)
        return
    changed(c, c.argv[1], 1, EVENT_HASH, b"hincrby")
    reply_int(c, n)


cdef void propagate_deadline(call *c, view field, int64_t ms) noexcept nogil:
    """A field's deadline that was set; one that has passed has removed the field."""
    cdef effects *u = &c.store.effects
    if not propagates(c):
        return
    if ms <= c.store.now:
        propagate_as(c, b"HDEL", 3)
        effect_word(u, c.argv[1])
        effect_word(u, field)
        return
    propagate_as(c, b"HPEXPIREAT", 6)
    effect_word(u, c.argv[1])
    effect_int(u, ms)
    effect_text(u, b"FIELDS")
    effect_text(u, b"1")
    effect_word(u, field)


cdef void propagate_field(call *c, entry *e, view field, view value) noexcept nogil:
    """A field's value that was set, and the deadline that it has."""
    cdef effects *u = &c.store.effects
    cdef int64_t ms
    if not propagates(c):
        return
    propagate_as(c, b"HSET", 4)
    effect_word(u, c.argv[1])
    effect_word(u, field)
    effect_word(u, value)
    ms = hash_deadline(e, field)
    if ms >= 0:
        propagate_deadline(c, field, ms)


define(hincrbyfloat_command, """
    HINCRBYFLOAT key field float-increment
    write denyoom fast | hash | 2.6.0 | O(1)
    Add to the number that a field of a hash holds; a missing one counts as 0.
    keys: RW access update
""")
cdef void hincrbyfloat_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = hash_limits(c.store)
    cdef char scratch[INT_TEXT]
    cdef char text[LONG_DOUBLE_TEXT]
    cdef view value
    cdef long double by
    cdef long double n = 0
    cdef entry *e
    if not parse_long_double(c.argv[3], &by):
        reply_error(c, NOT_FLOAT)
        return
    if not is_finite(by):
        reply_error(c, b"ERR value is NaN or Infinity")
        return
    e = find_or_make(c, c.argv[1], HASH, hash_new, &hash)
    if e == NULL:
        return
    if hash_get(e, c.argv[2], &value, scratch) and not parse_long_double(value, &n):
        reply_error(c, b"ERR hash value is not a float")
        return
    n += by
    if not is_finite(n):
        reply_error(c, b"ERR increment would produce NaN or Infinity")
        if hash_len(e) == 0:
            drop_empty(c, c.argv[1], e, hash)
        return
    value = view_of(text, format_long_double(text, n))
    if hash_set(&c.store.mem, e, c.argv[2], value, &limits, True) < 0:
        reply_error(c, NO_MEMORY)
        if hash_len(e) == 0:
            drop_empty(c, c.argv[1], e, hash)
        return
    changed(c, c.argv[1], 1, EVENT_HASH, b"hincrbyfloat")
    propagate_field(c, e, c.argv[2], value)
    reply_bulk(c, value)


# ---- reading ----------------------------------------------------------------------------------------

cdef bint open_read(call *c, entry **e) noexcept nogil:
    cdef uint64_t hash
    return find_typed(c, c.argv[1], HASH, True, &hash, e)


cdef void reply_field(call *c, entry *e, view field) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef view value
    if e != NULL and hash_get(e, field, &value, scratch):
        reply_bulk(c, value)
    else:
        reply_null(c)


define(hget_command, """
    HGET key field
    readonly fast | hash | 2.0.0 | O(1)
    Return the value of a field of a hash.
""")
cdef void hget_command(call *c) noexcept nogil:
    cdef entry *e
    if open_read(c, &e):
        reply_field(c, e, c.argv[2])


define(hmget_command, """
    HMGET key field [field ...]
    readonly fast | hash | 2.0.0 | O(N) where N is the number of fields
    Return the values of fields of a hash.
""")
cdef void hmget_command(call *c) noexcept nogil:
    cdef entry *e
    cdef int i
    if not open_read(c, &e):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        reply_field(c, e, c.argv[i])


cdef void reply_all(call *c, bint fields, bint values) noexcept nogil:
    cdef entry *e
    cdef hash_cursor at
    cdef view field, value
    if not open_read(c, &e):
        return
    if fields and values:
        reply_map(c, hash_len(e) if e != NULL else 0)
    else:
        reply_array(c, hash_len(e) if e != NULL else 0)
    if e == NULL:
        return
    hash_start(e, &at)
    while hash_next(&at, &field, &value):
        if fields:
            write_bulk(c.out, field)
        if values:
            write_bulk(c.out, value)


define(hgetall_command, """
    HGETALL key
    readonly | hash | 2.0.0 | O(N) where N is the number of fields
    Return all fields of a hash with their values.
    tips: nondeterministic_output_order
""")
cdef void hgetall_command(call *c) noexcept nogil:
    reply_all(c, True, True)


define(hkeys_command, """
    HKEYS key
    readonly | hash | 2.0.0 | O(N) where N is the number of fields
    Return all fields of a hash.
    tips: nondeterministic_output_order
""")
cdef void hkeys_command(call *c) noexcept nogil:
    reply_all(c, True, False)


define(hvals_command, """
    HVALS key
    readonly | hash | 2.0.0 | O(N) where N is the number of fields
    Return all values of a hash.
    tips: nondeterministic_output_order
""")
cdef void hvals_command(call *c) noexcept nogil:
    reply_all(c, False, True)


define(hlen_command, """
    HLEN key
    readonly fast | hash | 2.0.0 | O(1)
    Return the number of fields of a hash.
    keys: RO
""")
cdef void hlen_command(call *c) noexcept nogil:
    cdef entry *e
    if open_read(c, &e):
        reply_int(c, hash_len(e) if e != NULL else 0)


define(hstrlen_command, """
    HSTRLEN key field
    readonly fast | hash | 3.2.0 | O(1)
    Return the length of the value of a field of a hash.
    keys: RO
""")
cdef void hstrlen_command(call *c) noexcept nogil:
    cdef entry *e
    cdef char scratch[INT_TEXT]
    cdef view value
    if open_read(c, &e):
        reply_int(c, value.len if e != NULL and hash_get(e, c.argv[2], &value, scratch) else 0)


define(hexists_command, """
    HEXISTS key field
    readonly fast | hash | 2.0.0 | O(1)
    Tell whether a hash has a field.
    keys: RO
""")
cdef void hexists_command(call *c) noexcept nogil:
    cdef entry *e
    cdef char scratch[INT_TEXT]
    cdef view value
    if open_read(c, &e):
        reply_int(c, e != NULL and hash_get(e, c.argv[2], &value, scratch))


cdef void write_pair(call *c, view field, view value, bint values) noexcept nogil:
    """RESP3 shows a field and its value as a pair."""
    if values and c.proto >= 3:
        reply_array(c, 2)
    reply_bulk(c, field)
    if values:
        reply_bulk(c, value)


cdef void random_distinct(call *c, entry *e, int64_t count, bint values) noexcept nogil:
    cdef hash_cursor at
    cdef view field, value
    cdef int64_t left = hash_len(e)
    cdef picks drawn
    if count * 4 < left and left > 1000:
        if not picks_init(&drawn, count):
            reply_error(c, NO_MEMORY)
            return
        reply_array(c, count * (2 if values and c.proto < 3 else 1))
        while count > 0:
            hash_random(e, &c.store.random, &at, &field, &value)
            if picks_add(&drawn, <uint64_t>field.ptr):
                write_pair(c, field, value, values)
                count -= 1
        picks_release(&drawn)
        return
    count = min(count, left)
    reply_array(c, count * (2 if values and c.proto < 3 else 1))
    hash_start(e, &at)
    while count > 0 and hash_next(&at, &field, &value):
        if <int64_t>rng_below(&c.store.random, left) < count:      # each as likely as any other
            write_pair(c, field, value, values)
            count -= 1
        left -= 1


define(hrandfield_command, """
    HRANDFIELD key [count [WITHVALUES]]
    readonly | hash | 6.2.0 | O(N) where N is the number of fields returned
    Return random fields of a hash: distinct ones, or with a negative count with repetition.
    tips: nondeterministic_output
""")
cdef void hrandfield_command(call *c) noexcept nogil:
    cdef entry *e
    cdef hash_cursor at
    cdef view field, value
    cdef int64_t count = 1
    cdef bint values = c.argc == 4
    if c.argc >= 3 and not arg_int(c, 2, &count):
        return
    if c.argc > 4 or (values and not view_is(c.argv[3], b"withvalues")):
        reply_error(c, SYNTAX)
        return
    if count < -<int64_t>0x7FFFFFFFFFFFFFFFLL // (2 if values else 1):
        reply_error(c, OUT_OF_RANGE)
        return
    if not open_read(c, &e):
        return
    if c.argc == 2:
        if e == NULL:
            reply_null(c)
            return
        hash_random(e, &c.store.random, &at, &field, &value)
        reply_bulk(c, field)
        return
    if e == NULL or count == 0:
        reply_array(c, 0)
        return
    if count > 0:
        random_distinct(c, e, count, values)
        return
    count = -count
    reply_array(c, count * (2 if values and c.proto < 3 else 1))
    while count > 0 and not c.out.failed:
        hash_random(e, &c.store.random, &at, &field, &value)
        write_pair(c, field, value, values)
        count -= 1


cdef void gather_field(view field, view value, void *context) noexcept nogil:
    cdef gathering *g = <gathering *>context
    if not scan_wants(g, field):
        return
    write_bulk(g.c.out, field)
    g.found += 1
    if not g.only_names:
        write_bulk(g.c.out, value)
        g.found += 1


cdef uint64_t hash_step(gathering *g, uint64_t cursor) noexcept nogil:
    return hash_scan(g.e, cursor, gather_field, g)


define(hscan_command, """
    HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
    readonly | hash | 2.8.0 | O(1) for each call, O(N) for a whole iteration
    Iterate over the fields of a hash, a few at a time.
    tips: nondeterministic_output
""")
cdef void hscan_command(call *c) noexcept nogil:
    scan_value(c, HASH, True, hash_step)


# ---- deadlines of fields ----------------------------------------------------------------------------

cdef bint read_fields(call *c, int at, int step, int *first, int *count) noexcept nogil:
    """FIELDS numfields field ... from argument `at` to the end; False: the error is replied."""
    cdef int64_t n
    if at >= c.argc or not view_is(c.argv[at], b"fields"):
        reply_error(c, b"ERR Mandatory argument FIELDS is missing or not at the right position")
        return False
    if at + 1 >= c.argc or not parse_int(c.argv[at + 1], &n) or n < 1 or n > 2147483647:
        reply_error(c, <const char *>b"ERR Parameter `numFields` should be greater than 0" if at + 1 < c.argc else SYNTAX)
        return False
    if n * step != c.argc - at - 2:
        reply_error(c, b"ERR The `numfields` parameter must match the number of arguments")
        return False
    first[0] = at + 2
    count[0] = <int>n
    return True


cdef bint reply_nothing(call *c, int count) noexcept nogil:
    """No such key: -2 for each field."""
    cdef int _
    reply_array(c, count)
    for _ in range(count):
        reply_int(c, -2)
    return True


cdef bint read_moment(call *c, int at, int64_t unit, bint relative, int64_t *ms) noexcept nogil:
    """As read_deadline, with the bounds and the words that field deadlines have."""
    cdef int64_t n
    cdef int64_t most = (<int64_t>1 << 46) - 1         # ms that a field's deadline can be
    if not parse_int(c.argv[at], &n):
        reply_error(c, NOT_INT)
        return False
    if n < 0:
        reply_error(c, b"ERR invalid expire time, must be >= 0")
        return False
    if n > most // unit or (relative and n * unit > most - c.store.now):
        reply_errorf(c, b"ERR invalid expire time in '%s' command", c.command.name, NULL)
        return False
    ms[0] = n * unit + (c.store.now if relative else 0)
    return True


cdef int expire_field(call *c, entry *e, view field, int64_t ms, int flags, packing *limits) noexcept nogil:
    """As HEXPIRE answers: -2, 0, 1, 2; -1: no memory."""
    cdef int64_t before = hash_deadline(e, field)
    if before == -2:
        return -2
    if not condition_allows(flags, before, ms):
        return 0
    propagate_deadline(c, field, ms)
    if ms <= c.store.now:
        hash_remove(&c.store.mem, e, field)
        return 2
    return 1 if hash_set_deadline(&c.store.mem, e, field, ms, limits) else -1


cdef void hexpire_generic(call *c, int64_t unit, bint relative) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t ms
    cdef int flags = 0
    cdef int at = 3
    cdef int first, count, i, n
    cdef int altered = 0
    cdef int removed = 0
    cdef packing limits = hash_limits(c.store)
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e):
        return
    if not read_moment(c, 2, unit, relative, &ms):
        return
    if view_is(c.argv[3], b"nx"):
        flags = EXPIRE_NX
    elif view_is(c.argv[3], b"xx"):
        flags = EXPIRE_XX
    elif view_is(c.argv[3], b"gt"):
        flags = EXPIRE_GT
    elif view_is(c.argv[3], b"lt"):
        flags = EXPIRE_LT
    if flags:
        at = 4
    if not read_fields(c, at, 1, &first, &count):
        return
    if e == NULL:
        reply_nothing(c, count)
        return
    reply_array(c, count)
    for i in range(first, first + count):
        n = expire_field(c, e, c.argv[i], ms, flags, &limits)
        altered += n == 1
        removed += n == 2
        reply_int(c, n)
    finish_deadlines(c, e, hash, altered, removed, b"hexpire")


cdef void finish_deadlines(call *c, entry *e, uint64_t hash, int altered, int removed, const char *event) noexcept nogil:
    if altered == 0 and removed == 0:
        return
    changed(c, c.argv[1], altered + removed, EVENT_HASH, event if altered else <const char *>b"hdel")
    if altered and removed:
        event_of(c, c.argv[1], EVENT_HASH, b"hdel")
    if hash_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)
    else:
        keyspace_replan_fields(c.store, c.db, e)


define(hexpire_command, """
    HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write denyoom fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the time to live of fields of a hash, in seconds.
    keys: RW update
    arity: -6
""")
cdef void hexpire_command(call *c) noexcept nogil:
    hexpire_generic(c, 1000, True)


define(hpexpire_command, """
    HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write denyoom fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the time to live of fields of a hash, in milliseconds.
    keys: RW update
    arity: -6
""")
cdef void hpexpire_command(call *c) noexcept nogil:
    hexpire_generic(c, 1, True)


define(hexpireat_command, """
    HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write denyoom fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the moment, in seconds since 1970, at which fields of a hash expire.
    keys: RW update
    arity: -6
""")
cdef void hexpireat_command(call *c) noexcept nogil:
    hexpire_generic(c, 1000, False)


define(hpexpireat_command, """
    HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write denyoom fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the moment, in milliseconds since 1970, at which fields of a hash expire.
    keys: RW update
    arity: -6
""")
cdef void hpexpireat_command(call *c) noexcept nogil:
    hexpire_generic(c, 1, False)


cdef void httl_generic(call *c, int64_t unit, bint relative) noexcept nogil:
    cdef entry *e
    cdef int first, count, i
    cdef int64_t ms
    if not open_read(c, &e) or not read_fields(c, 2, 1, &first, &count):
        return
    if e == NULL:
        reply_nothing(c, count)
        return
    reply_array(c, count)
    for i in range(first, first + count):
        ms = hash_deadline(e, c.argv[i])
        if ms >= 0:
            if relative:
                ms = max(ms - c.store.now, <int64_t>0)
                ms = (ms + unit - 1) // unit if unit > 1 else ms
            else:
                ms = (ms + unit - 1) // unit
        reply_int(c, ms)


define(httl_command, """
    HTTL key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the time to live of fields of a hash, in seconds.
    tips: nondeterministic_output
    arity: -5
""")
cdef void httl_command(call *c) noexcept nogil:
    httl_generic(c, 1000, True)


define(hpttl_command, """
    HPTTL key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the time to live of fields of a hash, in milliseconds.
    tips: nondeterministic_output
    arity: -5
""")
cdef void hpttl_command(call *c) noexcept nogil:
    httl_generic(c, 1, True)


define(hexpiretime_command, """
    HEXPIRETIME key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the moment, in seconds since 1970, at which fields of a hash expire.
    arity: -5
""")
cdef void hexpiretime_command(call *c) noexcept nogil:
    httl_generic(c, 1000, False)


define(hpexpiretime_command, """
    HPEXPIRETIME key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the moment, in milliseconds since 1970, at which fields of a hash expire.
    arity: -5
""")
cdef void hpexpiretime_command(call *c) noexcept nogil:
    httl_generic(c, 1, False)


define(hpersist_command, """
    HPERSIST key FIELDS numfields field [field ...]
    write fast | hash | 7.4.0 | O(N) where N is the number of fields
    Remove the time to live of fields of a hash.
    keys: RW update
    arity: -5
""")
cdef void hpersist_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int first, count, i
    cdef int altered = 0
    cdef int64_t ms
    cdef packing limits = hash_limits(c.store)
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_fields(c, 2, 1, &first, &count):
        return
    if e == NULL:
        reply_nothing(c, count)
        return
    reply_array(c, count)
    for i in range(first, first + count):
        ms = hash_deadline(e, c.argv[i])
        if ms >= 0:
            hash_set_deadline(&c.store.mem, e, c.argv[i], -1, &limits)
            altered += 1
            ms = 1
        reply_int(c, ms)
    finish_deadlines(c, e, hash, altered, 0, b"hpersist")


define(hgetdel_command, """
    HGETDEL key FIELDS numfields field [field ...]
    write fast | hash | 8.0.0 | O(N) where N is the number of fields
    Return the values of fields of a hash and delete the fields.
    keys: RW access delete
    arity: -5
""")
cdef void hgetdel_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int first, count, i
    cdef int64_t n = 0
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_fields(c, 2, 1, &first, &count):
        return
    reply_array(c, count)
    for i in range(first, first + count):
        reply_field(c, e, c.argv[i])
        if e != NULL:
            n += hash_remove(&c.store.mem, e, c.argv[i])
    if n and propagates(c):
        propagate_as(c, b"HDEL", 2 + count)
        effect_word(&c.store.effects, c.argv[1])
        for i in range(first, first + count):
            effect_word(&c.store.effects, c.argv[i])
    if e != NULL:
        finish_removal(c, e, hash, n)


cdef enum:
    NO_CHANGE = -2
    NO_DEADLINE = -1


cdef struct field_options:     # of HGETEX and HSETEX
    int64_t deadline           # ms, NO_DEADLINE or NO_CHANGE
    bint persist
    bint keep
    bint only_new
    bint only_known
    int first
    int count


cdef bint read_field_options(call *c, bint setting, field_options *o) noexcept nogil:
    """What stands between the key and the fields; False: the error is replied."""
    cdef int i = 2
    cdef int chosen = 0
    cdef int time_at = 0
    cdef int64_t unit = 1000
    cdef bint relative = True
    cdef view word
    o.deadline = NO_CHANGE
    o.persist = o.keep = o.only_new = o.only_known = False
    while i < c.argc and not view_is(c.argv[i], b"fields"):
        word = c.argv[i]
        if view_is(word, b"ex") or view_is(word, b"px") or view_is(word, b"exat") or view_is(word, b"pxat"):
            chosen += 1
            unit = 1000 if word.ptr[0] == c'e' or word.ptr[0] == c'E' else 1
            relative = word.len == 2
            time_at = i + 1
            i += 1
        elif view_is(word, b"persist") and not setting:
            chosen += 1
            o.persist = True
        elif view_is(word, b"keepttl") and setting:
            chosen += 1
            o.keep = True
        elif setting and view_is(word, b"fnx") and not o.only_known and not o.only_new:
            o.only_new = True
        elif setting and view_is(word, b"fxx") and not o.only_new and not o.only_known:
            o.only_known = True
        elif setting and (view_is(word, b"fnx") or view_is(word, b"fxx")):
            reply_error(c, b"ERR Only one of FXX or FNX arguments can be specified")
            return False
        else:
            reply_error_about(c, b"ERR unknown argument: %.*s", word)
            return False
        if chosen > 1:
            if setting:
                reply_error(c, b"ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified")
            else:
                reply_error(c, b"ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified")
            return False
        i += 1
    if not read_fields(c, i, 2 if setting else 1, &o.first, &o.count):
        return False
    return time_at == 0 or read_moment(c, time_at, unit, relative, &o.deadline)


cdef void propagate_persist(call *c, view field) noexcept nogil:
    cdef effects *u = &c.store.effects
    if propagates(c):
        propagate_as(c, b"HPERSIST", 5)
        effect_word(u, c.argv[1])
        effect_text(u, b"FIELDS")
        effect_text(u, b"1")
        effect_word(u, field)


define(hgetex_command, """
    HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]
    write fast | hash | 8.0.0 | O(N) where N is the number of fields
    Return the values of fields of a hash and set or remove their time to live.
    keys: RW access update
    arity: -5
""")
cdef void hgetex_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef field_options o
    cdef int i, n
    cdef int altered = 0
    cdef int removed = 0
    cdef packing limits = hash_limits(c.store)
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_field_options(c, False, &o):
        return
    reply_array(c, o.count)
    for i in range(o.first, o.first + o.count):
        reply_field(c, e, c.argv[i])
        if e == NULL:
            continue
        if o.persist and hash_deadline(e, c.argv[i]) >= 0:
            hash_set_deadline(&c.store.mem, e, c.argv[i], -1, &limits)
            propagate_persist(c, c.argv[i])
            altered += 1
        elif o.deadline >= 0:
            n = expire_field(c, e, c.argv[i], o.deadline, 0, &limits)
            altered += n == 1
            removed += n == 2
    if e != NULL:
        finish_deadlines(c, e, hash, altered, removed, <const char *><const char *>b"hpersist" if o.persist else <const char *>b"hexpire")


cdef bint fields_allow(call *c, entry *e, field_options *o) noexcept nogil:
    cdef int i
    cdef bint known
    for i in range(o.count):
        known = e != NULL and hash_deadline(e, c.argv[o.first + i * 2]) != -2
        if (o.only_new and known) or (o.only_known and not known):
            return False
    return True


define(hsetex_command, """
    HSETEX key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]
    write denyoom fast | hash | 8.0.0 | O(N) where N is the number of fields
    Set fields of a hash and their time to live, if all or none of them exist as demanded.
    keys: RW update
    arity: -6
""")
cdef void hsetex_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef field_options o
    cdef int i, n
    cdef int expiring = 0
    cdef int removed = 0
    cdef packing limits = hash_limits(c.store)
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_field_options(c, True, &o):
        return
    if not fields_allow(c, e, &o):
        reply_int(c, 0)
        return
    if e == NULL:
        e = find_or_make(c, c.argv[1], HASH, hash_new, &hash)
        if e == NULL:
            return
    for i in range(o.first, o.first + o.count * 2, 2):
        if hash_set(&c.store.mem, e, c.argv[i], c.argv[i + 1], &limits, o.keep) < 0:
            reply_error(c, NO_MEMORY)
            break
        propagate_field(c, e, c.argv[i], c.argv[i + 1])
        if o.deadline >= 0:
            n = expire_field(c, e, c.argv[i], o.deadline, 0, &limits)
            expiring += n == 1
            removed += n == 2
    else:
        reply_int(c, 1)
    changed(c, c.argv[1], o.count, EVENT_HASH, b"hset")
    if expiring:
        event_of(c, c.argv[1], EVENT_HASH, b"hexpire")
    if removed:
        event_of(c, c.argv[1], EVENT_HASH, b"hdel")
    if hash_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)
    else:
        keyspace_replan_fields(c.store, c.db, e)
