"""EVAL and its kin, SCRIPT, and the cache of scripts.

A script is known by the SHA-1 of its text. Those that SCRIPT LOAD brought stay until SCRIPT FLUSH; of those that only
EVAL has brought the MOST_EVALS used last stay, so that programs which build a new text for each call do not fill
the memory. The first line may say `#!lua flags=...`; without it a script may do everything, with it what its
flags say.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.entry cimport entry_payload
from kvd.core.pointers cimport pointer_find, pointer_put, pointer_take
from kvd.core.sha1 cimport SHA1_TEXT, sha1_hex
from kvd.core.table cimport table_cursor, table_next
from kvd.core.text cimport parse_int
from kvd.core.view cimport lower, view, view_is, view_of
from kvd.resp.writer cimport write_set, write_status
from kvd.run.args cimport reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_ok
from kvd.run.call cimport call
from kvd.run.errors cimport NOT_INT, NO_MEMORY, OOM
from kvd.run.figures cimport figures_of
from kvd.run.registry cimport define
from kvd.script.runtime cimport (
    ALLOW_OOM, COMPAT, NO_WRITES, compile, forget, kill, run_function, running, runtime, runtime_find, runtime_open,
)
from kvd.store.evict cimport over_limit

cdef enum:
    MOST_EVALS = 500

cdef const char *NOSCRIPT = b"NOSCRIPT No matching script. Please use EVAL."

cdef struct script:
    char sha[SHA1_TEXT]
    view code                  # own copy, behind this struct
    int index                  # in Lua's registry
    int flags
    bint lasting               # by SCRIPT LOAD
    script *older
    script *newer

cdef const char **FLAG_NAMES = [b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys", NULL]


cdef bint flag_named(view word, int *flags) noexcept nogil:
    cdef int i = 0
    while FLAG_NAMES[i] != NULL:
        if view_is(word, FLAG_NAMES[i]):
            flags[0] |= 1 << i
            return True
        i += 1
    return False


cdef void write_flags(call *c, int flags) noexcept nogil:
    cdef int i = 0
    cdef int n = 0
    while FLAG_NAMES[i] != NULL:
        n += flags >> i & 1
        i += 1
    write_set(c.out, n, c.proto)
    for i in range(5):
        if flags >> i & 1:
            write_status(c.out, FLAG_NAMES[i])


# ---- the cache -----------------------------------------------------------------------------------------

cdef void unlink(runtime *r, script *one) noexcept nogil:
    """Out of the order of use."""
    if one.older != NULL:
        one.older.newer = one.newer
    else:
        r.oldest = one.newer
    if one.newer != NULL:
        one.newer.older = one.older
    else:
        r.newest = one.older
    one.older = one.newer = NULL
    r.evals -= 1


cdef void used_now(runtime *r, script *one) noexcept nogil:
    one.older = <script *>r.newest
    one.newer = NULL
    if one.older != NULL:
        one.older.newer = one
    else:
        r.oldest = one
    r.newest = one
    r.evals += 1


cdef void account(runtime *r) noexcept nogil:
    figures_of(r.store).scripts.scripts = r.scripts.items
    figures_of(r.store).scripts.script_bytes = r.scripts_bytes


cdef void drop(runtime *r, script *one) noexcept nogil:
    if not one.lasting:
        unlink(r, one)
    r.scripts_bytes -= sizeof(script) + one.code.len
    forget(r, one.index)
    free(one)


cdef void scripts_flush(runtime *r) noexcept nogil:
    cdef table_cursor at
    cdef script *one
    while r.scripts.items:
        memset(&at, 0, sizeof(at))
        one = <script *>entry_payload(table_next(&r.scripts, &at))[0]
        pointer_take(&r.scripts, view_of(one.sha, SHA1_TEXT))
        drop(r, one)
    account(r)


cdef bint read_flags(call *c, view words, int *flags) noexcept nogil:
    """`a,b`; False: the error is replied."""
    cdef size_t i
    cdef size_t begin = 0
    if words.len == 0:
        return True
    for i in range(words.len + 1):
        if i == words.len or words.ptr[i] == c',':
            if not flag_named(view_of(words.ptr + begin, i - begin), flags):
                reply_error_about(c, b"ERR Unexpected flag in script shebang: %.*s", view_of(words.ptr + begin, i - begin))
                return False
            begin = i + 1
    return True


cdef bint read_shebang(call *c, view code, int *flags, view *body) noexcept nogil:
    """The flags of a script and the code to compile; False: the error is replied."""
    cdef size_t i, end
    cdef size_t begin = 0
    cdef view word
    cdef bint first = True
    flags[0] = COMPAT
    body[0] = code
    if code.len < 2 or code.ptr[0] != c'#' or code.ptr[1] != c'!':
        return True
    flags[0] = 0
    end = 0
    while end < code.len and code.ptr[end] != c'\n':
        end += 1
    if end == code.len:
        reply_error(c, b"ERR Invalid script shebang")
        return False
    body[0] = view_of(code.ptr + end, code.len - end)      # with the line break: lines keep their numbers
    for i in range(end + 1):
        if i < end and code.ptr[i] != c' ' and code.ptr[i] != c'\r':
            continue
        word = view_of(code.ptr + begin, i - begin)
        begin = i + 1
        if word.len == 0 and not first:
            continue
        if first and not view_is(word, b"#!lua"):
            reply_error_about(c, b"ERR Unexpected engine in script shebang: %.*s", word)
            return False
        if not first:
            if word.len < 6 or not view_is(view_of(word.ptr, 6), b"flags="):
                reply_error_about(c, b"ERR Unknown lua shebang option: %.*s", word)
                return False
            if not read_flags(c, view_of(word.ptr + 6, word.len - 6), flags):
                return False
        first = False
    return True


cdef script *add(call *c, runtime *r, const char *sha, view code, bint lasting) noexcept nogil:
    """Compiles; NULL: the error is replied."""
    cdef script *one
    cdef script *oldest
    cdef view body
    cdef int flags, index
    cdef buf why
    if not read_shebang(c, code, &flags, &body):
        return NULL
    memset(&why, 0, sizeof(why))
    index = compile(r, body, b"@user_script", &why)
    if index < 0:
        reply_error_about(c, b"ERR Error compiling script (new function): %.*s", view_of(why.ptr, why.len))
        buf_release(&why)
        return NULL
    one = <script *>malloc(sizeof(script) + code.len)
    if one == NULL or not pointer_put(&r.scripts, view_of(sha, SHA1_TEXT), one):
        forget(r, index)
        free(one)
        reply_error(c, NO_MEMORY)
        return NULL
    memcpy(one.sha, sha, SHA1_TEXT)
    one.code = view_of(<char *>one + sizeof(script), code.len)
    memcpy(<char *>one.code.ptr, code.ptr, code.len)
    one.index = index
    one.flags = flags
    one.lasting = lasting
    r.scripts_bytes += sizeof(script) + code.len
    if not lasting:
        used_now(r, one)
        if r.evals > MOST_EVALS:
            oldest = <script *>r.oldest
            pointer_take(&r.scripts, view_of(oldest.sha, SHA1_TEXT))
            drop(r, oldest)
            figures_of(r.store).scripts.evicted += 1
    account(r)
    return one


cdef script *find(runtime *r, view name) noexcept nogil:
    """By SHA-1, in any case; NULL: it is not cached."""
    cdef char sha[SHA1_TEXT]
    cdef script *one
    cdef int i
    if r == NULL or name.len != SHA1_TEXT:
        return NULL
    for i in range(SHA1_TEXT):
        sha[i] = lower(name.ptr[i])
    one = <script *>pointer_find(&r.scripts, view_of(sha, SHA1_TEXT))
    if one != NULL and not one.lasting and r.newest != one:
        unlink(r, one)
        used_now(r, one)
    return one


# ---- running -------------------------------------------------------------------------------------------

cdef bint read_keys(call *c, running *run, const char *not_a_number) noexcept nogil:
    cdef int64_t n
    if not parse_int(c.argv[2], &n):
        reply_error(c, not_a_number)
        return False
    if n > c.argc - 3:
        reply_error(c, b"ERR Number of keys can't be greater than number of args")
        return False
    if n < 0:
        reply_error(c, b"ERR Number of keys can't be negative")
        return False
    run.keys = c.argv + 3
    run.key_count = <int>n
    run.arg_count = c.argc - 3 - <int>n
    return True


cdef bint admit(call *c, running *run, bint read_only) noexcept nogil:
    run.c = c
    run.readonly = read_only or run.flags & NO_WRITES
    if run.flags & COMPAT:
        return True
    if read_only and not run.flags & NO_WRITES:
        reply_error(c, b"ERR Can not execute a script with write flag using *_ro command.")
        return False
    if not run.flags & (NO_WRITES | ALLOW_OOM) and over_limit(c.store):
        reply_error(c, OOM)
        return False
    return True


cdef void run_script(call *c, runtime *r, script *one, bint read_only, running *run) noexcept nogil:
    run.flags = one.flags
    run.name = view_of(one.sha, SHA1_TEXT)
    run.is_function = run.as_arguments = False
    run.function = one.index
    if admit(c, run, read_only):
        run_function(r, run)


cdef void eval_text(call *c, bint read_only) noexcept nogil:
    cdef char sha[SHA1_TEXT]
    cdef runtime *r
    cdef running run
    cdef script *one
    if not read_keys(c, &run, NOT_INT):
        return
    r = runtime_open(c)
    if r == NULL:
        return
    sha1_hex(c.argv[1], sha)
    one = find(r, view_of(sha, SHA1_TEXT))
    if one == NULL:
        one = add(c, r, sha, c.argv[1], False)
    if one != NULL:
        run_script(c, r, one, read_only, &run)


cdef void eval_known(call *c, bint read_only) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef running run
    cdef script *one
    if not read_keys(c, &run, NOT_INT):
        return
    one = find(r, c.argv[1])
    if one == NULL:
        reply_error(c, NOSCRIPT)
    else:
        run_script(c, r, one, read_only, &run)


define(eval_command, """
    EVAL script numkeys [key [key ...]] [arg [arg ...]]
    noscript stale skip_monitor no_mandatory_keys nests shown_first may_replicate | scripting | 2.6.0 | Depends on the script that is executed.
    Run a Lua script.
    keys: RW access update
""")
cdef void eval_command(call *c) noexcept nogil:
    eval_text(c, False)


define(eval_ro, """
    EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]
    readonly noscript stale skip_monitor no_mandatory_keys nests shown_first | scripting | 7.0.0 | Depends on the script that is executed.
    Run a Lua script that only reads.
    keys: RO access
""")
cdef void eval_ro(call *c) noexcept nogil:
    eval_text(c, True)


define(evalsha_command, """
    EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]
    noscript stale skip_monitor no_mandatory_keys nests shown_first may_replicate | scripting | 2.6.0 | Depends on the script that is executed.
    Run a cached Lua script by its SHA-1.
    keys: RW access update
""")
cdef void evalsha_command(call *c) noexcept nogil:
    eval_known(c, False)


define(evalsha_ro, """
    EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]
    readonly noscript stale skip_monitor no_mandatory_keys nests shown_first | scripting | 7.0.0 | Depends on the script that is executed.
    Run a cached Lua script that only reads, by its SHA-1.
    keys: RO access
""")
cdef void evalsha_ro(call *c) noexcept nogil:
    eval_known(c, True)


# ---- SCRIPT ----------------------------------------------------------------------------------------------

define(script_load, """
    SCRIPT|LOAD script
    noscript stale may_replicate | scripting | 2.6.0 | O(N) where N is the length of the script
    Cache a script until SCRIPT FLUSH; return its SHA-1.
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void script_load(call *c) noexcept nogil:
    cdef char sha[SHA1_TEXT]
    cdef runtime *r
    cdef script *one
    r = runtime_open(c)
    if r == NULL:
        return
    sha1_hex(c.argv[2], sha)
    one = find(r, view_of(sha, SHA1_TEXT))
    if one == NULL:
        one = add(c, r, sha, c.argv[2], True)
    elif not one.lasting:
        unlink(r, one)
        one.lasting = True
    if one != NULL:
        reply_bulk(c, view_of(one.sha, SHA1_TEXT))


define(script_exists, """
    SCRIPT|EXISTS sha1 [sha1 ...]
    noscript | scripting | 2.6.0 | O(N) where N is the number of scripts
    Tell which scripts are cached.
    tips: request_policy:all_shards response_policy:agg_logical_and
""")
cdef void script_exists(call *c) noexcept nogil:
    cdef int i
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        reply_int(c, find(runtime_find(c.store), c.argv[i]) != NULL)


define(script_show, """
    SCRIPT|SHOW sha1
    noscript | scripting | 8.0.0 | O(1)
    Return the text of a cached script.
""")
cdef void script_show(call *c) noexcept nogil:
    cdef script *one = find(runtime_find(c.store), c.argv[2])
    if one == NULL:
        reply_error(c, NOSCRIPT)
    else:
        reply_bulk(c, one.code)


define(script_flush, """
    SCRIPT|FLUSH [ASYNC | SYNC]
    noscript | scripting | 2.6.0 | O(N) where N is the number of scripts
    Forget all cached scripts.
    tips: request_policy:all_nodes response_policy:all_succeeded
    arity: -2
""")
cdef void script_flush(call *c) noexcept nogil:
    if c.argc > 3 or (c.argc == 3 and not view_is(c.argv[2], b"sync") and not view_is(c.argv[2], b"async")):
        reply_error(c, b"ERR SCRIPT FLUSH only support SYNC|ASYNC option")
        return
    if runtime_find(c.store) != NULL:
        scripts_flush(runtime_find(c.store))
    reply_ok(c)


define(script_kill, """
    SCRIPT|KILL
    noscript allow_busy | scripting | 2.6.0 | O(1)
    Stop the script that runs, if it has not written yet.
    tips: request_policy:all_shards response_policy:one_succeeded
""")
cdef void script_kill(call *c) noexcept nogil:
    kill_running(c, False)


cdef void kill_running(call *c, bint is_function) noexcept nogil:
    cdef const char *why = kill(c.store, is_function)
    if why != NULL:
        reply_error(c, why)
    else:
        reply_ok(c)


define(script_debug, """
    SCRIPT|DEBUG <YES | SYNC | NO>
    noscript | scripting | 3.2.0 | O(1)
    There is no debugger; only NO is accepted.
""")
cdef void script_debug(call *c) noexcept nogil:
    if view_is(c.argv[2], b"no"):
        reply_ok(c)
    elif view_is(c.argv[2], b"yes") or view_is(c.argv[2], b"sync"):
        reply_error(c, b"ERR SCRIPT DEBUG is not supported: kvd has no Lua debugger")
    else:
        reply_error(c, b"ERR Use SCRIPT DEBUG YES/SYNC/NO")
