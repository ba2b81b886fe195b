"""Commands on keys of any type: deletion, renaming, moving, listing. Expiry is in expiry.pyx."""

from libc.limits cimport INT_MAX, INT_MIN
from libc.stdint cimport int64_t, uint64_t

from kvd.commands.scanning cimport read_cursor, scan_refuses, write_cursor
from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.entry cimport TIMED, entry, entry_deadline, entry_free, entry_key, entry_timer
from kvd.core.glob cimport glob_is_literal, glob_match
from kvd.core.table cimport table_cursor, table_hash, table_next, table_random, table_scan
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_equal, view_is
from kvd.resp.writer cimport write_bulk, write_header_at, write_status
from kvd.run.args cimport (
    arg_int, arg_int_within, changed, find_read, find_write, propagate_words, reply_array, reply_bulk, reply_error,
    reply_int, reply_null, reply_ok, reply_text,
)
from kvd.run.call cimport call
from kvd.run.emulation cimport replies_since
from kvd.run.errors cimport DB_RANGE, NO_KEY, NO_MEMORY, SAME_OBJECT, SYNTAX
from kvd.run.registry cimport define
from kvd.store.access cimport access_frequency, access_idle_ms, access_read, uses_lfu
from kvd.store.change cimport key_changed, key_overwritten, others_changed
from kvd.store.config cimport EVENT_GENERIC, OPT_CLUSTER_ENABLED, OPT_DATABASES, OPT_LAZYFREE_LAZY_USER_FLUSH, cfg
from kvd.store.effects cimport TO_ALL
from kvd.store.keyspace cimport (
    keyspace_due, keyspace_find, keyspace_flush, keyspace_insert, keyspace_remove, keyspace_replace,
    keyspace_set_deadline, keyspace_swap, keyspace_take,
)
from kvd.store.store cimport database, store
from kvd.types.kind cimport LIST, SET, type_of
from kvd.types.value cimport encoding_name, type_name, type_named, value_copy, value_free, value_reshape

from libc.string cimport memset, strcmp


cdef void delete_keys(call *c) noexcept nogil:
    cdef int64_t n = 0
    cdef int i
    cdef uint64_t hash
    cdef entry *e
    for i in range(1, c.argc):
        hash = table_hash(c.argv[i])
        e = keyspace_find(c.store, c.db, c.argv[i], hash)
        if e != NULL:
            keyspace_remove(c.store, c.db, e, hash)
            changed(c, c.argv[i], 1, EVENT_GENERIC, b"del")
            n += 1
    reply_int(c, n)


define(del_command, """
    DEL key [key ...]
    write | generic | 1.0.0 | O(N) where N is the number of keys
    Delete keys.
    keys: RM delete
    tips: request_policy:multi_shard response_policy:agg_sum
""")
cdef void del_command(call *c) noexcept nogil:
    delete_keys(c)


define(unlink_command, """
    UNLINK key [key ...]
    write fast | generic | 4.0.0 | O(1) for each key; memory is freed in slices
    Delete keys and free their memory in the background.
    keys: RM delete
    tips: request_policy:multi_shard response_policy:agg_sum
""")
cdef void unlink_command(call *c) noexcept nogil:
    delete_keys(c)


cdef void count_keys(call *c, bint touch) noexcept nogil:
    cdef int64_t n = 0
    cdef int i
    cdef entry *e
    for i in range(1, c.argc):
        e = keyspace_find(c.store, c.db, c.argv[i], table_hash(c.argv[i]))
        if e != NULL:
            n += 1
            c.store.stats.hits += 1
            if touch:
                access_read(c.store, e)
        else:
            c.store.stats.misses += 1
    reply_int(c, n)


define(exists_command, """
    EXISTS key [key ...]
    readonly fast | generic | 1.0.0 | O(N) where N is the number of keys
    Count the keys that exist; a key named twice counts twice.
    keys: RO
    tips: request_policy:multi_shard response_policy:agg_sum
""")
cdef void exists_command(call *c) noexcept nogil:
    count_keys(c, False)


define(touch_command, """
    TOUCH key [key ...]
    readonly fast | generic | 3.2.1 | O(N) where N is the number of keys
    Update the access time of keys and return the number that exist.
    keys: RO
    tips: request_policy:multi_shard response_policy:agg_sum
""")
cdef void touch_command(call *c) noexcept nogil:
    count_keys(c, True)


define(type_command, """
    TYPE key
    readonly fast | generic | 1.0.0 | O(1)
    Return the type of the value of a key, or none if it does not exist.
    keys: RO
""")
cdef void type_command(call *c) noexcept nogil:
    cdef entry *e = keyspace_find(c.store, c.db, c.argv[1], table_hash(c.argv[1]))
    write_status(c.out, <const char *>b"none" if e == NULL else type_name(type_of(e)))


# ---- naming and moving ------------------------------------------------------------------------------

cdef entry *place_copy(call *c, entry *e, view key, database *target, uint64_t hash, entry *existing) noexcept nogil:
    """A copy of e's value under another name or in another database, with e's deadline; or NULL, replied."""
    cdef entry *copy = value_copy(&c.store.mem, e, key)
    cdef int64_t deadline = entry_deadline(e)
    if copy == NULL:
        reply_error(c, NO_MEMORY)
        return NULL
    if existing != NULL:
        key_overwritten(c.store, target, key, type_of(existing) != type_of(copy))
        keyspace_replace(c.store, target, existing, copy, hash)
    elif not keyspace_insert(c.store, target, copy, hash):
        value_free(&c.store.mem, copy)
        reply_error(c, NO_MEMORY)
        return NULL
    if deadline >= 0:
        copy = keyspace_set_deadline(c.store, target, copy, hash, deadline)
    return copy


cdef void rename_generic(call *c, bint only_new) noexcept nogil:
    cdef uint64_t hash_a, hash_b
    cdef entry *e = find_write(c, c.argv[1], &hash_a)
    cdef entry *existing
    cdef entry *renamed
    if e == NULL:
        reply_error(c, NO_KEY)
        return
    if view_equal(c.argv[1], c.argv[2]):
        reply_renamed(c, only_new, 0)
        return
    existing = find_write(c, c.argv[2], &hash_b)
    if existing != NULL and only_new:
        reply_int(c, 0)
        return
    renamed = value_reshape(&c.store.mem, e, c.argv[2], e.flags & TIMED)
    if renamed == NULL:
        reply_error(c, NO_MEMORY)
        return
    if e.flags & TIMED:
        entry_timer(renamed).deadline = entry_deadline(e)
    keyspace_take(c.store, c.db, e, hash_a)
    if existing != NULL:
        key_overwritten(c.store, c.db, c.argv[2], type_of(existing) != type_of(renamed))
        keyspace_replace(c.store, c.db, existing, renamed, hash_b)
    elif not keyspace_insert(c.store, c.db, renamed, hash_b):
        entry_free(&c.store.mem, renamed)
        keyspace_insert(c.store, c.db, e, hash_a)
        reply_error(c, NO_MEMORY)
        return
    entry_free(&c.store.mem, e)
    changed(c, c.argv[1], 0, EVENT_GENERIC, b"rename_from")
    changed(c, c.argv[2], 1, EVENT_GENERIC, b"rename_to")
    reply_renamed(c, only_new, 1)


cdef inline void reply_renamed(call *c, bint only_new, int64_t n) noexcept nogil:
    if only_new:
        reply_int(c, n)
    else:
        reply_ok(c)


define(rename_command, """
    RENAME key newkey
    write | generic | 1.0.0 | O(1), plus the freeing of an overwritten value
    Rename a key, and overwrite the new name if it exists.
    keys: RW access delete; OW update
""")
cdef void rename_command(call *c) noexcept nogil:
    rename_generic(c, False)


define(renamenx_command, """
    RENAMENX key newkey
    write fast | generic | 1.0.0 | O(1)
    Rename a key if the new name does not exist.
    keys: RW access delete; OW insert
""")
cdef void renamenx_command(call *c) noexcept nogil:
    rename_generic(c, True)


cdef bint read_db(call *c, int at, int *db) noexcept nogil:
    cdef int64_t n
    if not arg_int_within(c, at, INT_MIN, INT_MAX, &n):
        return False
    if n < 0 or n >= cfg(&c.store.config, OPT_DATABASES):
        reply_error(c, DB_RANGE)
        return False
    db[0] = <int>n
    return True


define(copy_command, """
    COPY source destination [DB destination-db] [REPLACE]
    write denyoom | generic | 6.2.0 | O(N) where N is the size of the value
    Copy the value and deadline of a key to another key.
    keys: RO access; OW update
    databases: DB
""")
cdef void copy_command(call *c) noexcept nogil:
    cdef int db = c.session.db
    cdef bint replace = False
    cdef int i = 3
    cdef uint64_t hash, target_hash
    cdef entry *e
    cdef entry *existing
    cdef database *target
    while i < c.argc:
        if view_is(c.argv[i], b"replace"):
            replace = True
        elif view_is(c.argv[i], b"db") and i + 1 < c.argc:
            i += 1
            if not read_db(c, i, &db):
                return
        else:
            reply_error(c, SYNTAX)
            return
        i += 1
    if db != c.session.db and cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR Copying to another database is not allowed in cluster mode")
        return
    target = &c.store.dbs[db]
    if target == c.db and view_equal(c.argv[1], c.argv[2]):
        reply_error(c, SAME_OBJECT)
        return
    e = find_read(c, c.argv[1], &hash)
    if e == NULL:
        reply_int(c, 0)
        return
    target_hash = table_hash(c.argv[2])
    existing = keyspace_find(c.store, target, c.argv[2], target_hash)
    if existing != NULL and not replace:
        reply_int(c, 0)
        return
    if place_copy(c, e, c.argv[2], target, target_hash, existing) == NULL:
        return
    key_changed(c.store, target, c.argv[2], 1, EVENT_GENERIC, b"copy_to")
    reply_int(c, 1)


define(move_command, """
    MOVE key db
    write fast | generic | 1.0.0 | O(1)
    Move a key to another database, if the key does not exist there.
    keys: RW access update
    databases: 2 2
""")
cdef void move_command(call *c) noexcept nogil:
    cdef int db = 0
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t n
    if cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR MOVE is not allowed in cluster mode")
        return
    if not arg_int_within(c, 2, INT_MIN, INT_MAX, &n):
        return
    if n < 0 or n >= cfg(&c.store.config, OPT_DATABASES):
        reply_error(c, DB_RANGE)
        return
    db = <int>n
    if db == c.session.db:
        reply_error(c, SAME_OBJECT)
        return
    e = find_write(c, c.argv[1], &hash)
    if e == NULL or keyspace_find(c.store, &c.store.dbs[db], c.argv[1], hash) != NULL:
        reply_int(c, 0)
        return
    keyspace_take(c.store, c.db, e, hash)
    if not keyspace_insert(c.store, &c.store.dbs[db], e, hash):
        keyspace_insert(c.store, c.db, e, hash)
        reply_error(c, NO_MEMORY)
        return
    changed(c, c.argv[1], 0, EVENT_GENERIC, b"move_from")
    key_changed(c.store, &c.store.dbs[db], c.argv[1], 1, EVENT_GENERIC, b"move_to")
    reply_int(c, 1)


cdef bint swap_index(call *c, int at, const char *what, int *db) noexcept nogil:
    cdef int64_t n
    if not parse_int(c.argv[at], &n) or n < -2147483648 or n > 2147483647:
        reply_error(c, what)
        return False
    db[0] = <int>n
    return True


define(swapdb_command, """
    SWAPDB index1 index2
    write fast dangerous keyspace | generic | 4.0.0 | O(N) where N is the number of watched keys
    Exchange the content of two databases.
    databases: 1 2 elsewhere
""")
cdef void swapdb_command(call *c) noexcept nogil:
    cdef int a = 0, b = 0
    if cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR SWAPDB is not allowed in cluster mode")
        return
    if not swap_index(c, 1, b"ERR invalid first DB index", &a) or not swap_index(c, 2, b"ERR invalid second DB index", &b):
        return
    if a < 0 or b < 0 or a >= cfg(&c.store.config, OPT_DATABASES) or b >= cfg(&c.store.config, OPT_DATABASES):
        reply_error(c, DB_RANGE)
        return
    if a != b:
        keyspace_swap(c.store, a, b)
    else:
        others_changed(c.store, 1)
    reply_ok(c)


# ---- whole databases --------------------------------------------------------------------------------

define(dbsize_command, """
    DBSIZE
    readonly fast keyspace | server | 1.0.0 | O(1)
    Return the number of keys of the database.
    tips: request_policy:all_shards response_policy:agg_sum
""")
cdef void dbsize_command(call *c) noexcept nogil:
    reply_int(c, c.db.keys.items)


cdef void flush(call *c, int first, int last) noexcept nogil:
    cdef bint later = cfg(&c.store.config, OPT_LAZYFREE_LAZY_USER_FLUSH)
    cdef int i
    if c.argc > 2 or (c.argc == 2 and not view_is(c.argv[1], b"async") and not view_is(c.argv[1], b"sync")):
        reply_error(c, SYNTAX)
        return
    if c.argc == 2:
        later = view_is(c.argv[1], b"async")
    for i in range(first, last):
        keyspace_flush(c.store, &c.store.dbs[i], later)
    propagate_words(c, TO_ALL)         # also if there was nothing to remove
    reply_ok(c)


define(flushdb_command, """
    FLUSHDB [ASYNC | SYNC]
    write dangerous keyspace | server | 1.0.0 | O(N) where N is the number of keys; O(1) for other clients with ASYNC
    Remove all keys of the database.
    tips: request_policy:all_shards response_policy:all_succeeded
""")
cdef void flushdb_command(call *c) noexcept nogil:
    flush(c, c.session.db, c.session.db + 1)


define(flushall_command, """
    FLUSHALL [ASYNC | SYNC]
    write dangerous keyspace | server | 1.0.0 | O(N) where N is the number of keys; O(1) for other clients with ASYNC
    Remove all keys of all databases.
    databases: every
    tips: request_policy:all_shards response_policy:all_succeeded
""")
cdef void flushall_command(call *c) noexcept nogil:
    flush(c, 0, <int>cfg(&c.store.config, OPT_DATABASES))


# ---- listing ----------------------------------------------------------------------------------------

cdef struct listing:           # results of KEYS and SCAN
    call *c
    view pattern
    bint any_key
    int type                   # -1: any
    int64_t found
    buf late                   # keys that have expired, or fields of which have: looked up after the walk over the table


cdef void list_key(entry *e, void *context) noexcept nogil:
    cdef listing *l = <listing *>context
    cdef view key = entry_key(e)
    if not l.any_key and not glob_match(l.pattern, key, False):
        return
    if l.type >= 0 and type_of(e) != l.type:
        return
    if keyspace_due(l.c.store, e):
        buf_add(&l.late, &key, sizeof(view))
        return
    write_bulk(l.c.out, key)
    l.found += 1


cdef void list_late(listing *l) noexcept nogil:
    """Drops the keys that have expired, and lists those of which only fields have."""
    cdef view *keys = <view *>l.late.ptr
    cdef entry *e
    cdef size_t i
    for i in range(l.late.len // sizeof(view)):
        e = keyspace_find(l.c.store, l.c.db, keys[i], table_hash(keys[i]))
        if e != NULL:
            write_bulk(l.c.out, entry_key(e))
            l.found += 1
    buf_release(&l.late)


cdef void listing_init(listing *l, call *c) noexcept nogil:
    memset(l, 0, sizeof(listing))
    l.c = c
    l.any_key = True
    l.type = -1


cdef void set_pattern(listing *l, view pattern) noexcept nogil:
    l.pattern = pattern
    l.any_key = pattern.len == 1 and pattern.ptr[0] == c'*'


define(keys_command, """
    KEYS pattern
    readonly dangerous | generic | 1.0.0 | O(N) where N is the number of keys
    Return all keys that match a pattern.
    tips: request_policy:all_shards nondeterministic_output_order
""")
cdef void keys_command(call *c) noexcept nogil:
    cdef listing l
    cdef table_cursor at
    cdef entry *e
    cdef size_t begin = c.out.len
    listing_init(&l, c)
    set_pattern(&l, c.argv[1])
    if glob_is_literal(c.argv[1]):
        e = keyspace_find(c.store, c.db, c.argv[1], table_hash(c.argv[1]))
        if e != NULL:
            list_key(e, &l)
    else:
        at.at = 0
        at.inside = NULL
        at.slot = 0
        while True:
            e = table_next(&c.db.keys, &at)
            if e == NULL:
                break
            list_key(e, &l)
    list_late(&l)
    write_header_at(c.out, begin, c'*', l.found)


cdef bint read_scan(call *c, listing *l, int64_t *count) noexcept nogil:
    cdef int i = 2
    while i < c.argc:
        if scan_refuses(c, c.argv[i]):
            return False
        if i + 1 >= c.argc:
            reply_error(c, SYNTAX)
            return False
        if view_is(c.argv[i], b"count"):
            if not arg_int(c, i + 1, count):
                return False
            if count[0] < 1:
                reply_error(c, SYNTAX)
                return False
            count[0] = min(count[0], <int64_t>0x7FFFFFFF)
        elif view_is(c.argv[i], b"match"):
            set_pattern(l, c.argv[i + 1])
        elif view_is(c.argv[i], b"type"):
            l.type = type_named(c.argv[i + 1])
            if l.type < 0:
                l.type = 127       # no key has it
        else:
            reply_error(c, SYNTAX)
            return False
        i += 2
    return True


define(scan_command, """
    SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
    readonly | generic | 2.8.0 | O(1) for each call, O(N) for a whole iteration
    Iterate over the keys of the database.
    tips: nondeterministic_output request_policy:special
""")
cdef void scan_command(call *c) noexcept nogil:
    cdef listing l
    cdef uint64_t cursor
    cdef int64_t count = 10
    cdef int64_t steps
    cdef size_t begin
    if not read_cursor(c, c.argv[1], &cursor):
        return
    listing_init(&l, c)
    if not read_scan(c, &l, &count):
        return
    reply_array(c, 2)
    begin = c.out.len
    steps = 1 + count // 4         # a bucket holds six keys on average
    while True:
        cursor = table_scan(&c.db.keys, cursor, list_key, &l)
        steps -= 1
        if cursor == 0 or steps <= 0 or l.found >= count:
            break
    list_late(&l)
    write_header_at(c.out, begin, c'*', l.found)
    write_cursor(c, begin, cursor)


cdef entry *first_key(call *c) noexcept nogil:
    """The first key of the table that has not expired, or NULL."""
    cdef table_cursor at
    cdef entry *e
    memset(&at, 0, sizeof(table_cursor))
    while True:
        e = table_next(&c.db.keys, &at)
        if e == NULL or not keyspace_due(c.store, e):
            return e


define(randomkey_command, """
    RANDOMKEY
    readonly keyspace | generic | 1.0.0 | O(1)
    Return a random key of the database; each has the same probability.
    tips: request_policy:all_shards nondeterministic_output
""")
cdef void randomkey_command(call *c) noexcept nogil:
    cdef entry *e
    cdef view key
    cdef int hidden = 0
    while True:
        e = table_random(&c.db.keys, &c.store.random)
        if e == NULL:
            break
        key = entry_key(e)
        e = keyspace_find(c.store, c.db, key, table_hash(key))
        if e == NULL and c.store.hides:        # the expired key is still there: all keys may have expired
            hidden += 1
            if hidden == 100:
                e = first_key(c)
                break
        if e != NULL:
            break
    if e != NULL:
        reply_bulk(c, entry_key(e))
    else:
        reply_null(c)


# ---- inspection -------------------------------------------------------------------------------------

cdef entry *object_of(call *c) noexcept nogil:
    cdef entry *e = keyspace_find(c.store, c.db, c.argv[2], table_hash(c.argv[2]))
    if e == NULL:
        reply_null(c)
    return e


define(object_encoding, """
    OBJECT|ENCODING key
    readonly keyspace | generic | 2.2.3 | O(1)
    Return the encoding of the value of a key.
    keys: RO
    tips: nondeterministic_output
""")
cdef void object_encoding(call *c) noexcept nogil:
    cdef entry *e = object_of(c)
    if e != NULL:
        reply_text(c, emulated_encoding(c.store, type_of(e), encoding_name(e)))


cdef const char *emulated_encoding(store *s, int type, const char *name) noexcept nogil:
    """Listpacks came with 7.0, those of lists and sets with 7.2."""
    if strcmp(name, b"listpack") != 0 or replies_since(s, 70200, 70200):
        return name
    if type == LIST:
        return b"quicklist"
    if type == SET:
        return b"hashtable"
    if replies_since(s, 70000, 70200):
        return name
    return b"ziplist"


define(object_refcount, """
    OBJECT|REFCOUNT key
    readonly keyspace | generic | 2.2.3 | O(1)
    Return the number of references to the value of a key: always 1.
    keys: RO
    tips: nondeterministic_output
""")
cdef void object_refcount(call *c) noexcept nogil:
    if object_of(c) != NULL:
        reply_int(c, 1)


define(object_idletime, """
    OBJECT|IDLETIME key
    readonly keyspace | generic | 2.2.3 | O(1)
    Return the seconds since the last access to a key.
    keys: RO
    tips: nondeterministic_output
""")
cdef void object_idletime(call *c) noexcept nogil:
    cdef entry *e = object_of(c)
    if e == NULL:
        return
    if uses_lfu(c.store):
        reply_error(c, b"ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
                       b"switching between policies at runtime LRU and LFU data will take some time to adjust.")
    else:
        reply_int(c, access_idle_ms(c.store, e) // 1000)


define(object_freq, """
    OBJECT|FREQ key
    readonly keyspace | generic | 4.0.0 | O(1)
    Return the logarithmic access counter of a key.
    keys: RO
    tips: nondeterministic_output
""")
cdef void object_freq(call *c) noexcept nogil:
    cdef entry *e = object_of(c)
    if e == NULL:
        return
    if not uses_lfu(c.store):
        reply_error(c, b"ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when "
                       b"switching between policies at runtime LRU and LFU data will take some time to adjust.")
    else:
        reply_int(c, access_frequency(c.store, e))
