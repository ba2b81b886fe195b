"""Commands about the process: TIME, LOLWUT, SHUTDOWN, MODULE, of which there are none, and DEBUG for test suites."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from kvd.commands.connection cimport REDIS_VERSION
from kvd.core.buf cimport buf, buf_add, buf_printf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.entry cimport entry, entry_deadline, entry_key
from kvd.core.sha1 cimport SHA1_TEXT
from kvd.core.table cimport table_bytes, table_cursor, table_find, table_hash, table_next
from kvd.core.text cimport parse_double
from kvd.core.view cimport view, view_is, view_of, view_str
from kvd.resp.writer cimport (
    write_bool, write_command, write_double, write_set, write_status, write_text, write_verbatim,
)
from kvd.run.args cimport (
    arg_int, changed, reply_array, reply_bulk, reply_error, reply_error_about, reply_errorf, reply_int, reply_map,
    reply_null, reply_ok,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_KEY, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.access cimport access_idle_ms, access_init
from kvd.store.check cimport store_check
from kvd.store.clock cimport store_time, store_wall_us
from kvd.store.config cimport EVENT_STRING, OPT_DATABASES, OPT_ENABLE_DEBUG_COMMAND, cfg, option_find
from kvd.store.keyspace cimport keyspace_find, keyspace_insert
from kvd.types.digest cimport digest, digest_mix, digest_mix_number, digest_text, digest_view, digest_xor
from kvd.types.hash cimport hash_live
from kvd.types.kind cimport HASH, type_of
from kvd.types.rewrite cimport command_sink
from kvd.types.string cimport string_new
from kvd.types.value cimport encoding_name, value_bytes, value_digest, value_rewrite

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned int us)


define(time_command, """
    TIME
    loading stale fast | server | 2.6.0 | O(1)
    Return the time: seconds since 1970 and microseconds.
    tips: nondeterministic_output
""")
cdef void time_command(call *c) noexcept nogil:
    """A script is told the same time however often it asks."""
    cdef int64_t us = c.session.script_us if c.from_script and c.session.script_us else store_wall_us(c.store)
    cdef char text[32]
    if c.from_script:
        c.session.script_us = us
    reply_array(c, 2)
    reply_bulk(c, view_of(text, snprintf(text, sizeof(text), b"%lld", <long long>(us // 1000000))))
    reply_bulk(c, view_of(text, snprintf(text, sizeof(text), b"%lld", <long long>(us % 1000000))))


define(lolwut_command, """
    LOLWUT [VERSION version]
    readonly fast | server | 5.0.0 | O(1)
    Return ASCII art and the version.
""")
cdef void lolwut_command(call *c) noexcept nogil:
    cdef buf text
    cdef int64_t version
    cdef int row
    if c.argc > 2 and view_is(c.argv[1], b"version") and not arg_int(c, 2, &version):
        return
    memset(&text, 0, sizeof(text))
    for row in range(1, 6):
        buf_printf(&text, b"%*s%.*s\n", 6 - row, <const char *>b"", 2 * row, <const char *>b"/\\/\\/\\/\\/\\")
    buf_printf(&text, b"Redis ver. %s\n", REDIS_VERSION)
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


# ---- DEBUG ------------------------------------------------------------------------------------------

cdef struct extra:
    const char *name
    handler run

cdef extra EXTRAS[8]           # of layers above
cdef int EXTRA_COUNT = 0


cdef void debug_subcommand(const char *name, handler run) noexcept:
    global EXTRA_COUNT
    EXTRAS[EXTRA_COUNT] = extra(name, run)
    EXTRA_COUNT += 1


cdef bint debug_extra(call *c) noexcept nogil:
    cdef int i
    for i in range(EXTRA_COUNT):
        if view_is(c.argv[1], EXTRAS[i].name):
            EXTRAS[i].run(c)
            return True
    return False


cdef bint allowed(call *c, int option, const char *command, const char *name) noexcept nogil:
    """Does the option allow the command to this client? False: the error is replied."""
    cdef int64_t mode = cfg(&c.store.config, option)
    if mode == 1 or (mode == 2 and c.session.local):
        return True
    reply_errorf(c, b"ERR %s command not allowed. If the %s option is set to \"local\", you can run it "
                    b"from a local connection, otherwise you need to set this option in the configuration file, and then "
                    b"restart the server.", command, name)
    return False


cdef void debug_sleep(call *c) noexcept nogil:
    cdef double seconds
    cdef int64_t until
    if not parse_double(c.argv[2], &seconds):
        reply_error(c, b"ERR value is not a valid float")
        return
    until = mono_us() + <int64_t>(seconds * 1e6)
    while mono_us() < until:
        usleep(<unsigned int>min(until - mono_us(), <int64_t>500000) if until > mono_us() else 0)
    store_time(c.store)
    reply_ok(c)


cdef void debug_object(call *c) noexcept nogil:
    cdef entry *e = table_find(&c.db.keys, c.argv[2], table_hash(c.argv[2]))
    cdef char text[256]
    if e == NULL:
        reply_error(c, NO_KEY)
        return
    snprintf(text, sizeof(text), b"Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld",
             e, encoding_name(e), value_bytes(e, 0), e.access, <long long>(access_idle_ms(c.store, e) // 1000))
    write_status(c.out, text)


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
    else:
        reply_error(c, b"ERR Wrong protocol type name. Please use one of the following: "
                       b"string|integer|double|null|array|set|map|verbatim|true|false|bignum")


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


define(debug_command, """
    DEBUG subcommand [arg [arg ...]]
    admin noscript loading stale | server | 1.0.0 | Depends on subcommand.
    Functions for test suites, allowed by enable-debug-command.
""")
cdef void debug_command(call *c) noexcept nogil:
    cdef view sub = c.argv[1]
    cdef int64_t n
    if not c.session.in_process and not allowed(c, OPT_ENABLE_DEBUG_COMMAND, b"DEBUG", b"enable-debug-command"):
        return
    if view_is(sub, b"sleep") and c.argc == 3:
        debug_sleep(c)
    elif view_is(sub, b"object") and c.argc >= 3:
        debug_object(c)
    elif view_is(sub, b"set-active-expire") and c.argc == 3:
        if arg_int(c, 2, &n):
            c.store.expiring = n != 0
            reply_ok(c)
    elif view_is(sub, b"digest") and c.argc == 2:
        debug_digest(c)
    elif view_is(sub, b"digest-value") and c.argc >= 2:
        debug_digest_value(c)
    elif view_is(sub, b"rewrite") and c.argc == 3:
        debug_rewrite(c)
    elif view_is(sub, b"populate") and 3 <= c.argc <= 5:
        debug_populate(c)
    elif view_is(sub, b"protocol") and c.argc == 3:
        debug_protocol(c)
    elif view_is(sub, b"check") and c.argc == 2:
        debug_check(c)
    elif view_is(sub, b"error") and c.argc == 3:
        reply_error_about(c, b"%.*s", c.argv[2])
    elif view_is(sub, b"log") and c.argc == 3:
        log_text(c)
    elif view_is(sub, b"htstats") and c.argc == 3:
        debug_htstats(c)
    elif view_is(sub, b"help") and c.argc == 2:
        debug_help(c)
    elif not debug_extra(c):
        reply_error_about(c, b"ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.", sub)


cdef void log_text(call *c) noexcept nogil:
    cdef char text[256]
    cdef size_t n = min(c.argv[2].len, <size_t>255)
    memcpy(text, c.argv[2].ptr, n)
    text[n] = 0
    if c.store.on_log != NULL:
        c.store.on_log(c.store, 3, text)
    reply_ok(c)


cdef void debug_htstats(call *c) noexcept nogil:
    cdef int64_t n
    cdef char text[256]
    if not arg_int(c, 2, &n):
        return
    if n < 0 or n >= cfg(&c.store.config, OPT_DATABASES):
        reply_error(c, b"ERR Out of range database")
        return
    snprintf(text, sizeof(text), b"[Dictionary HT]\nbuckets: %zu\nchildren: %zu\nentries: %zu\nlongest chain: %zu\nbytes: %zu\n",
             c.store.dbs[n].keys.buckets, c.store.dbs[n].keys.children, c.store.dbs[n].keys.items,
             c.store.dbs[n].keys.longest, table_bytes(&c.store.dbs[n].keys))
    write_verbatim(c.out, view_str(text), b"txt", c.proto)


cdef const char *HELP[30]
HELP[:] = [
    b"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    b"CHECK", b"    Assert the invariants of every structure.",
    b"DIGEST", b"    Return a digest of all keys and values.",
    b"DIGEST-VALUE <key> [<key> ...]", b"    Return a digest of each value.",
    b"ERROR <text>", b"    Return an error.",
    b"HTSTATS <db>", b"    Return statistics of a database's hash table.",
    b"LOADAOF", b"    Load the append-only log, as a start would.",
    b"OBJECT <key>", b"    Return internals of a value.",
    b"POPULATE <count> [<prefix>] [<size>]", b"    Create missing keys.",
    b"PROTOCOL <type>", b"    Return a test value of that type.",
    b"RELOAD [option ...]", b"    Save the snapshot file and load it. MERGE: replace keys that exist. NOFLUSH: keep those that are not in it. NOSAVE: only load.",
    b"REWRITE <key>", b"    Return the commands that rebuild a value.",
    b"SET-ACTIVE-EXPIRE <0|1>", b"    Disable or enable active expiry.",
    b"SLEEP <seconds>", b"    Block the store for that time.",
    b"LOG <text>", b"    Write to the log.", NULL,
]


cdef void debug_help(call *c) noexcept nogil:
    cdef int i
    cdef int n = 0
    while HELP[n] != NULL:
        n += 1
    reply_array(c, n)
    for i in range(n):
        write_status(c.out, HELP[i])


# ---- MODULE ------------------------------------------------------------------------------------------

define(module_list, """
    MODULE|LIST
    admin noscript | server | 4.0.0 | O(1)
    Return the loaded modules: kvd has none.
    tips: nondeterministic_output_order
""")
cdef void module_list(call *c) noexcept nogil:
    reply_array(c, 0)


cdef void refuse_module(call *c, const char *why) noexcept nogil:
    if allowed(c, option_find(view_str(b"enable-module-command")), b"MODULE", b"enable-module-command"):
        reply_error(c, why)


define(module_load, """
    MODULE|LOAD path [arg [arg ...]]
    admin noscript no_async_loading | server | 4.0.0 | O(1)
    Refused: kvd loads no modules.
""")
cdef void module_load(call *c) noexcept nogil:
    refuse_module(c, b"ERR Error loading the extension. Please check the server logs.")


define(module_loadex, """
    MODULE|LOADEX path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]
    admin noscript no_async_loading | server | 7.0.0 | O(1)
    Refused: kvd loads no modules.
""")
cdef void module_loadex(call *c) noexcept nogil:
    refuse_module(c, b"ERR Error loading the extension. Please check the server logs.")


define(module_unload, """
    MODULE|UNLOAD name
    admin noscript no_async_loading | server | 4.0.0 | O(1)
    Refused: kvd has no modules.
""")
cdef void module_unload(call *c) noexcept nogil:
    refuse_module(c, b"ERR Error unloading module: no such module with that name")
