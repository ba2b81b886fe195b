"""Commands on hashes. Encodings are internal to types/hash.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.commands.keyed cimport (
    drop_empty, find_or_make, find_typed, hash_limits, insert_new, picks, picks_add, picks_init, picks_release, read_random_count,
    repeats_begin, repeats_fit,
)
from kvd.commands.scanning cimport gathering, scan_value, scan_wants
from kvd.core.arith cimport add_overflows, is_finite
from kvd.core.random cimport rng_below
from kvd.core.text cimport INT_TEXT, LONG_DOUBLE_TEXT, format_int, format_long_double, parse_int, parse_long_double
from kvd.core.view cimport view_of
from kvd.resp.writer cimport write_bulk
from kvd.run.args cimport (
    arg_int, changed, propagate_as, propagates, reply_arity, reply_array, reply_bulk, reply_error, reply_int,
    reply_map, reply_null, reply_ok,
)
from kvd.run.errors cimport NOT_FLOAT, NO_MEMORY, OVERFLOW
from kvd.run.registry cimport define
from kvd.store.change cimport key_field
from kvd.store.config cimport EVENT_HASH
from kvd.store.effects cimport effect_int, effect_text, effect_word, effects
from kvd.store.keyspace cimport keyspace_moved, keyspace_replan_fields
from kvd.store.store cimport expiry_now
from kvd.types.hash cimport (
    hash_cursor, hash_deadline, hash_expand, hash_get, hash_is_row, hash_len, hash_new, hash_next, hash_of_template, hash_opened,
    hash_random, hash_remove, hash_row_remove, hash_row_set, hash_scan, hash_set, hash_settled, hash_start,
)
from kvd.types.kind cimport HASH, packing


# ---- writing ----------------------------------------------------------------------------------------

cdef bint hash_open_write(call *c, uint64_t hash, entry **e) noexcept nogil:
    cdef entry *opened = hash_opened(&c.store.mem, e[0])
    if opened == NULL:
        return False
    keyspace_moved(c.store, c.db, e[0], opened, hash)
    e[0] = opened
    return True


cdef void hash_settle(call *c, uint64_t hash, entry *e) noexcept nogil:
    keyspace_replan_fields(c.store, c.db, e)
    keyspace_moved(c.store, c.db, e, hash_settled(&c.store.mem, e), hash)


cdef int hash_put(call *c, uint64_t hash, entry **e, view field, view value, packing *limits, bint keep_deadline) noexcept nogil:
    cdef entry *moved
    cdef int n
    if hash_is_row(e[0]):
        n = hash_row_set(&c.store.mem, e[0], field, value, limits, &moved)
        if n >= 0:
            keyspace_moved(c.store, c.db, e[0], moved, hash)
            e[0] = moved
            return n
        if not hash_open_write(c, hash, e):
            return -1
    return hash_set(&c.store.mem, e[0], field, value, limits, keep_deadline)


cdef void refuse_write(call *c, uint64_t hash, entry *e) noexcept nogil:
    reply_error(c, NO_MEMORY)
    if hash_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)


cdef int64_t set_fields(call *c, uint64_t hash, entry **at, packing *limits) noexcept nogil:
    """Pairs from argument 2 on; returns the number of new fields, or -1: no memory, and the error is replied."""
    cdef int pairs = (c.argc - 2) // 2
    cdef entry *e = at[0]
    cdef int64_t created = 0
    cdef int i = 2
    cdef int n
    if (pairs > limits.entries and not hash_open_write(c, hash, &e)) or (not hash_is_row(e) and not hash_expand(&c.store.mem, e, pairs, limits)):
        refuse_write(c, hash, e)
        return -1
    while i + 1 < c.argc:
        n = hash_put(c, hash, &e, c.argv[i], c.argv[i + 1], limits, False)
        if n < 0:
            refuse_write(c, hash, e)
            return -1
        created += n
        key_field(c.store, c.db, c.argv[1], c.argv[i], b"hset")
        i += 2
    at[0] = e
    return created


cdef int64_t change_fields(call *c, uint64_t hash, entry *e, packing *limits) noexcept nogil:
    """The same, and with its new fields the hash may be one of a template."""
    cdef int64_t created = set_fields(c, hash, &e, limits)
    if created > 0:
        hash_settle(c, hash, e)
    elif created == 0:
        keyspace_replan_fields(c.store, c.db, e)
    return created


cdef int64_t make_with_fields(call *c, uint64_t hash, packing *limits) noexcept nogil:
    """The same for a key that is missing."""
    cdef int n = (c.argc - 2) // 2
    cdef entry *e = hash_of_template(&c.store.mem, c.argv[1], c.argv + 2, c.argv + 3, 2, n, limits, False)
    cdef int i
    if e == NULL:
        e = insert_new(c, c.argv[1], hash_new(&c.store.mem, c.argv[1]), hash)
        return set_fields(c, hash, &e, limits) if e != NULL else -1
    if insert_new(c, c.argv[1], e, hash) == NULL:
        return -1
    for i in range(n):
        key_field(c.store, c.db, c.argv[1], c.argv[2 + 2 * i], b"hset")
    return n


cdef void hset_generic(call *c, bint count) noexcept nogil:
    cdef uint64_t hash
    cdef packing limits = hash_limits(c.store)
    cdef int64_t n
    cdef entry *e
    if c.argc % 2:
        reply_arity(c)
        return
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e):
        return
    n = change_fields(c, hash, e, &limits) if e != NULL else make_with_fields(c, hash, &limits)
    if n < 0:
        return
    changed(c, c.argv[1], (c.argc - 2) // 2, EVENT_HASH, b"hset")
    if count:
        reply_int(c, n)
    else:
        reply_ok(c)


define(hset_command, """
    HSET key field value [field value ...]
    write denyoom fast | hash | 2.0.0 | O(N) where N is the number of fields
    Set fields of a hash and return the number of new fields.
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
    Set a field of a hash only if the field does not exist.
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
    if change_fields(c, hash, e, &limits) < 0:
        return
    changed(c, c.argv[1], 1, EVENT_HASH, b"hset")
    reply_int(c, 1)


define(hdel_command, """
    HDEL key field [field ...]
    write fast | hash | 2.0.0 | O(N) where N is the number of fields
    Delete fields of a hash; the key is deleted with its last field.
    keys: RW delete
""")
cdef void hdel_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t n = 0
    cdef int i
    cdef int removed = 0
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e):
        return
    if e != NULL:
        for i in range(2, c.argc):
            removed = hash_remove_field(c, hash, &e, c.argv[i])
            if removed < 0:
                break
            n += removed
        hash_removed(c, e, hash, n)
    if removed < 0:
        reply_error(c, NO_MEMORY)
    else:
        reply_int(c, n)


cdef int drop_field(call *c, uint64_t hash, entry **e, view field) noexcept nogil:
    cdef entry *moved
    cdef int n
    if hash_is_row(e[0]):
        n = hash_row_remove(&c.store.mem, e[0], field, &moved)
        if n > 0:
            keyspace_moved(c.store, c.db, e[0], moved, hash)
            e[0] = moved
        if n >= 0:
            return n
        if not hash_open_write(c, hash, e):
            return -1
    return hash_remove(&c.store.mem, e[0], field)


cdef int hash_remove_field(call *c, uint64_t hash, entry **e, view field) noexcept nogil:
    cdef int removed = drop_field(c, hash, e, field)
    if removed > 0:
        key_field(c.store, c.db, c.argv[1], field, b"hdel")
    return removed


cdef void hash_removed(call *c, entry *e, uint64_t hash, int64_t n) noexcept nogil:
    if n == 0:
        return
    changed(c, c.argv[1], n, EVENT_HASH, b"hdel")
    if hash_len(e) == 0:
        drop_empty(c, c.argv[1], e, hash)
    else:
        hash_settle(c, hash, e)


define(hincrby_command, """
    HINCRBY key field increment
    write denyoom fast | hash | 2.0.0 | O(1)
    Increment the integer value of a field of a hash; a missing field counts as 0.
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
    cdef int created
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
    created = hash_put(c, hash, &e, c.argv[2], view_of(digits, format_int(digits, n)), &limits, True)
    if created < 0:
        refuse_write(c, hash, e)
        return
    if created:
        hash_settle(c, hash, e)
    key_field(c.store, c.db, c.argv[1], c.argv[2], b"hincrby")
    changed(c, c.argv[1], 1, EVENT_HASH, b"hincrby")
    reply_int(c, n)


cdef void hash_propagate_deadline(call *c, view field, int64_t ms) noexcept nogil:
    """Propagates a field's new deadline; one that has passed has removed the field."""
    cdef effects *u = &c.store.effects
    if not propagates(c):
        return
    if ms <= expiry_now(c.store):
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


cdef void hash_propagate_field(call *c, entry *e, view field, view value) noexcept nogil:
    """Propagates a field's new value, and its deadline."""
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
        hash_propagate_deadline(c, field, ms)


define(hincrbyfloat_command, """
    HINCRBYFLOAT key field float-increment
    write denyoom fast | hash | 2.6.0 | O(1)
    Increment the floating point value of a field of a hash; a missing field counts as 0.
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
    cdef int created
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
    created = hash_put(c, hash, &e, c.argv[2], value, &limits, True)
    if created < 0:
        refuse_write(c, hash, e)
        return
    key_field(c.store, c.db, c.argv[1], c.argv[2], b"hincrbyfloat")
    changed(c, c.argv[1], 1, EVENT_HASH, b"hincrbyfloat")
    hash_propagate_field(c, e, c.argv[2], value)
    if created:
        hash_settle(c, hash, e)
    reply_bulk(c, value)


# ---- reading ----------------------------------------------------------------------------------------

cdef bint hash_open_read(call *c, entry **e) noexcept nogil:
    cdef uint64_t hash
    return find_typed(c, c.argv[1], HASH, True, &hash, e)


cdef void hash_reply_field(call *c, entry *e, view field) noexcept nogil:
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
    if hash_open_read(c, &e):
        hash_reply_field(c, e, c.argv[2])


define(hmget_command, """
    HMGET key field [field ...]
    readonly fast | hash | 2.0.0 | O(N) where N is the number of fields
    Return the values of fields of a hash.
""")
cdef void hmget_command(call *c) noexcept nogil:
    cdef entry *e
    cdef int i
    if not hash_open_read(c, &e):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        hash_reply_field(c, e, c.argv[i])


cdef void reply_all(call *c, bint fields, bint values) noexcept nogil:
    cdef entry *e
    cdef hash_cursor at
    cdef view field, value
    if not hash_open_read(c, &e):
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
    Return all fields and values of a hash.
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
    if hash_open_read(c, &e):
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
    if hash_open_read(c, &e):
        reply_int(c, value.len if e != NULL and hash_get(e, c.argv[2], &value, scratch) else 0)


define(hexists_command, """
    HEXISTS key field
    readonly fast | hash | 2.0.0 | O(1)
    Return whether a hash has a field.
    keys: RO
""")
cdef void hexists_command(call *c) noexcept nogil:
    cdef entry *e
    cdef char scratch[INT_TEXT]
    cdef view value
    if hash_open_read(c, &e):
        reply_int(c, e != NULL and hash_get(e, c.argv[2], &value, scratch))


cdef void write_pair(call *c, view field, view value, bint values) noexcept nogil:
    """In RESP3 a field and its value are a pair."""
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
    count = min(count, left)
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
    reply_array(c, count * (2 if values and c.proto < 3 else 1))
    hash_start(e, &at)
    while count > 0 and hash_next(&at, &field, &value):
        if <int64_t>rng_below(&c.store.random, left) < count:      # each subset is equally likely
            write_pair(c, field, value, values)
            count -= 1
        left -= 1


define(hrandfield_command, """
    HRANDFIELD key [count [WITHVALUES]]
    readonly | hash | 6.2.0 | O(N) where N is the number of fields returned
    Return random fields of a hash: distinct ones, or with repetition if count is negative.
    tips: nondeterministic_output
""")
cdef void hrandfield_command(call *c) noexcept nogil:
    cdef entry *e
    cdef hash_cursor at
    cdef view field, value
    cdef int64_t count
    cdef bint values
    cdef size_t begin = c.out.len
    if not read_random_count(c, b"withvalues", &values, &count):
        return
    if not hash_open_read(c, &e):
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
    if not repeats_begin(c, count):
        return
    reply_array(c, count * (2 if values and c.proto < 3 else 1))
    while count > 0 and repeats_fit(c, begin):
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
    Iterate over the fields of a hash.
    newer: NOVALUES 7.4.0/8.0.0
    tips: nondeterministic_output
""")
cdef void hscan_command(call *c) noexcept nogil:
    scan_value(c, HASH, hash_step)
