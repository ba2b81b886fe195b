"""Field expiry: HEXPIRE and its relatives, HGETEX, HSETEX, HGETDEL."""

from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t, uint64_t

from kvd.commands.expiry cimport EXPIRE_GT, EXPIRE_LT, EXPIRE_NX, EXPIRE_XX, condition_allows
from kvd.commands.hashes cimport (
    hash_open_read, hash_open_write, hash_propagate_deadline, hash_propagate_field, hash_put, hash_remove_field, hash_removed,
    hash_reply_field, hash_settle,
)
from kvd.commands.keyed cimport drop_empty, find_or_make, find_typed, hash_limits
from kvd.core.entry cimport entry
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is
from kvd.run.args cimport (
    changed, event_of, propagate_as, propagates, reply_arity, reply_array, reply_error, reply_error_about,
    reply_errorf, reply_int,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NOT_INT, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.change cimport key_field
from kvd.store.config cimport EVENT_HASH
from kvd.store.effects cimport effect_text, effect_word, effects
from kvd.store.store cimport expiry_now
from kvd.types.hash cimport hash_deadline, hash_len, hash_new, hash_set_deadline
from kvd.types.kind cimport HASH, packing


cdef const char *NOT_POSITIVE = b"ERR Number of fields must be a positive integer"


cdef bint read_fields(call *c, int at, const char *too_small, int *first, int *count) noexcept nogil:
    """FIELDS numfields field ... from argument `at` to the end; False: the error is replied, `too_small` for a bad numfields."""
    cdef int64_t n
    if at >= c.argc or not view_is(c.argv[at], b"fields"):
        reply_error(c, b"ERR Mandatory argument FIELDS is missing or not at the right position")
        return False
    if at + 1 >= c.argc:
        reply_error(c, SYNTAX)
        return False
    if not parse_int(c.argv[at + 1], &n) or n < 1:
        reply_error(c, too_small)
        return False
    if n != c.argc - at - 2:
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
    """As read_deadline, with the limits and error texts of field deadlines."""
    cdef int64_t n
    cdef int64_t most = (<int64_t>1 << 46) - 1         # limit of a field's deadline in ms
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


cdef int expire_field(call *c, uint64_t hash, entry **e, view field, int64_t ms, int flags, packing *limits) noexcept nogil:
    """Returns HEXPIRE's reply: -2, 0, 1, 2; or -1: no memory."""
    cdef int64_t before = hash_deadline(e[0], field)
    if before == -2:
        return -2
    if not condition_allows(flags, before, ms):
        return 0
    if ms <= expiry_now(c.store):
        if hash_remove_field(c, hash, e, field) < 0:
            return -1
        hash_propagate_deadline(c, field, ms)
        return 2
    if not hash_open_write(c, hash, e) or not hash_set_deadline(&c.store.mem, e[0], field, ms, limits):
        return -1
    hash_propagate_deadline(c, field, ms)
    key_field(c.store, c.db, c.argv[1], field, b"hexpire")
    return 1


cdef void persist_field(call *c, entry *e, view field, packing *limits) noexcept nogil:
    """Of a field that has a deadline."""
    hash_set_deadline(&c.store.mem, e, field, -1, limits)
    key_field(c.store, c.db, c.argv[1], field, b"hpersist")


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
    if not read_fields(c, at, b"ERR Parameter `numFields` should be greater than 0", &first, &count):
        return
    if e == NULL:
        reply_nothing(c, count)
        return
    reply_array(c, count)
    for i in range(first, first + count):
        n = expire_field(c, hash, &e, c.argv[i], ms, flags, &limits)
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
        hash_settle(c, hash, e)


define(hexpire_command, """
    HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the time to live of fields of a hash, in seconds.
    valkey: 9.0.0
    keys: RW update
    arity: -6
""")
cdef void hexpire_command(call *c) noexcept nogil:
    hexpire_generic(c, 1000, True)


define(hpexpire_command, """
    HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the time to live of fields of a hash, in milliseconds.
    valkey: 9.0.0
    keys: RW update
    arity: -6
""")
cdef void hpexpire_command(call *c) noexcept nogil:
    hexpire_generic(c, 1, True)


define(hexpireat_command, """
    HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the time at which fields of a hash expire, in seconds since 1970.
    valkey: 9.0.0
    keys: RW update
    arity: -6
""")
cdef void hexpireat_command(call *c) noexcept nogil:
    hexpire_generic(c, 1000, False)


define(hpexpireat_command, """
    HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    write fast | hash | 7.4.0 | O(N) where N is the number of fields
    Set the time at which fields of a hash expire, in milliseconds since 1970.
    valkey: 9.0.0
    keys: RW update
    arity: -6
""")
cdef void hpexpireat_command(call *c) noexcept nogil:
    hexpire_generic(c, 1, False)


cdef void httl_generic(call *c, int64_t unit, bint relative) noexcept nogil:
    cdef entry *e
    cdef int first, count, i
    cdef int64_t ms
    if not hash_open_read(c, &e) or not read_fields(c, 2, NOT_POSITIVE, &first, &count):
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
            ms = (ms + unit - 1) // unit
        reply_int(c, ms)


define(httl_command, """
    HTTL key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the remaining time to live of fields of a hash, in seconds.
    valkey: 9.0.0
    tips: nondeterministic_output
    arity: -5
""")
cdef void httl_command(call *c) noexcept nogil:
    httl_generic(c, 1000, True)


define(hpttl_command, """
    HPTTL key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the remaining time to live of fields of a hash, in milliseconds.
    valkey: 9.0.0
    tips: nondeterministic_output
    arity: -5
""")
cdef void hpttl_command(call *c) noexcept nogil:
    httl_generic(c, 1, True)


define(hexpiretime_command, """
    HEXPIRETIME key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the time at which fields of a hash expire, in seconds since 1970.
    valkey: 9.0.0
    arity: -5
""")
cdef void hexpiretime_command(call *c) noexcept nogil:
    httl_generic(c, 1000, False)


define(hpexpiretime_command, """
    HPEXPIRETIME key FIELDS numfields field [field ...]
    readonly fast | hash | 7.4.0 | O(N) where N is the number of fields
    Return the time at which fields of a hash expire, in milliseconds since 1970.
    valkey: 9.0.0
    arity: -5
""")
cdef void hpexpiretime_command(call *c) noexcept nogil:
    httl_generic(c, 1, False)


define(hpersist_command, """
    HPERSIST key FIELDS numfields field [field ...]
    write fast | hash | 7.4.0 | O(N) where N is the number of fields
    Remove the time to live of fields of a hash.
    valkey: 9.0.0
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
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_fields(c, 2, NOT_POSITIVE, &first, &count):
        return
    if e == NULL:
        reply_nothing(c, count)
        return
    reply_array(c, count)
    for i in range(first, first + count):
        ms = hash_deadline(e, c.argv[i])
        if ms >= 0:
            persist_field(c, e, c.argv[i], &limits)
            altered += 1
            ms = 1
        reply_int(c, ms)
    finish_deadlines(c, e, hash, altered, 0, b"hpersist")


define(hgetdel_command, """
    HGETDEL key FIELDS numfields field [field ...]
    write fast | hash | 8.0.0 | O(N) where N is the number of fields
    Return the values of fields of a hash and delete the fields.
    valkey: 9.1.0
    keys: RW access delete
    arity: -5
""")
cdef void hgetdel_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int first, count, i, k
    cdef int removed = 0
    cdef int64_t n = 0
    cdef size_t begin = c.out.len
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_fields(c, 2, NOT_POSITIVE, &first, &count):
        return
    reply_array(c, count)
    i = first
    while i < first + count and removed >= 0:
        hash_reply_field(c, e, c.argv[i])
        if e != NULL:
            removed = hash_remove_field(c, hash, &e, c.argv[i])
            n += max(removed, 0)
        i += removed >= 0
    if n and propagates(c):
        propagate_as(c, b"HDEL", 2 + i - first)
        effect_word(&c.store.effects, c.argv[1])
        for k in range(first, i):
            effect_word(&c.store.effects, c.argv[k])
    if removed < 0:
        c.out.len = begin
        reply_error(c, NO_MEMORY)
    if e != NULL:
        hash_removed(c, e, hash, n)


cdef enum:
    NO_CHANGE = -1


cdef struct field_options:     # of HGETEX and HSETEX
    int64_t deadline           # ms, or NO_CHANGE
    bint persist
    bint keep
    bint only_new
    bint only_known
    bint if_missing            # the key: NX
    bint if_there              # XX
    int first
    int count


cdef inline bint names_time(view word) noexcept nogil:
    """EX, PX, EXAT or PXAT."""
    return view_is(word, b"ex") or view_is(word, b"px") or view_is(word, b"exat") or view_is(word, b"pxat")


cdef bint read_time(call *c, int at, int64_t *deadline) noexcept nogil:
    """The option at `at` that names_time, and its value."""
    cdef view word = c.argv[at]
    if at + 1 >= c.argc:
        reply_arity(c)
        return False
    return read_moment(c, at + 1, 1000 if word.ptr[0] == c'e' or word.ptr[0] == c'E' else 1, word.len == 2, deadline)


cdef bint read_getex_options(call *c, field_options *o) noexcept nogil:
    """At most one option, then FIELDS; False: the error is replied."""
    cdef int at = 2
    o.deadline = NO_CHANGE
    o.persist = view_is(c.argv[2], b"persist")
    if o.persist:
        at = 3
    elif names_time(c.argv[2]):
        if not read_time(c, 2, &o.deadline):
            return False
        at = 4
    if at + 1 >= c.argc:
        reply_arity(c)
        return False
    return read_fields(c, at, NOT_POSITIVE, &o.first, &o.count)


cdef bint read_setex_options(call *c, field_options *o) noexcept nogil:
    """Options in any order, then FIELDS with as many pairs as there are arguments; False: the error is replied."""
    cdef int at = 2
    cdef int64_t n
    cdef int chosen = 0
    o.deadline = NO_CHANGE
    o.keep = o.only_new = o.only_known = o.if_missing = o.if_there = False
    while at < c.argc and not view_is(c.argv[at], b"fields"):
        if view_is(c.argv[at], b"nx") or view_is(c.argv[at], b"xx"):
            o.if_missing = o.if_missing or view_is(c.argv[at], b"nx")
            o.if_there = o.if_there or view_is(c.argv[at], b"xx")
            if o.if_missing and o.if_there:
                reply_error(c, SYNTAX)
                return False
        elif names_time(c.argv[at]) or view_is(c.argv[at], b"keepttl"):
            chosen += 1
            if chosen > 1:
                reply_error(c, b"ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified")
                return False
            o.keep = view_is(c.argv[at], b"keepttl")
            if not o.keep:
                if not read_time(c, at, &o.deadline):
                    return False
                at += 1
        elif view_is(c.argv[at], b"fnx") or view_is(c.argv[at], b"fxx"):
            if o.only_new or o.only_known:
                reply_error(c, b"ERR Only one of FXX or FNX arguments can be specified")
                return False
            o.only_new = view_is(c.argv[at], b"fnx")
            o.only_known = not o.only_new
        else:
            reply_error_about(c, b"ERR unknown argument: %.*s", c.argv[at])
            return False
        at += 1
    if at + 3 >= c.argc:
        reply_arity(c)
        return False
    if not parse_int(c.argv[at + 1], &n) or n < 1 or n > INT_MAX:
        reply_error(c, b"ERR invalid number of fields")
        return False
    if n * 2 != c.argc - at - 2:
        reply_arity(c)
        return False
    o.first = at + 2
    o.count = <int>n
    return True


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
    valkey: 9.0.0
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
    if not find_typed(c, c.argv[1], HASH, False, &hash, &e) or not read_getex_options(c, &o):
        return
    reply_array(c, o.count)
    for i in range(o.first, o.first + o.count):
        hash_reply_field(c, e, c.argv[i])
        if e == NULL:
            continue
        if o.persist and hash_deadline(e, c.argv[i]) >= 0:
            persist_field(c, e, c.argv[i], &limits)
            propagate_persist(c, c.argv[i])
            altered += 1
        elif o.deadline >= 0:
            n = expire_field(c, hash, &e, c.argv[i], o.deadline, 0, &limits)
            altered += n == 1
            removed += n == 2
    if e != NULL:
        finish_deadlines(c, e, hash, altered, removed, <const char *>b"hpersist" if o.persist else <const char *>b"hexpire")


cdef bint fields_allow(call *c, entry *e, field_options *o) noexcept nogil:
    cdef int i
    cdef bint known
    for i in range(o.count):
        known = e != NULL and hash_deadline(e, c.argv[o.first + i * 2]) != -2
        if (o.only_new and known) or (o.only_known and not known):
            return False
    return True


define(hsetex_command, """
    HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]
    write denyoom fast | hash | 8.0.0 | O(N) where N is the number of fields
    Set fields of a hash and their time to live, optionally only if the key exists or does not, and if all or none of the fields exist.
    valkey: 9.0.0
    newer: NX XX 8.8.0/9.1.0
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
    if not read_setex_options(c, &o) or not find_typed(c, c.argv[1], HASH, False, &hash, &e):
        return
    if (o.if_missing and e != NULL) or (o.if_there and e == NULL) or not fields_allow(c, e, &o):
        reply_int(c, 0)
        return
    if e == NULL:
        e = find_or_make(c, c.argv[1], HASH, hash_new, &hash)
        if e == NULL:
            return
    for i in range(o.first, o.first + o.count * 2, 2):
        if hash_put(c, hash, &e, c.argv[i], c.argv[i + 1], &limits, o.keep) < 0:
            reply_error(c, NO_MEMORY)
            break
        hash_propagate_field(c, e, c.argv[i], c.argv[i + 1])
        key_field(c.store, c.db, c.argv[1], c.argv[i], b"hset")
        if o.deadline >= 0:
            n = expire_field(c, hash, &e, c.argv[i], o.deadline, 0, &limits)
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
        hash_settle(c, hash, e)
