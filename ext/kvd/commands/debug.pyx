"""DEBUG: functions for test suites. A subcommand is a row, declared with debug_subcommand; layers above add theirs.

Those of Redis that concern structures which kvd does not have are accepted without effect, and DEBUG HELP says so; those that
crash or restart the server, or corrupt data, do not exist.
"""

from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset, strcmp, strlen

from kvd.commands.process cimport option_allows
from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_printf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.entry cimport entry, entry_deadline, entry_key
from kvd.core.glob cimport glob_match
from kvd.core.quicklist cimport quicknode
from kvd.core.random cimport rng, rng_below
from kvd.core.sha1 cimport SHA1_TEXT
from kvd.core.table cimport table, table_bytes, table_cursor, table_find, table_hash, table_next
from kvd.core.text cimport parse_double, parse_int, parse_memory
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport (
    write_bool, write_command, write_double, write_int, write_push, write_set, write_status, write_text, write_verbatim,
)
from kvd.run.args cimport (
    arg_int, changed, reply_array, reply_error, reply_error_about, reply_int, reply_map, reply_null, reply_ok,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_KEY, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.session cimport session_push, session_pushed
from kvd.store.access cimport access_idle_ms, access_init
from kvd.store.check cimport store_check
from kvd.store.clock cimport store_time
from kvd.store.config cimport (
    EVENT_STRING, OPT_DATABASES, OPT_ENABLE_DEBUG_COMMAND, OPT_LIST_COMPRESS_DEPTH, OPT_LIST_MAX_LISTPACK_SIZE, cfg,
)
from kvd.store.keyspace cimport keyspace_find, keyspace_insert
from kvd.store.store cimport DEBUG_CHECKSUMS_SKIPPED, DEBUG_CRON_PAUSED, DEBUG_NOSCRIPT_ALLOWED
from kvd.types.digest cimport digest, digest_mix, digest_mix_number, digest_text, digest_view, digest_xor
from kvd.types.hash cimport HASH_TABLE, HASH_TIMED, hash_live, hash_table_of
from kvd.types.kind cimport HASH, LIST, SET, encoding_of, kind_of, type_of
from kvd.types.list cimport LIST_CHAIN, list_access, list_close, list_open, list_shape
from kvd.types.rewrite cimport command_sink
from kvd.types.set cimport SET_TABLE, set_table_of
from kvd.types.string cimport string_new
from kvd.types.value cimport encoding_name, value_bytes, value_digest, value_rewrite

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned int us)

cdef struct row:
    const char *name           # lower case
    const char *usage
    const char *what
    int least                  # words, DEBUG included
    int most
    handler run

cdef enum:
    MOST_ROWS = 40

cdef row ROWS[MOST_ROWS]
cdef int ROW_COUNT = 0

cdef double LONGEST_SLEEP = 1e9    # seconds
cdef const char *UNKNOWN = b"ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP."


cdef void debug_sleep(call *c) noexcept nogil:
    cdef double seconds
    cdef int64_t until
    if not parse_double(c.argv[2], &seconds):
        reply_error(c, b"ERR value is not a valid float")
        return
    until = mono_us() + (<int64_t>(min(seconds, LONGEST_SLEEP) * 1e6) if seconds > 0 else 0)
    while mono_us() < until:
        usleep(<unsigned int>min(until - mono_us(), <int64_t>500000) if until > mono_us() else 0)
    store_time(c.store)
    reply_ok(c)


cdef entry *value_at(call *c, int i) noexcept nogil:
    """The key named by argument i, also if it has expired; NULL: the error is replied."""
    cdef entry *e = table_find(&c.db.keys, c.argv[i], table_hash(c.argv[i]))
    if e == NULL:
        reply_error(c, NO_KEY)
    return e


cdef void debug_object(call *c) noexcept nogil:
    cdef entry *e = value_at(c, 2)
    cdef bint fast = c.argc == 4 and view_is(c.argv[3], b"fast")
    cdef buf text
    if e == NULL:
        return
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"Value at:%p refcount:1 encoding:%s", e, encoding_name(e))
    if not fast:
        buf_printf(&text, b" serializedlength:%zu", value_bytes(e, 0))
    buf_printf(&text, b" lru:%u lru_seconds_idle:%lld", e.access, <long long>(access_idle_ms(c.store, e) // 1000))
    if type_of(e) == LIST:
        describe_nodes(c, e, fast, &text)
    buf_add_char(&text, 0)
    write_status(c.out, text.ptr if not text.failed else <const char *>b"")
    buf_release(&text)


cdef void describe_nodes(call *c, entry *e, bint fast, buf *text) noexcept nogil:
    """Of a quicklist: its nodes, and unless `fast` the bytes of their listpacks."""
    cdef list_access a
    cdef list_shape shape = list_shape(fill=cfg(&c.store.config, OPT_LIST_MAX_LISTPACK_SIZE), depth=cfg(&c.store.config, OPT_LIST_COMPRESS_DEPTH))
    cdef quicknode *node
    cdef size_t bytes = 0
    if encoding_of(e) != LIST_CHAIN:
        return
    list_open(&a, &c.store.mem, e, shape)
    buf_printf(text, b" ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%lld ql_compressed:%d", a.q.nodes,
               <double>a.q.count / a.q.nodes, <long long>shape.fill, <int>(shape.depth != 0))
    node = a.q.head
    while node != NULL:
        bytes += node.bytes
        node = node.next
    if not fast:
        buf_printf(text, b" ql_uncompressed_size:%zu", bytes)
    list_close(&a)


cdef bint add_key(call *c, entry *e, digest *total) noexcept nogil:
    """False: no memory. Skips expired keys, and hashes all of whose fields have expired."""
    cdef digest key
    if 0 <= entry_deadline(e) <= c.store.now or (type_of(e) == HASH and hash_live(e, c.store.now) == 0):
        return True
    memset(&key, 0, sizeof(key))
    digest_mix(&key, entry_key(e))
    if not value_digest(e, c.store.now, &key):
        return False
    digest_xor(total, digest_view(&key))
    return True


cdef bint add_database(call *c, int i, digest *total) noexcept nogil:
    cdef table_cursor at
    cdef entry *e
    memset(&at, 0, sizeof(at))
    e = table_next(&c.store.dbs[i].keys, &at)
    if e != NULL:
        digest_mix_number(total, i)
    while e != NULL and add_key(c, e, total):
        e = table_next(&c.store.dbs[i].keys, &at)
    return e == NULL


cdef void debug_digest(call *c) noexcept nogil:
    cdef digest total
    cdef char text[SHA1_TEXT + 1]
    cdef int i
    memset(&total, 0, sizeof(total))
    for i in range(<int>cfg(&c.store.config, OPT_DATABASES)):
        if not add_database(c, i, &total):
            reply_error(c, NO_MEMORY)
            return
    digest_text(&total, text)
    write_status(c.out, text)


cdef void debug_digest_value(call *c) noexcept nogil:
    cdef digest d
    cdef char text[SHA1_TEXT + 1]
    cdef entry *e
    cdef int i
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        memset(&d, 0, sizeof(d))
        e = keyspace_find(c.store, c.db, c.argv[i], table_hash(c.argv[i]))
        if e != NULL and not value_digest(e, c.store.now, &d):
            reply_error(c, NO_MEMORY)
            continue
        digest_text(&d, text)
        write_status(c.out, text)


cdef struct rewriting:
    command_sink sink
    buf out                    # the commands, as replies
    size_t count


cdef bint print_command(command_sink *to, int argc, view *argv) noexcept nogil:
    cdef rewriting *r = <rewriting *>to.context
    write_command(&r.out, argc, argv)
    r.count += 1
    return not r.out.failed


cdef void debug_rewrite(call *c) noexcept nogil:
    """DEBUG REWRITE key: the commands that rebuild its value, for tests of append-only files."""
    cdef rewriting r
    cdef entry *e = keyspace_find(c.store, c.db, c.argv[2], table_hash(c.argv[2]))
    if e == NULL:
        reply_error(c, NO_KEY)
        return
    memset(&r, 0, sizeof(r))
    r.sink.take = print_command
    r.sink.context = &r
    if value_rewrite(e, &r.sink):
        reply_array(c, r.count)
        buf_add(c.out, r.out.ptr, r.out.len)
    else:
        reply_error(c, NO_MEMORY)
    buf_release(&r.out)


cdef void debug_populate(call *c) noexcept nogil:
    """DEBUG POPULATE count [prefix] [size]: missing keys prefix:i with the value value:i, padded to size."""
    cdef int64_t count, i
    cdef int64_t size = 0
    cdef char name[512]
    cdef buf padded
    cdef view prefix = view_of(b"key", 3)
    cdef view key
    cdef uint64_t hash
    cdef entry *e
    if not arg_int(c, 2, &count):
        return
    if c.argc > 3:
        prefix = c.argv[3]
    if c.argc > 4 and not arg_int(c, 4, &size):
        return
    if prefix.len > 400 or size < 0 or size > 1073741824:
        reply_error(c, SYNTAX)
        return
    memset(&padded, 0, sizeof(padded))
    for i in range(count):
        key = view_of(name, snprintf(name, sizeof(name), b"%.*s:%lld", <int>prefix.len, prefix.ptr, <long long>i))
        hash = table_hash(key)
        if keyspace_find(c.store, c.db, key, hash) != NULL:
            continue
        padded.len = 0
        buf_printf(&padded, b"value:%lld", <long long>i)
        if size:
            while padded.len < <size_t>size and not padded.failed:
                buf_printf(&padded, b"%c", 0)
            padded.len = size
        e = string_new(&c.store.mem, key, view_of(padded.ptr, padded.len), 0)
        if e == NULL or padded.failed or not keyspace_insert(c.store, c.db, e, hash):
            reply_error(c, NO_MEMORY)
            buf_release(&padded)
            return
        access_init(c.store, e)
        changed(c, key, 1, EVENT_STRING, b"set")
    buf_release(&padded)
    reply_ok(c)


cdef void debug_protocol(call *c) noexcept nogil:
    """A reply of each type, for tests of clients' parsers."""
    cdef view kind = c.argv[2]
    cdef buf *out
    if view_is(kind, b"string"):
        write_text(c.out, b"Hello World")
    elif view_is(kind, b"integer"):
        reply_int(c, 12345)
    elif view_is(kind, b"double"):
        write_double(c.out, 3.141, c.proto)
    elif view_is(kind, b"null"):
        reply_null(c)
    elif view_is(kind, b"array"):
        reply_array(c, 3)
        reply_int(c, 0)
        reply_int(c, 1)
        reply_int(c, 2)
    elif view_is(kind, b"set"):
        write_set(c.out, 3, c.proto)
        reply_int(c, 0)
        reply_int(c, 1)
        reply_int(c, 2)
    elif view_is(kind, b"map"):
        reply_map(c, 3)
        reply_int(c, 0)
        write_bool(c.out, False, c.proto)
        reply_int(c, 1)
        write_bool(c.out, True, c.proto)
        reply_int(c, 2)
        write_bool(c.out, False, c.proto)
    elif view_is(kind, b"true"):
        write_bool(c.out, True, c.proto)
    elif view_is(kind, b"false"):
        write_bool(c.out, False, c.proto)
    elif view_is(kind, b"verbatim"):
        write_verbatim(c.out, view_of(b"This is a verbatim\nstring", 25), b"txt", c.proto)
    elif view_is(kind, b"bignum"):
        if c.proto >= 3:
            write_big(c)
        else:
            write_text(c.out, b"1234567999999999999999999999999999999")
    elif view_is(kind, b"attrib"):
        if c.proto >= 3:
            buf_printf(c.out, b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n")
        write_text(c.out, b"Some real reply following the attribute")
    elif view_is(kind, b"push"):
        if c.proto < 3:
            reply_error(c, b"ERR RESP2 is not supported by this command")
            return
        write_text(c.out, b"Some real reply following the push reply")
        out = session_push(c.session)
        write_push(out, 2, c.proto)
        write_text(out, b"server-cpu-usage")
        write_int(out, 42)
        session_pushed(c.session)
    else:
        reply_error(c, b"ERR Wrong protocol type name. Please use one of the following: "
                       b"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")


cdef void write_big(call *c) noexcept nogil:
    buf_printf(c.out, b"(1234567999999999999999999999999999999\r\n")


cdef void debug_check(call *c) noexcept nogil:
    """Asserts the invariants of everything that the store holds (kvd's own subcommand, for tests)."""
    cdef view key
    cdef char text[256]
    cdef const char *wrong = store_check(c.store, &key)
    if wrong == NULL:
        reply_ok(c)
        return
    snprintf(text, sizeof(text), b"ERR %s (key '%.*s')", wrong, <int>min(key.len, <size_t>64), key.ptr)
    reply_error(c, text)


cdef void debug_error(call *c) noexcept nogil:
    reply_error_about(c, b"%.*s", c.argv[2])


cdef void debug_log(call *c) noexcept nogil:
    cdef char text[256]
    cdef size_t n = min(c.argv[2].len, <size_t>255)
    memcpy(text, c.argv[2].ptr, n)
    text[n] = 0
    if c.store.on_log != NULL:
        c.store.on_log(c.store, 3, text)
    reply_ok(c)


cdef void describe_table(table *t, const char *title, buf *text) noexcept nogil:
    buf_printf(text, b"%sbuckets: %zu\nchildren: %zu\nentries: %zu\nlongest chain: %zu\nbytes: %zu\n", title, t.buckets, t.children, t.items, t.longest, table_bytes(t))


cdef void reply_verbatim(call *c, buf *text) noexcept nogil:
    """The text, which is freed."""
    if text.failed:
        reply_error(c, NO_MEMORY)
    else:
        write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(text)


cdef void debug_htstats(call *c) noexcept nogil:
    cdef int64_t n
    cdef buf text
    if not arg_int(c, 2, &n):
        return
    if n < 0 or n >= cfg(&c.store.config, OPT_DATABASES):
        reply_error(c, b"ERR Out of range database")
        return
    memset(&text, 0, sizeof(text))
    describe_table(&c.store.dbs[n].keys, b"[Dictionary HT]\n", &text)
    reply_verbatim(c, &text)


cdef void debug_htstats_key(call *c) noexcept nogil:
    cdef entry *e = value_at(c, 2)
    cdef table *t
    cdef buf text
    if e == NULL:
        return
    t = value_table(e)
    if t == NULL:
        reply_error(c, b"ERR The value stored at the specified key is not represented using an hash table")
        return
    memset(&text, 0, sizeof(text))
    describe_table(t, b"", &text)
    reply_verbatim(c, &text)


cdef table *value_table(entry *e) noexcept nogil:
    """Of a value that is one; or NULL."""
    if type_of(e) == HASH and encoding_of(e) in (HASH_TABLE, HASH_TIMED):
        return &hash_table_of(e).fields
    return set_table_of(e) if e.kind == kind_of(SET, SET_TABLE) else NULL


# ---- switches ----------------------------------------------------------------------------------------

cdef void switch(call *c, uint32_t bit, bint on) noexcept nogil:
    if on:
        c.store.debug |= bit
    else:
        c.store.debug &= ~bit
    reply_ok(c)


cdef bint is_set(call *c) noexcept nogil:
    """Argument 2 as Redis reads it: 0, and what is no number, is off."""
    cdef int64_t n
    return parse_int(c.argv[2], &n) and n != 0


cdef void replan(call *c) noexcept nogil:
    """After background work has been allowed again: much may be due."""
    if c.store.on_deadline != NULL:
        c.store.on_deadline(c.store, c.store.now)


cdef void debug_active_expire(call *c) noexcept nogil:
    c.store.expiring = is_set(c)
    replan(c)
    reply_ok(c)


cdef void debug_pause_cron(call *c) noexcept nogil:
    switch(c, DEBUG_CRON_PAUSED, is_set(c))
    replan(c)


cdef void debug_deny_scripts(call *c) noexcept nogil:
    switch(c, DEBUG_NOSCRIPT_ALLOWED, is_set(c))


cdef void debug_skip_checksums(call *c) noexcept nogil:
    switch(c, DEBUG_CHECKSUMS_SKIPPED, is_set(c))


cdef void debug_packed_threshold(call *c) noexcept nogil:
    cdef int64_t bytes
    if parse_memory(c.argv[2], &bytes) and 0 <= bytes <= <int64_t>4 << 30:
        reply_ok(c)
    else:
        reply_error(c, b"ERR argument must be a memory value bigger than 1 and smaller than 4gb")


cdef void debug_replybuffer(call *c) noexcept nogil:
    cdef int64_t n
    if view_is(c.argv[2], b"peak-reset-time"):
        if view_is(c.argv[3], b"never") or view_is(c.argv[3], b"reset") or arg_int(c, 3, &n):
            reply_ok(c)
    elif view_is(c.argv[2], b"resizing"):
        reply_ok(c)
    else:
        reply_error_about(c, UNKNOWN, c.argv[1])


# ---- packed values ------------------------------------------------------------------------------------

cdef void debug_listpack(call *c) noexcept nogil:
    """Redis prints its listpacks on standard output, which a library has no right to: the commands that rebuild the value are
    DEBUG REWRITE's."""
    cdef entry *e = value_at(c, 2)
    if e == NULL:
        return
    if strcmp(encoding_name(e), b"listpack") == 0:
        write_status(c.out, b"Listpack structure printed on stdout")
    else:
        reply_error(c, b"ERR Not a listpack encoded object.")


# ---- patterns -----------------------------------------------------------------------------------------

cdef enum:
    RANDOM_PATTERNS = 100000
    SHORT = 16                 # bytes of them
    LONG = 4096

cdef const char *LETTERS = b"aab**??[]^-\\"
cdef size_t LETTER_COUNT = strlen(LETTERS)


cdef view random_word(rng *r, char *room) noexcept nogil:
    cdef size_t n = rng_below(r, SHORT + 1)
    cdef size_t i
    for i in range(n):
        room[i] = LETTERS[rng_below(r, LETTER_COUNT)]
    return view_of(room, n)


cdef void debug_stringmatch(call *c) noexcept nogil:
    """Patterns and texts by chance, then a*a*a*...b, which takes a matcher that tries all ways through the text for ever."""
    cdef char pattern[LONG]
    cdef char text[LONG]
    cdef rng r = c.store.random
    cdef int i
    for i in range(RANDOM_PATTERNS):
        glob_match(random_word(&r, pattern), random_word(&r, text), i & 1)
    for i in range(LONG):
        pattern[i] = c'*' if i & 1 else c'a'
        text[i] = c'a'
    pattern[LONG - 1] = c'b'
    glob_match(view_of(pattern, LONG), view_of(text, LONG), False)
    write_status(c.out, b"Apparently Redis did not crash: test passed")


# ---- DEBUG itself ------------------------------------------------------------------------------------

cdef void debug_subcommand(const char *name, const char *usage, const char *what, int least, int most, handler run) except *:
    global ROW_COUNT
    assert ROW_COUNT < MOST_ROWS
    ROWS[ROW_COUNT] = row(name, usage, what, least, most, run)
    ROW_COUNT += 1


debug_subcommand(b"check", b"CHECK", b"Assert the invariants of every structure.", 2, 2, debug_check)
debug_subcommand(b"dict-resizing", b"DICT-RESIZING <0|1>", b"Accepted without effect: tables grow one bucket at a time.", 3, 3, reply_ok)
debug_subcommand(b"digest", b"DIGEST", b"Return a digest of all keys and values.", 2, 2, debug_digest)
debug_subcommand(b"digest-value", b"DIGEST-VALUE <key> [<key> ...]", b"Return a digest of each value.", 2, INT_MAX, debug_digest_value)
debug_subcommand(b"error", b"ERROR <text>", b"Return an error.", 3, 3, debug_error)
debug_subcommand(b"htstats", b"HTSTATS <db> [full]", b"Return statistics of a database's hash table.", 3, 4, debug_htstats)
debug_subcommand(b"htstats-key", b"HTSTATS-KEY <key> [full]", b"Return statistics of the hash table of a value.", 3, 4, debug_htstats_key)
debug_subcommand(b"listpack", b"LISTPACK <key>", b"Succeed if the value is a listpack.", 3, 3, debug_listpack)
debug_subcommand(b"log", b"LOG <text>", b"Write to the log.", 3, 3, debug_log)
debug_subcommand(b"object", b"OBJECT <key> [fast]", b"Return internals of a value.", 3, 4, debug_object)
debug_subcommand(b"pause-cron", b"PAUSE-CRON <0|1>", b"Stop expiry and eviction in the background, or continue.", 3, 3, debug_pause_cron)
debug_subcommand(b"populate", b"POPULATE <count> [<prefix>] [<size>]", b"Create missing keys.", 3, 5, debug_populate)
debug_subcommand(b"protocol", b"PROTOCOL <type>", b"Return a test value of that type.", 3, 3, debug_protocol)
debug_subcommand(b"quicklist-packed-threshold", b"QUICKLIST-PACKED-THRESHOLD <size>",
                 b"Accepted without effect: large elements have nodes of their own.", 3, 3, debug_packed_threshold)
debug_subcommand(b"replybuffer", b"REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|ms> | RESIZING <0|1>",
                 b"Accepted without effect: clients have no reply buffer of a fixed size.", 4, 4, debug_replybuffer)
debug_subcommand(b"rewrite", b"REWRITE <key>", b"Return the commands that rebuild a value.", 3, 3, debug_rewrite)
debug_subcommand(b"set-active-expire", b"SET-ACTIVE-EXPIRE <0|1>", b"Disable or enable active expiry.", 3, 3, debug_active_expire)
debug_subcommand(b"set-disable-deny-scripts", b"SET-DISABLE-DENY-SCRIPTS <0|1>", b"Allow scripts all commands, or those that are meant for them.", 3, 3, debug_deny_scripts)
debug_subcommand(b"set-skip-checksum-validation", b"SET-SKIP-CHECKSUM-VALIDATION <0|1>", b"Accept payloads of RESTORE and files with wrong checksums.", 3, 3, debug_skip_checksums)
debug_subcommand(b"sleep", b"SLEEP <seconds>", b"Block the store for that time.", 3, 3, debug_sleep)
debug_subcommand(b"stringmatch-test", b"STRINGMATCH-TEST", b"Match random patterns, and one that is made to take long.", 2, 2, debug_stringmatch)


define(debug_command, """
    DEBUG subcommand [arg [arg ...]]
    admin noscript loading stale | server | 1.0.0 | Depends on subcommand.
    Functions for test suites, allowed by enable-debug-command.
""")
cdef void debug_command(call *c) noexcept nogil:
    cdef int i
    if not c.session.in_process and not option_allows(c, OPT_ENABLE_DEBUG_COMMAND, b"DEBUG", b"enable-debug-command"):
        return
    if view_is(c.argv[1], b"help") and c.argc == 2:
        debug_help(c)
        return
    for i in range(ROW_COUNT):
        if view_is(c.argv[1], ROWS[i].name) and ROWS[i].least <= c.argc <= ROWS[i].most:
            ROWS[i].run(c)
            return
    reply_error_about(c, UNKNOWN, c.argv[1])


cdef void debug_help(call *c) noexcept nogil:
    cdef int i
    reply_array(c, 1 + 2 * ROW_COUNT)
    write_status(c.out, b"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
    for i in range(ROW_COUNT):
        write_status(c.out, ROWS[i].usage)
        buf_printf(c.out, b"+    %s\r\n", ROWS[i].what)
