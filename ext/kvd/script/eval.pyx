"""EVAL, EVALSHA and SCRIPT."""

from libc.stdint cimport uint32_t

from kvd.core.sha1 cimport SHA1_TEXT, sha1_hex
from kvd.core.view cimport view, view_is, view_of
from kvd.run.args cimport reply_arity, reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_ok
from kvd.run.call cimport call
from kvd.run.emulation cimport NEVER, replies_since
from kvd.run.errors cimport NO_MEMORY, NOT_INT
from kvd.run.registry cimport define, define_narrowing
from kvd.run.run cimport show
from kvd.script.cache cimport read_shebang, script, script_add, script_find, script_keep, scripts_flush
from kvd.script.debugger cimport debugger_end, debugger_new, debugging, is_debugged
from kvd.script.execution cimport admit, kill, read_keys, run_function
from kvd.script.flags cimport COMPAT, call_flags
from kvd.script.interpreter cimport runtime_open
from kvd.script.runtime cimport running, runtime, runtime_collect, runtime_find
from kvd.session.session cimport DEBUG_APART, DEBUG_HERE, DEBUG_NONE
from kvd.store.store cimport SPECIAL_RESTRICTED

cdef const char *NOSCRIPT = b"NOSCRIPT No matching script. Please use EVAL."


cdef void run_script(call *c, runtime *r, script *one, bint read_only, running *run) noexcept nogil:
    run.flags = one.flags
    run.name = view_of(one.sha, SHA1_TEXT)
    run.is_function = run.as_arguments = False
    run.function = one.index
    if admit(c, run, read_only):
        run_function(r, run)


cdef uint32_t flags_of_text(call *c) noexcept nogil:
    cdef char sha[SHA1_TEXT]
    cdef script *one
    cdef view body
    cdef int flags
    sha1_hex(c.argv[1], sha)
    one = script_find(runtime_find(c.store), view_of(sha, SHA1_TEXT))
    c.target = one
    if one != NULL:
        flags = one.flags
    elif not read_shebang(NULL, c.argv[1], &flags, &body):
        return c.command.flags
    return call_flags(c.command.flags, flags)


cdef uint32_t flags_of_known(call *c) noexcept nogil:
    cdef script *one = script_find(runtime_find(c.store), c.argv[1])
    c.target = one
    return call_flags(c.command.flags, one.flags if one != NULL else <int>COMPAT)


cdef script *script_of_text(call *c, runtime *r) noexcept nogil:
    """NULL: the error is replied."""
    cdef char sha[SHA1_TEXT]
    cdef script *one
    sha1_hex(c.argv[1], sha)
    one = script_find(r, view_of(sha, SHA1_TEXT))
    return one if one != NULL else script_add(c, r, sha, c.argv[1], False)


cdef bint can_leave(call *c) noexcept nogil:
    """The copy knows no users. False: the error is replied."""
    if c.session.leave == NULL or c.session.line == NULL or c.session.line.by.greets:
        reply_error(c, b"ERR SCRIPT DEBUG YES needs a connection to a server, without TLS: use SCRIPT DEBUG SYNC")
    elif c.session.special & SPECIAL_RESTRICTED:
        reply_error(c, b"ERR SCRIPT DEBUG YES is for users that may do everything: use SCRIPT DEBUG SYNC")
    else:
        return True
    return False


cdef void leave(call *c) noexcept nogil:
    """A client that ignores an error of SCRIPT DEBUG gets another one here, instead of a script that changes the data."""
    if not can_leave(c):
        c.session.debugs = DEBUG_NONE
    elif not c.session.leave(c.session, c.argv, c.argc):
        reply_error(c, NO_MEMORY)


cdef void eval_text(call *c, bint read_only) noexcept nogil:
    cdef runtime *r
    cdef running run
    cdef debugging *debugged = NULL
    cdef script *one = <script *>c.target
    show(c)
    if not read_keys(c, &run, NOT_INT):
        return
    r = runtime_open(c)
    if r == NULL:
        return
    if is_debugged(c):
        if c.session.debugs == DEBUG_APART:
            leave(c)
            return
        debugged = debugger_new(c, c.argv[1])
        if debugged == NULL:
            return
    run.debugger = debugged
    if one == NULL:
        one = script_of_text(c, r)
    if one != NULL:
        run_script(c, r, one, read_only, &run)
    if debugged != NULL:
        debugger_end(debugged, c)


cdef void eval_known(call *c, bint read_only) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef running run
    cdef script *one = <script *>c.target
    show(c)
    if is_debugged(c):
        reply_error(c, b"ERR Please use EVAL instead of EVALSHA for debugging")
        return
    if not read_keys(c, &run, NOT_INT):
        return
    if one == NULL:
        one = script_find(r, c.argv[1])
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


define_narrowing("EVAL", flags_of_text)


define(eval_ro, """
    EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]
    readonly noscript stale skip_monitor no_mandatory_keys nests shown_first | scripting | 7.0.0 | Depends on the script that is executed.
    Run a Lua script that does not write.
    keys: RO access
""")
cdef void eval_ro(call *c) noexcept nogil:
    eval_text(c, True)


define_narrowing("EVAL_RO", flags_of_text)


define(evalsha_command, """
    EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]
    noscript stale skip_monitor no_mandatory_keys nests shown_first may_replicate | scripting | 2.6.0 | Depends on the script that is executed.
    Run a cached Lua script by its SHA-1.
    keys: RW access update
""")
cdef void evalsha_command(call *c) noexcept nogil:
    eval_known(c, False)


define_narrowing("EVALSHA", flags_of_known)


define(evalsha_ro, """
    EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]
    readonly noscript stale skip_monitor no_mandatory_keys nests shown_first | scripting | 7.0.0 | Depends on the script that is executed.
    Run a cached Lua script that does not write, by its SHA-1.
    keys: RO access
""")
cdef void evalsha_ro(call *c) noexcept nogil:
    eval_known(c, True)


define_narrowing("EVALSHA_RO", flags_of_known)


# ---- SCRIPT --------------------------------------------------------------------------------------

define(script_load, """
    SCRIPT|LOAD script
    noscript stale may_replicate | scripting | 2.6.0 | O(N) where N is the length of the script
    Add a script to the cache until SCRIPT FLUSH; return its SHA-1.
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
    one = script_find(r, view_of(sha, SHA1_TEXT))
    if one == NULL:
        one = script_add(c, r, sha, c.argv[2], True)
    else:
        script_keep(r, one)
    if one != NULL:
        reply_bulk(c, view_of(one.sha, SHA1_TEXT))


define(script_exists, """
    SCRIPT|EXISTS sha1 [sha1 ...]
    noscript | scripting | 2.6.0 | O(N) where N is the number of scripts
    Return which scripts are in the cache.
    tips: request_policy:all_shards response_policy:agg_logical_and
""")
cdef void script_exists(call *c) noexcept nogil:
    cdef int i
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        reply_int(c, script_find(runtime_find(c.store), c.argv[i]) != NULL)


define(script_show, """
    SCRIPT|SHOW sha1
    noscript | scripting | 8.0.0 | O(1)
    Return the text of a cached script.
    valkey: only
""")
cdef void script_show(call *c) noexcept nogil:
    cdef script *one = script_find(runtime_find(c.store), c.argv[2])
    if one == NULL:
        reply_error(c, NOSCRIPT)
    else:
        reply_bulk(c, one.code)


define(script_flush, """
    SCRIPT|FLUSH [ASYNC | SYNC]
    noscript | scripting | 2.6.0 | O(N) where N is the number of scripts
    Remove all scripts from the cache.
    tips: request_policy:all_nodes response_policy:all_succeeded
    arity: -2
""")
cdef void script_flush(call *c) noexcept nogil:
    if c.argc > 3 or (c.argc == 3 and not view_is(c.argv[2], b"sync") and not view_is(c.argv[2], b"async")):
        reply_error(c, b"ERR SCRIPT FLUSH only support SYNC|ASYNC option")
        return
    if runtime_find(c.store) != NULL:
        scripts_flush(runtime_find(c.store))
        runtime_collect(runtime_find(c.store))
    reply_ok(c)


define(script_kill, """
    SCRIPT|KILL
    noscript allow_busy | scripting | 2.6.0 | O(1)
    Stop the running script, if it has not written yet.
    tips: request_policy:all_shards response_policy:one_succeeded
""")
cdef void script_kill(call *c) noexcept nogil:
    kill(c, False)


define(script_debug, """
    SCRIPT|DEBUG <YES | SYNC | NO> [engine-name]
    noscript | scripting | 3.2.0 | O(1)
    Run the next EVAL of the connection in the debugger, or not: YES in a copy of the data set, which vanishes with its changes; SYNC in the data set itself, while other clients get BUSY errors.
""")
cdef void script_debug(call *c) noexcept nogil:
    """The engine is named since Valkey 9, and it is what valkey-cli sends."""
    if c.argc > 3 and not replies_since(c.store, NEVER, 90000):
        reply_arity(c)
    elif c.argc > 4:
        reply_error(c, b"ERR unknown subcommand or wrong number of arguments for 'DEBUG'. Try SCRIPT HELP.")
    elif c.argc == 4 and not view_is(c.argv[3], b"lua"):
        reply_error_about(c, b"ERR No scripting engine found with name '%.*s' to enable debug", c.argv[3])
    else:
        set_debugging(c)


cdef void set_debugging(call *c) noexcept nogil:
    if view_is(c.argv[2], b"no"):
        c.session.debugs = DEBUG_NONE
        reply_ok(c)
    elif not view_is(c.argv[2], b"yes") and not view_is(c.argv[2], b"sync"):
        reply_error(c, b"ERR Use SCRIPT DEBUG YES/SYNC/NO")
    elif c.session.converse == NULL:
        reply_error(c, b"ERR SCRIPT DEBUG needs a connection to a server")
    elif view_is(c.argv[2], b"sync"):
        c.session.debugs = DEBUG_HERE
        reply_ok(c)
    else:
        c.session.debugs = DEBUG_APART
        if can_leave(c):
            reply_ok(c)
