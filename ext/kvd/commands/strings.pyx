"""Commands on strings. Encodings are internal to types/string.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from kvd.commands.expiry cimport NO_TIME, read_deadline, set_deadline
from kvd.core.entry cimport TIMED, entry_deadline, entry_timer
from kvd.core.table cimport table_find, table_hash
from kvd.core.text cimport INT_TEXT, parse_int
from kvd.core.view cimport lower, view_equal, view_is, view_of
from kvd.core.xxh3 cimport xxh3_64
from kvd.run.args cimport (
    AHEAD, arg_int, changed, event_of, find_read, find_write, hash_ahead, propagate_as, propagate_key, propagates,
    reply_arity, reply_array, reply_bulk, reply_error, reply_errorf, reply_int, reply_null, reply_ok, use_hash,
    wrong_type,
)
from kvd.run.call cimport KEY_ACCESS, KEY_OW, KEY_RW, KEY_UPDATE
from kvd.run.errors cimport NO_MEMORY, SYNTAX, TOO_LONG, WRONGTYPE
from kvd.run.registry cimport define, define_key_narrowing
from kvd.store.access cimport access_init
from kvd.store.change cimport key_overwritten
from kvd.store.config cimport EVENT_GENERIC, EVENT_NEW, EVENT_STRING, OPT_PROTO_MAX_BULK_LEN, cfg
from kvd.store.effects cimport effect_int, effect_text, effect_word, effects
from kvd.store.keyspace cimport keyspace_find, keyspace_insert, keyspace_persist, keyspace_remove, keyspace_replace
from kvd.store.sizes cimport sizes_changed, string_bin
from kvd.store.store cimport expiry_now
from kvd.types.kind cimport STRING, type_of
from kvd.types.string cimport string_assign, string_len, string_new, string_view


# ---- writing ----------------------------------------------------------------------------------------

cdef bint string_put(call *c, view key, view value, uint64_t hash, entry *old, int64_t deadline, bint keep_ttl) noexcept nogil:
    """Sets the value of key. deadline: ms, or NO_TIME. False: no memory, and the error is replied.

    The caller reports the event "set" and those of the deadline."""
    cdef entry *e
    cdef uint8_t timed = 0
    cdef int bin
    if keep_ttl and old != NULL:
        deadline = entry_deadline(old)
    if deadline >= 0:
        timed = TIMED
    if old != NULL and type_of(old) == STRING and (old.flags & TIMED) == timed and (
            timed == 0 or deadline == entry_deadline(old)):
        bin = string_bin(old)
        if string_assign(old, value):
            sizes_changed(c.db, old, bin)
            return True
    e = string_new(&c.store.mem, key, value, timed)
    if e != NULL:
        access_init(c.store, e)
        if timed:
            entry_timer(e).deadline = deadline
        if old != NULL:
            e.access = old.access
            keyspace_replace(c.store, c.db, old, e, hash)
            return True
        if keyspace_insert(c.store, c.db, e, hash):
            event_of(c, key, EVENT_NEW, b"new")
            return True
    reply_error(c, NO_MEMORY)
    return False


cdef bint string_set(call *c, view key, view value, uint64_t hash, entry *old, int64_t deadline, bint keep_ttl) noexcept nogil:
    """string_put as SET has it: a key that exists is overwritten, whatever it held."""
    cdef bint retyped = old != NULL and type_of(old) != STRING
    if not string_put(c, key, value, hash, old, deadline, keep_ttl):
        return False
    if old != NULL:
        key_overwritten(c.store, c.db, key, retyped)
    return True


cdef bint too_long(call *c, unsigned long long n) noexcept nogil:
    """True, with the error replied, when a string of n bytes exceeds the limit of the configuration."""
    if n <= <uint64_t>cfg(&c.store.config, OPT_PROTO_MAX_BULK_LEN):
        return False
    reply_error(c, TOO_LONG)
    return True


cdef enum set_flag:            # beside those of strings.pxd
    SET_NX = 64
    SET_XX = 128
    SET_GET = 256
    SET_IFEQ = 512
    SET_IFNE = 1024
    SET_IFDEQ = 2048
    SET_IFDNE = 4096

cdef enum:
    CONDITIONS = SET_NX | SET_XX | SET_IFEQ | SET_IFNE | SET_IFDEQ | SET_IFDNE
    EXPIRIES = SET_TIMES | SET_KEEPTTL | SET_PERSIST
    OPTION_WORDS = 13

cdef option_word OPTIONS[OPTION_WORDS]                 # each of them may be repeated
OPTIONS[0] = option_word(b"nx", SET_NX, CONDITIONS & ~SET_NX, False)
OPTIONS[1] = option_word(b"xx", SET_XX, CONDITIONS & ~SET_XX, False)
OPTIONS[2] = option_word(b"get", SET_GET, 0, False)
OPTIONS[3] = option_word(b"ex", SET_EX, EXPIRIES & ~SET_EX, True)
OPTIONS[4] = option_word(b"px", SET_PX, EXPIRIES & ~SET_PX, True)
OPTIONS[5] = option_word(b"exat", SET_EXAT, EXPIRIES & ~SET_EXAT, True)
OPTIONS[6] = option_word(b"pxat", SET_PXAT, EXPIRIES & ~SET_PXAT, True)
OPTIONS[7] = option_word(b"keepttl", SET_KEEPTTL, EXPIRIES & ~SET_KEEPTTL, False)
OPTIONS[8] = option_word(b"persist", SET_PERSIST, EXPIRIES & ~SET_PERSIST, False)
OPTIONS[9] = option_word(b"ifeq", SET_IFEQ, CONDITIONS & ~SET_IFEQ, True)
OPTIONS[10] = option_word(b"ifne", SET_IFNE, CONDITIONS & ~SET_IFNE, True)
OPTIONS[11] = option_word(b"ifdeq", SET_IFDEQ, CONDITIONS & ~SET_IFDEQ, True)
OPTIONS[12] = option_word(b"ifdne", SET_IFDNE, CONDITIONS & ~SET_IFDNE, True)

cdef struct set_args:
    int flags
    int time_at                # argument that gives the time; 0: none
    int64_t deadline           # ms, or NO_TIME; after read_time
    view operand               # of IFEQ, IFNE, IFDEQ, IFDNE


cdef int next_option(call *c, int *at, const option_word *words, int count, int allowed, int *flags) noexcept nogil:
    cdef int i
    cdef const option_word *o
    for i in range(count):
        o = &words[i]
        if not (o.flag & allowed and view_is(c.argv[at[0]], o.word)):
            continue
        if flags[0] & o.excludes or at[0] + o.takes_value >= c.argc:
            break
        flags[0] |= o.flag
        at[0] += 1 + o.takes_value
        return o.flag
    reply_error(c, SYNTAX)
    return 0


cdef bint read_time(call *c, int at, int flags, int64_t *deadline) noexcept nogil:
    return at == 0 or read_deadline(c, at, 1 if flags & (SET_PX | SET_PXAT) else 1000, flags & (SET_EX | SET_PX) != 0, True, deadline)


cdef bint read_options(call *c, int at, int allowed, set_args *a) noexcept nogil:
    """Options of SET and its relatives from argument `at` on; False: the error is replied."""
    cdef int flag
    a.flags = 0
    a.time_at = 0
    a.deadline = NO_TIME
    while at < c.argc:
        flag = next_option(c, &at, OPTIONS, OPTION_WORDS, allowed, &a.flags)
        if flag == 0:
            return False
        if flag & SET_TIMES:
            a.time_at = at - 1
        else:
            a.operand = c.argv[at - 1]
    return True


cdef bint read_digest(view text, uint64_t *digest) noexcept nogil:
    cdef size_t i
    cdef uint64_t n = 0
    cdef char ch
    if text.len != 16:
        return False
    for i in range(16):
        ch = lower(text.ptr[i])
        if c'0' <= ch <= c'9':
            n = n * 16 + <uint64_t>(ch - 48)
        elif c'a' <= ch <= c'f':
            n = n * 16 + <uint64_t>(ch - 87)
        else:
            return False
    digest[0] = n
    return True


cdef int condition_holds(call *c, int flags, view operand, entry *e) noexcept nogil:
    """1 or 0; -1: another type or an invalid digest, and the error is replied."""
    cdef char scratch[INT_TEXT]
    cdef view value
    cdef uint64_t digest = 0
    cdef bint equal
    if flags & SET_NX:
        return e == NULL
    if flags & SET_XX:
        return e != NULL
    if not flags & CONDITIONS:
        return 1
    if flags & (SET_IFDEQ | SET_IFDNE) and not read_digest(operand, &digest):
        reply_errorf(c, b"ERR %s must be exactly 16 hexadecimal characters", b"digest", NULL)
        return -1
    if e == NULL:
        return 1 if flags & (SET_IFNE | SET_IFDNE) else 0
    if wrong_type(c, e, STRING):
        return -1
    value = string_view(e, scratch)
    if flags & (SET_IFEQ | SET_IFNE):
        equal = view_equal(value, operand)
    else:
        equal = xxh3_64(value.ptr, value.len) == digest
    return equal == ((flags & (SET_IFEQ | SET_IFDEQ)) != 0)


cdef void reply_value(call *c, entry *e) noexcept nogil:
    cdef char scratch[INT_TEXT]
    if e == NULL:
        reply_null(c)
    else:
        reply_bulk(c, string_view(e, scratch))


cdef void string_propagate(call *c, view key, view value, int64_t deadline, bint keep_ttl) noexcept nogil:
    """Propagates a SET whose condition held, with an absolute deadline."""
    cdef effects *u = &c.store.effects
    if not propagates(c):
        return
    if 0 <= deadline <= expiry_now(c.store):
        propagate_key(c, b"DEL", key)
        return
    propagate_as(c, b"SET", 5 if deadline >= 0 else 3 + keep_ttl)
    effect_word(u, key)
    effect_word(u, value)
    if deadline >= 0:
        effect_text(u, b"PXAT")
        effect_int(u, deadline)
    elif keep_ttl:
        effect_text(u, b"KEEPTTL")


cdef void finish_set(call *c, view key, uint64_t hash, int64_t deadline) noexcept nogil:
    """Events and effects of a write of a whole value; a deadline in the past deletes at once."""
    cdef entry *e
    changed(c, key, 1, EVENT_STRING, b"set")
    if deadline < 0:
        return
    if deadline <= expiry_now(c.store):
        e = table_find(&c.db.keys, key, hash)
        keyspace_remove(c.store, c.db, e, hash)
        event_of(c, key, EVENT_GENERIC, b"del")
    else:
        event_of(c, key, EVENT_GENERIC, b"expire")


cdef void set_generic(call *c, set_args *a, view value) noexcept nogil:
    cdef uint64_t hash
    cdef view key = c.argv[1]
    cdef entry *e = find_write(c, key, &hash)
    cdef size_t at = c.out.len
    cdef int holds
    if a.flags & SET_GET:
        if e != NULL and wrong_type(c, e, STRING):
            return
        reply_value(c, e)
    holds = condition_holds(c, a.flags, a.operand, e)
    if holds != 1:
        if holds == 0 and not a.flags & SET_GET:
            reply_null(c)
        elif holds < 0 and a.flags & SET_GET:
            c.out.len = at
            reply_error(c, WRONGTYPE)
        return
    if not string_set(c, key, value, hash, e, a.deadline, (a.flags & SET_KEEPTTL) != 0):
        return
    finish_set(c, key, hash, a.deadline)
    if a.flags or a.deadline != NO_TIME:
        string_propagate(c, key, value, a.deadline, (a.flags & SET_KEEPTTL) != 0)
    if not a.flags & SET_GET:
        reply_ok(c)


define(set_command, """
    SET key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
    write denyoom takes_value | string | 1.0.0 | O(1)
    Set the string value of a key, whatever its previous type.
    newer: IFEQ 8.4.0/8.1.0; IFNE IFDEQ IFDNE 8.4.0
    keys: RW access update variable_flags
""")
cdef void set_command(call *c) noexcept nogil:
    cdef set_args a
    if c.argc == 3:
        a.flags = 0
        a.deadline = NO_TIME
    elif not read_options(c, 3, CONDITIONS | SET_TIMES | SET_GET | SET_KEEPTTL, &a) or not read_time(c, a.time_at, a.flags, &a.deadline):
        return
    set_generic(c, &a, c.argv[2])


cdef uint32_t set_key_flags(view *argv, int argc) noexcept nogil:
    """With GET it also reads the key."""
    cdef int i
    for i in range(3, argc):
        if view_is(argv[i], b"get"):
            return KEY_RW | KEY_ACCESS | KEY_UPDATE
    return KEY_OW | KEY_UPDATE


define_key_narrowing("set", set_key_flags)


cdef void set_with_ttl(call *c, int64_t unit) noexcept nogil:
    cdef set_args a
    a.flags = 0
    if read_deadline(c, 2, unit, True, True, &a.deadline):
        set_generic(c, &a, c.argv[3])


define(setex_command, """
    SETEX key seconds value
    write denyoom takes_value | string | 2.0.0 | O(1)
    Set the string value and the time to live of a key.
    keys: OW update
""")
cdef void setex_command(call *c) noexcept nogil:
    set_with_ttl(c, 1000)


define(psetex_command, """
    PSETEX key milliseconds value
    write denyoom takes_value | string | 2.6.0 | O(1)
    Set the string value and the time to live in milliseconds of a key.
    keys: OW update
""")
cdef void psetex_command(call *c) noexcept nogil:
    set_with_ttl(c, 1)


define(setnx_command, """
    SETNX key value
    write denyoom fast takes_value | string | 1.0.0 | O(1)
    Set the string value of a key if it does not exist.
    keys: OW insert
""")
cdef void setnx_command(call *c) noexcept nogil:
    cdef uint64_t hash
    if find_write(c, c.argv[1], &hash) != NULL:
        reply_int(c, 0)
    elif string_put(c, c.argv[1], c.argv[2], hash, NULL, NO_TIME, False):
        changed(c, c.argv[1], 1, EVENT_STRING, b"set")
        reply_int(c, 1)


define(getset_command, """
    GETSET key value
    write denyoom fast takes_value | string | 1.0.0 | O(1)
    Set the string value of a key and return the previous one.
    keys: RW access update
""")
cdef void getset_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_read(c, c.argv[1], &hash)
    cdef size_t at = c.out.len
    if e != NULL and wrong_type(c, e, STRING):
        return
    reply_value(c, e)
    if string_set(c, c.argv[1], c.argv[2], hash, e, NO_TIME, False):
        changed(c, c.argv[1], 1, EVENT_STRING, b"set")
    else:
        c.out.len = at
        reply_error(c, NO_MEMORY)


define(mset_command, """
    MSET key value [key value ...]
    write denyoom takes_value | string | 1.0.1 | O(N) where N is the number of keys
    Set the string values of several keys atomically.
    keys: OW update
    tips: request_policy:multi_shard response_policy:all_succeeded
""")
cdef void mset_command(call *c) noexcept nogil:
    if odd_pairs(c):
        return
    if set_pairs(c, 1, (c.argc - 1) // 2, NO_TIME, False):
        reply_ok(c)


define(msetnx_command, """
    MSETNX key value [key value ...]
    write denyoom takes_value | string | 1.0.1 | O(N) where N is the number of keys
    Set the string values of several keys if none of them exists.
    keys: OW insert
    tips: request_policy:multi_shard response_policy:agg_min
""")
cdef void msetnx_command(call *c) noexcept nogil:
    if odd_pairs(c):
        return
    if count_existing(c, 1, (c.argc - 1) // 2):
        reply_int(c, 0)
    elif set_pairs(c, 1, (c.argc - 1) // 2, NO_TIME, False):
        reply_int(c, 1)


cdef bint odd_pairs(call *c) noexcept nogil:
    if c.argc % 2:
        return False
    reply_arity(c)
    return True


cdef int64_t count_existing(call *c, int at, int64_t pairs) noexcept nogil:
    cdef int64_t n = 0
    cdef int64_t i
    for i in range(pairs):
        if keyspace_find(c.store, c.db, c.argv[at + 2 * i], table_hash(c.argv[at + 2 * i])) != NULL:
            n += 1
    return n


cdef bint set_pairs(call *c, int at, int64_t pairs, int64_t deadline, bint keep_ttl) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t hashes[AHEAD]
    cdef int64_t i
    cdef entry *e
    cdef view key
    i = 0
    while i < pairs:
        if i % AHEAD == 0:
            hash_ahead(c, <int>(at + 2 * i), 2, <int>(pairs - i), hashes)
        key = c.argv[at + 2 * i]
        use_hash(c, key, hashes[i % AHEAD])
        e = find_write(c, key, &hash)
        if not string_set(c, key, c.argv[at + 2 * i + 1], hash, e, deadline, keep_ttl):
            break
        finish_set(c, key, hash, deadline)
        if deadline != NO_TIME or keep_ttl:
            string_propagate(c, key, c.argv[at + 2 * i + 1], deadline, keep_ttl)
        i += 1
    use_hash(c, view_of(NULL, 0), 0)
    return i == pairs


define(msetex_command, """
    MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
    write denyoom takes_value | string | 8.4.0 | O(N) where N is the number of keys
    Set the string values of several keys with a common time to live, all or none.
    valkey: 9.1.0
    keys: OW update
""")
cdef void msetex_command(call *c) noexcept nogil:
    cdef int64_t n, existing
    cdef set_args a
    if not parse_int(c.argv[1], &n) or n < 1 or n > 2147483647:
        reply_error(c, b"ERR invalid numkeys value")
        return
    if n > (c.argc - 2) // 2:
        reply_error(c, b"ERR wrong number of key-value pairs")
        return
    if not read_options(c, <int>(2 + 2 * n), SET_NX | SET_XX | SET_TIMES | SET_KEEPTTL, &a) or not read_time(c, a.time_at, a.flags, &a.deadline):
        return
    if a.flags & (SET_NX | SET_XX):
        existing = count_existing(c, 2, n)
        if (a.flags & SET_NX and existing) or (a.flags & SET_XX and existing < n):
            reply_int(c, 0)
            return
    if set_pairs(c, 2, n, a.deadline, (a.flags & SET_KEEPTTL) != 0):
        reply_int(c, 1)


# ---- reading ----------------------------------------------------------------------------------------

define(get_command, """
    GET key
    readonly fast | string | 1.0.0 | O(1)
    Return the string value of a key.
""")
cdef void get_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_read(c, c.argv[1], &hash)
    if e == NULL or not wrong_type(c, e, STRING):
        reply_value(c, e)


define(mget_command, """
    MGET key [key ...]
    readonly fast | string | 1.0.0 | O(N) where N is the number of keys
    Return the string values of several keys, null for keys without one.
    tips: request_policy:multi_shard
""")
cdef void mget_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t hashes[AHEAD]
    cdef int i
    cdef entry *e
    reply_array(c, c.argc - 1)
    for i in range(1, c.argc):
        if (i - 1) % AHEAD == 0:
            hash_ahead(c, i, 1, c.argc - i, hashes)
        use_hash(c, c.argv[i], hashes[(i - 1) % AHEAD])
        e = find_read(c, c.argv[i], &hash)
        reply_value(c, e if e != NULL and type_of(e) == STRING else NULL)
    use_hash(c, view_of(NULL, 0), 0)


define(getdel_command, """
    GETDEL key
    write fast | string | 6.2.0 | O(1)
    Return the string value of a key and delete the key.
    keys: RW access delete
""")
cdef void getdel_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_read(c, c.argv[1], &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    reply_value(c, e)
    if e != NULL:
        keyspace_remove(c.store, c.db, e, hash)
        changed(c, c.argv[1], 1, EVENT_GENERIC, b"del")
        propagate_key(c, b"DEL", c.argv[1])


define(getex_command, """
    GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]
    write fast | string | 6.2.0 | O(1)
    Return the string value of a key and set or remove its time to live.
    keys: RW access update
""")
cdef void getex_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef set_args a
    cdef entry *e
    if not read_options(c, 2, SET_TIMES | SET_PERSIST, &a):
        return
    e = find_read(c, c.argv[1], &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    if e == NULL:
        reply_null(c)
        return
    if not read_time(c, a.time_at, a.flags, &a.deadline):
        return
    reply_value(c, e)
    if a.flags & SET_PERSIST:
        if e.flags & TIMED and keyspace_persist(c.store, c.db, e, hash) != NULL:
            changed(c, c.argv[1], 1, EVENT_GENERIC, b"persist")
            propagate_key(c, b"PERSIST", c.argv[1])
    elif a.deadline >= 0:
        set_deadline(c, e, hash, a.deadline)


define(strlen_command, """
    STRLEN key
    readonly fast | string | 2.2.0 | O(1)
    Return the length in bytes of the string value of a key.
    keys: RO
""")
cdef void strlen_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_read(c, c.argv[1], &hash)
    if e == NULL:
        reply_int(c, 0)
    elif not wrong_type(c, e, STRING):
        reply_int(c, string_len(e))


cdef void getrange_generic(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef int64_t start, end, n
    cdef char scratch[INT_TEXT]
    cdef view value
    cdef entry *e
    if not arg_int(c, 2, &start) or not arg_int(c, 3, &end):
        return
    e = find_read(c, c.argv[1], &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    value = string_view(e, scratch) if e != NULL else view_of(NULL, 0)
    n = value.len
    if start < 0 and end < 0 and start > end:
        n = 0
    if start < 0:
        start = max(start + n, 0)
    if end < 0:
        end = max(end + n, 0)
    end = min(end, n - 1)
    if n == 0 or start > end:
        reply_bulk(c, view_of(NULL, 0))
    else:
        reply_bulk(c, view_of(value.ptr + start, end - start + 1))


define(getrange_command, """
    GETRANGE key start end
    readonly | string | 2.4.0 | O(N) where N is the length of the returned string
    Return a part of the string value of a key; negative indexes count from its end.
""")
cdef void getrange_command(call *c) noexcept nogil:
    getrange_generic(c)


define(substr_command, """
    SUBSTR key start end
    readonly | string | 1.0.0 | O(N) where N is the length of the returned string
    Return a part of the string value of a key. Superseded by GETRANGE.
""")
cdef void substr_command(call *c) noexcept nogil:
    getrange_generic(c)


define(digest_command, """
    DIGEST key
    readonly fast | string | 8.4.0 | O(N) where N is the length of the value
    Return the XXH3 digest of the string value of a key, as 16 hexadecimal characters.
""")
cdef void digest_command(call *c) noexcept nogil:
    cdef uint64_t hash, digest
    cdef char scratch[INT_TEXT]
    cdef char text[16]
    cdef int i
    cdef view value
    cdef entry *e = find_read(c, c.argv[1], &hash)
    if e == NULL:
        reply_null(c)
        return
    if wrong_type(c, e, STRING):
        return
    value = string_view(e, scratch)
    digest = xxh3_64(value.ptr, value.len)
    for i in range(15, -1, -1):
        text[i] = (<const char *>b"0123456789abcdef")[digest & 15]
        digest >>= 4
    reply_bulk(c, view_of(text, 16))


cdef void remove_string(call *c, entry *e, uint64_t hash) noexcept nogil:
    keyspace_remove(c.store, c.db, e, hash)
    changed(c, c.argv[1], 1, EVENT_GENERIC, b"del")
    propagate_key(c, b"DEL", c.argv[1])


define(delex_command, """
    DELEX key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]
    write fast | string | 8.4.0 | O(1), or O(N) of the value's length with a condition
    Delete a key, optionally only if its string value or digest is equal, or not equal, to a given one.
    keys: RW delete
""")
cdef void delex_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef set_args a
    cdef entry *e
    cdef int holds
    if c.argc != 2 and c.argc != 4:
        reply_arity(c)
        return
    if not read_options(c, 2, SET_IFEQ | SET_IFNE | SET_IFDEQ | SET_IFDNE, &a):
        return
    e = find_write(c, c.argv[1], &hash)
    if e == NULL:
        reply_int(c, 0)
        return
    if a.flags and type_of(e) != STRING:
        reply_error(c, b"ERR Key should be of string type if conditions are specified")
        return
    holds = condition_holds(c, a.flags, a.operand, e)
    if holds < 0:
        return
    if holds:
        remove_string(c, e, hash)
    reply_int(c, holds)


define(delifeq_command, """
    DELIFEQ key value
    write fast | string | 9.0.0 | O(N) where N is the length of the value
    Delete a key if its string value equals the given one.
    valkey: only
    keys: RM delete
""")
cdef void delifeq_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef char scratch[INT_TEXT]
    cdef entry *e = find_write(c, c.argv[1], &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    if e == NULL or not view_equal(string_view(e, scratch), c.argv[2]):
        reply_int(c, 0)
        return
    remove_string(c, e, hash)
    reply_int(c, 1)


# ---- for the Python doors ---------------------------------------------------------------------------

cdef bint plain_set(call *c, view key, view value) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_write(c, key, &hash)
    if not string_set(c, key, value, hash, e, NO_TIME, False):
        return False
    changed(c, key, 1, EVENT_STRING, b"set")
    return True
