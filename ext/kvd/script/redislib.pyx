"""The table `redis` of scripts (also called `server`): call and pcall, replies, log, and the constants.

redis.call is the hot path of scripting: arguments are views into Lua's strings, the command runs in the
caller's session with its output put aside, and its reply becomes a Lua value.
Each call passes the gate and `run` like any other; `prepare` sets what this script may not do.
"""

from libc.math cimport isnan
from libc.stdint cimport int64_t
from libc.stdlib cimport realloc
from libc.string cimport memchr, memcpy

from kvd.core.buf cimport buf_add, buf_add_char, buf_release, buf_reserve
from kvd.core.sha1 cimport SHA1_TEXT, sha1_hex
from kvd.core.text cimport DOUBLE_TEXT, format_double, format_int
from kvd.core.view cimport view, view_of
from kvd.run.acl.enforce cimport is_denied
from kvd.run.call cimport F_DENYOOM, F_WRITE, call, call_init, command
from kvd.run.emulation cimport redis_version
from kvd.run.gate cimport PASSED, gate
from kvd.run.renames cimport called
from kvd.run.run cimport run
from kvd.script.convert cimport give_error, push_reply
from kvd.script.debugger cimport debugger_break, debugger_called, debugger_log, debugger_replied
from kvd.script.flags cimport ALLOW_OOM
from kvd.script.lua cimport T_NUMBER, T_STRING, lua
from kvd.script.protect cimport add_functions, named, protect, refuse_globals
from kvd.script.register cimport register_function
from kvd.script.runtime cimport running, runtime, runtime_of
from kvd.store.log cimport log_line
from kvd.store.store cimport SPECIAL_RESTRICTED

cdef enum:
    REPL_ALL = 3


# ---- call and pcall ------------------------------------------------------------------------------------

cdef int number_text(char *out, double d) noexcept nogil:
    if -4.611686018427388e18 <= d <= 4.611686018427388e18 and <double><int64_t>d == d:
        return format_int(out, <int64_t>d)
    if isnan(d):
        memcpy(out, b"-nan", 4)
        return 4
    return format_double(out, d)


cdef const char *gather(lua_State *L, runtime *r, int argc) noexcept nogil:
    """The arguments on the stack as views in r.argv; NULL, or the error text."""
    cdef int i, type
    cdef void *grown
    cdef char *at
    if argc == 0:
        return b"ERR Please specify at least one argument for this redis lib call"
    if argc > r.argv_room:
        grown = realloc(r.argv, 2 * argc * sizeof(view))
        if grown == NULL:
            return b"ERR out of memory"
        r.argv = <view *>grown
        r.argv_room = 2 * argc
    r.text.len = 0
    for i in range(argc):
        type = lua.type(L, i + 1)
        if type == T_STRING:
            r.argv[i].ptr = lua.tolstring(L, i + 1, &r.argv[i].len)
        elif type == T_NUMBER:
            if r.text.len == 0 and not buf_reserve(&r.text, (argc - i) * DOUBLE_TEXT):
                return b"ERR out of memory"
            at = r.text.ptr + r.text.len
            r.argv[i] = view_of(at, number_text(at, lua.tonumber(L, i + 1)))
            r.text.len += DOUBLE_TEXT
        else:
            return b"ERR Lua redis lib command arguments must be strings or integers"
    return NULL


cdef void prepare(call *c, runtime *r, int argc) noexcept nogil:
    """A call by the running script, with the flags that it may not use."""
    cdef running *script = r.now
    call_init(c, script.c.session)
    c.argv = r.argv
    c.argc = argc
    c.proto = script.proto
    c.out = &r.reply
    c.reply_at = 0
    r.reply.limit = script.c.out.limit         # of the client
    c.from_script = True
    c.forbids = F_WRITE if script.readonly else 0
    if script.oom and not script.wrote and not script.flags & ALLOW_OOM:
        c.forbids |= F_DENYOOM


cdef int run_for_script(lua_State *L, bint throws) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef const char *why
    cdef call c
    cdef int argc = lua.gettop(L)
    if r.now == NULL:
        return give_error(L, b"ERR redis.call/pcall can only be called inside a script invocation", throws)
    why = gather(L, r, argc)
    if why != NULL:
        return give_error(L, why, throws)
    prepare(&c, r, argc)
    r.reply.len = 0
    if r.now.debugger != NULL:
        debugger_called(r, r.argv, argc)
    if gate(&c) == PASSED:
        r.now.wrote = r.now.wrote or c.flags & F_WRITE
        r.store.effects.targets = r.now.targets
        run(&c)
    if r.reply.failed:
        why = b"ERR reply exceeds client-output-buffer-limit" if r.reply.limit else b"ERR out of memory"
        buf_release(&r.reply)
        return give_error(L, why, throws)
    if r.reply.len == 0:
        lua.pushnil(L)
        return 1
    if r.now.debugger != NULL:
        debugger_replied(r, view_of(r.reply.ptr, r.reply.len))
    push_reply(L, view_of(r.reply.ptr, r.reply.len))
    if throws and r.reply.ptr[0] == c'-':
        return lua.error(L)
    return 1


cdef int redis_call(lua_State *L) noexcept nogil:
    return run_for_script(L, True)


cdef int redis_pcall(lua_State *L) noexcept nogil:
    return run_for_script(L, False)


# ---- the rest --------------------------------------------------------------------------------------------

cdef int reply_of(lua_State *L, const char *name) noexcept nogil:
    if lua.gettop(L) != 1 or lua.type(L, 1) != T_STRING:
        return give_error(L, b"ERR wrong number or type of arguments", False)
    lua.createtable(L, 0, 1)
    lua.pushvalue(L, 1)
    lua.setfield(L, -2, name)
    return 1


cdef int status_reply(lua_State *L) noexcept nogil:
    return reply_of(L, b"ok")


cdef int error_reply(lua_State *L) noexcept nogil:
    """A text of one word is prefixed with ERR; else its first word is the error code, with or without a dash."""
    cdef size_t n
    cdef const char *p
    if lua.gettop(L) != 1 or lua.type(L, 1) != T_STRING:
        return reply_of(L, b"err")
    p = lua.tolstring(L, 1, &n)
    lua.createtable(L, 0, 1)
    if n and p[0] == c'-':
        p += 1
        n -= 1
    if memchr(p, c' ', n) == NULL:
        lua.pushstring(L, b"ERR ")
        lua.pushlstring(L, p, n)
        lua.concat(L, 2)
    else:
        lua.pushlstring(L, p, n)
    lua.setfield(L, -2, b"err")
    return 1


cdef int sha1hex(lua_State *L) noexcept nogil:
    cdef size_t n
    cdef const char *p
    cdef char text[SHA1_TEXT]
    if lua.gettop(L) != 1:
        return give_error(L, b"ERR wrong number of arguments", True)
    p = lua.tolstring(L, 1, &n)
    sha1_hex(view_of(p, n if p != NULL else 0), text)
    lua.pushlstring(L, text, SHA1_TEXT)
    return 1


cdef int redis_log(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef int argc = lua.gettop(L)
    cdef int level, i
    cdef size_t n
    cdef const char *p
    if argc < 2:
        return give_error(L, b"ERR redis.log() requires two arguments or more.", True)
    if not lua.isnumber(L, 1):
        return give_error(L, b"ERR First argument must be a number (log level).", True)
    level = <int>lua.tonumber(L, 1)
    if not 0 <= level <= 3:
        return give_error(L, b"ERR Invalid debug level.", True)
    r.text.len = 0
    for i in range(2, argc + 1):
        p = lua.tolstring(L, i, &n)
        if p != NULL:
            if i > 2:
                buf_add_char(&r.text, c' ')
            buf_add(&r.text, p, n)
    buf_add_char(&r.text, 0)
    if not r.text.failed:
        log_line(r.store, level, r.text.ptr)
    return 0


cdef int setresp(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef double n
    if lua.gettop(L) != 1:
        return give_error(L, b"ERR redis.setresp() requires one argument.", True)
    n = lua.tonumber(L, 1)
    if n != 2 and n != 3:
        return give_error(L, b"ERR RESP version must be 2 or 3.", True)
    if r.now != NULL:
        r.now.proto = <int>n
    return 0


cdef int set_repl(lua_State *L) noexcept nogil:
    """Sets where the effects of the following commands are propagated."""
    cdef runtime *r = runtime_of(L)
    cdef int flags
    if lua.gettop(L) != 1:
        return give_error(L, b"ERR redis.set_repl() requires two arguments.", True)
    flags = <int>lua.tonumber(L, 1)
    if flags & ~REPL_ALL:
        return give_error(L, b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.", True)
    if r.now != NULL:
        r.now.targets = flags
    return 0


cdef int replicate_commands(lua_State *L) noexcept nogil:
    """Always true: kvd propagates effects."""
    lua.pushboolean(L, True)
    return 1


cdef int breakpoint(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef bint debugged = r.now != NULL and r.now.debugger != NULL
    if debugged:
        debugger_break(r)
    lua.pushboolean(L, debugged)
    return 1


cdef int debug(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    if r.now != NULL and r.now.debugger != NULL:
        debugger_log(r, L)
    return 0


cdef int acl_check_cmd(lua_State *L) noexcept nogil:
    """May the user of the running script run this?"""
    cdef runtime *r = runtime_of(L)
    cdef call c
    cdef int argc = lua.gettop(L)
    cdef const command *container
    cdef const char *why = gather(L, r, argc)
    if why != NULL:
        return give_error(L, why, True)
    prepare(&c, r, argc)
    c.command = called(r.store, r.argv, argc, &container)
    if c.command == NULL:
        return give_error(L, b"ERR Invalid command passed to redis.acl_check_cmd()", True)
    lua.pushboolean(L, not (c.session.special & SPECIAL_RESTRICTED and is_denied(&c)))
    return 1


# ---- the table ---------------------------------------------------------------------------------------------

cdef named ALWAYS[2]
ALWAYS[0] = named(b"log", redis_log)
ALWAYS[1] = named(NULL, NULL)

cdef named RUNNING[9]
RUNNING[0] = named(b"call", redis_call)
RUNNING[1] = named(b"pcall", redis_pcall)
RUNNING[2] = named(b"error_reply", error_reply)
RUNNING[3] = named(b"status_reply", status_reply)
RUNNING[4] = named(b"sha1hex", sha1hex)
RUNNING[5] = named(b"setresp", setresp)
RUNNING[6] = named(b"set_repl", set_repl)
RUNNING[7] = named(b"acl_check_cmd", acl_check_cmd)
RUNNING[8] = named(NULL, NULL)

cdef named SCRIPTS_ONLY[4]
SCRIPTS_ONLY[0] = named(b"replicate_commands", replicate_commands)
SCRIPTS_ONLY[1] = named(b"breakpoint", breakpoint)
SCRIPTS_ONLY[2] = named(b"debug", debug)
SCRIPTS_ONLY[3] = named(NULL, NULL)

cdef named LOADING_ONLY[2]
LOADING_ONLY[0] = named(b"register_function", register_function)
LOADING_ONLY[1] = named(NULL, NULL)


cdef void constant(lua_State *L, const char *name, double n) noexcept nogil:
    lua.pushnumber(L, n)
    lua.setfield(L, -2, name)


cdef double version_number(const char *p) noexcept nogil:
    """7.4.1 is 0x00070401."""
    cdef int part = 0
    cdef int64_t n = 0
    while True:
        if p[0] == c'.' or p[0] == 0:
            n = n << 8 | part
            part = 0
            if p[0] == 0:
                return <double>n
        else:
            part = part * 10 + p[0] - 48
        p += 1


cdef void add_replication(lua_State *L) noexcept nogil:
    constant(L, b"REPL_NONE", 0)
    constant(L, b"REPL_AOF", 1)
    constant(L, b"REPL_SLAVE", 2)
    constant(L, b"REPL_REPLICA", 2)
    constant(L, b"REPL_ALL", REPL_ALL)


cdef void push_redis(lua_State *L, audience who) noexcept nogil:
    cdef const char *version = redis_version(runtime_of(L).store)
    lua.createtable(L, 0, 24)
    add_functions(L, ALWAYS)
    constant(L, b"LOG_DEBUG", 0)
    constant(L, b"LOG_VERBOSE", 1)
    constant(L, b"LOG_NOTICE", 2)
    constant(L, b"LOG_WARNING", 3)
    constant(L, b"REDIS_VERSION_NUM", version_number(version))
    lua.pushstring(L, version)
    lua.setfield(L, -2, b"REDIS_VERSION")
    if who == FOR_LOADING:
        add_functions(L, LOADING_ONLY)
        refuse_globals(L)
    else:
        add_functions(L, RUNNING)
        add_replication(L)
    if who == FOR_SCRIPTS:
        add_functions(L, SCRIPTS_ONLY)
    protect(L)


cdef void redis_open(lua_State *L, audience who) noexcept nogil:
    push_redis(L, who)
    lua.pushvalue(L, -1)
    lua.setfield(L, -3, b"server")
    lua.setfield(L, -2, b"redis")
