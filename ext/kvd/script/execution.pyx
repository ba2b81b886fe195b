"""Runs and stops compiled functions.

A run is one lua.pcall around everything that can throw (make KEYS and ARGV, call the function, convert its value to
a reply), with a handler that records the position of an error. All own state is in C: `running`, on
the stack of run_function, which r.now points to.

Time: a count hook reads the clock every HOOK_EVERY instructions. A run that is longer than
busy-reply-threshold becomes `busy`: the gate replies BUSY to all others, and with each hook the
owner of the session (session.relax) lets other threads take the lock for a moment, or serves its own other
connections. The data does not change meanwhile: only the script passes the gate, and no tick runs.
A killed run gets an error with every instruction from then on, so that no pcall can catch it for long. It is Lua's error of
memory, the only kind that calls no error handler.
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf

from kvd.core.buf cimport buf_add, buf_printf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.slots cimport key_slot
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_of
from kvd.run.args cimport reply_error, reply_error_counted, reply_ok
from kvd.script.convert cimport reply_from_value
from kvd.script.debugger cimport debugger_count, debugger_cuts, debugger_line
from kvd.script.flags cimport ALLOW_CROSS_SLOT, COMPAT, NO_CLUSTER, NO_WRITES
from kvd.script.lua cimport (
    ERR_MEMORY, EVENT_LINE, GC_COLLECT, GC_STEP, MASK_COUNT, MASK_LINE, REGISTRY, T_BOOLEAN, T_NUMBER, T_STRING, T_TABLE, lua, lua_Debug, pop,
    registered,
)
from kvd.script.runtime cimport runtime_account, runtime_find, runtime_of
from kvd.session.session cimport ANY_SLOT, NO_SLOT, busy_set, clients_of, session
from kvd.store.config cimport OPT_BUSY_REPLY_THRESHOLD, OPT_CLUSTER_ENABLED, OPT_LUA_MEMORY_LIMIT, cfg
from kvd.store.effects cimport TO_ALL
from kvd.store.evict cimport over_limit

cdef const char *BUSY_SCRIPT = b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
cdef const char *BUSY_FUNCTION = b"BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."

cdef enum:
    HOOK_EVERY = 100000        # instructions: half a millisecond
    STEP_EVERY = 50            # runs between steps of the collector


# ---- before --------------------------------------------------------------------------------------

cdef bint read_keys(call *c, running *run, const char *not_a_number) noexcept nogil:
    cdef int64_t n
    run.debugger = NULL
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
    if run.flags & NO_CLUSTER and cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR Can not run script on cluster, 'no-cluster' flag is set.")
        return False
    if read_only and not run.flags & NO_WRITES:
        reply_error(c, b"ERR Can not execute a script with write flag using *_ro command.")
        return False
    return True


# ---- the run, protected --------------------------------------------------------------------------

cdef void push_arguments(lua_State *L, view *argv, int n) noexcept nogil:
    cdef int i
    lua.createtable(L, n, 0)
    for i in range(n):
        lua.pushlstring(L, argv[i].ptr, argv[i].len)
        lua.rawseti(L, -2, i + 1)


cdef int body(lua_State *L) noexcept nogil:
    """The whole run, protected."""
    cdef runtime *r = runtime_of(L)
    cdef running *run = r.now
    if run.as_arguments:
        lua.rawgeti(L, REGISTRY, run.function)
        push_arguments(L, run.keys, run.key_count)
        push_arguments(L, run.keys + run.key_count, run.arg_count)
        lua.call(L, 2, 1)
    else:
        lua.rawgeti(L, REGISTRY, r.real_globals)
        lua.pushlstring(L, b"KEYS", 4)
        push_arguments(L, run.keys, run.key_count)
        lua.rawset(L, -3)
        lua.pushlstring(L, b"ARGV", 4)
        push_arguments(L, run.keys + run.key_count, run.arg_count)
        lua.rawset(L, -3)
        pop(L, 1)
        lua.rawgeti(L, REGISTRY, run.function)
        lua.call(L, 0, 1)
    run.c.session.failed = False       # only the reply counts, not the errors of its commands
    reply_from_value(L, run)
    return 0


cdef int handler(lua_State *L) noexcept nogil:
    """Turns an error value into a table: err, source, line. Level 1 has thrown it."""
    cdef lua_Debug d
    cdef int level = 1
    cdef bint located = False
    while not located and lua.getstack(L, level, &d) and lua.getinfo(L, b"Sl", &d):
        located = d.what[0] != c'C'
        level += 1
    if lua.type(L, 1) != T_TABLE:
        lua.createtable(L, 0, 3)
        lua.pushstring(L, b"ERR ")
        if lua.type(L, 1) == T_STRING or lua.type(L, 1) == T_NUMBER:
            lua.pushvalue(L, 1)
        elif lua.type(L, 1) == T_BOOLEAN:
            lua.pushstring(L, b"true" if lua.toboolean(L, 1) else b"false")
        else:
            lua.pushstring(L, lua.typename(L, lua.type(L, 1)))
        lua.concat(L, 2)
        set_raw(L, b"err")
    else:
        lua.pushvalue(L, 1)
    if located and d.source != NULL:
        lua.pushstring(L, d.source)
        set_raw(L, b"source")
        lua.pushnumber(L, d.currentline)
        set_raw(L, b"line")
    return 1


cdef void set_raw(lua_State *L, const char *name) noexcept nogil:
    """The table is below the value."""
    lua.pushstring(L, name)
    lua.insert(L, -2)
    lua.rawset(L, -3)


cdef void get_raw(lua_State *L, int table, const char *name) noexcept nogil:
    lua.pushstring(L, name)
    lua.rawget(L, table)


# ---- errors --------------------------------------------------------------------------------------

cdef int describe(lua_State *L) noexcept nogil:
    """Writes the error table of the handler into r.text, with its position. True: count it."""
    cdef runtime *r = runtime_of(L)
    cdef size_t n
    cdef const char *text
    cdef bint counted
    r.text.len = 0
    get_raw(L, 1, b"err")
    text = lua.tolstring(L, -1, &n)
    if text == NULL:
        buf_printf(&r.text, b"ERR unknown error")
    else:
        buf_add(&r.text, text, n)
    get_raw(L, 1, b"ignore_error_stats_update")
    counted = not lua.toboolean(L, -1)
    buf_printf(&r.text, b" script: %.*s", <int>r.now.name.len, r.now.name.ptr)
    get_raw(L, 1, b"source")
    get_raw(L, 1, b"line")
    if lua.type(L, -2) == T_STRING and lua.type(L, -1) == T_NUMBER:
        text = lua.tolstring(L, -2, &n)
        buf_printf(&r.text, b", on %s:%d.", text, <int>lua.tonumber(L, -1))
    lua.pushboolean(L, counted)
    return 1


cdef void reply_thrown(runtime *r, running *run, int status) noexcept nogil:
    """Replies the error that pcall has left on the stack."""
    cdef lua_State *L = r.L
    cdef bint counted = True
    run.c.out.len = run.reply_at
    if status != ERR_MEMORY and not run.killed and lua.type(L, -1) == T_TABLE:
        lua.rawgeti(L, REGISTRY, r.describe)
        lua.insert(L, -2)
        if lua.pcall(L, 1, 1, 0) == 0:
            counted = lua.toboolean(L, -1)
            reply_error_counted(run.c, view_of(r.text.ptr, r.text.len), counted)
            return
    lua.settop(L, 0)
    lua.gc(L, GC_COLLECT, 0)
    r.text.len = 0
    if run.killed:
        buf_printf(&r.text, b"ERR %s script: %.*s%s", run.killed_for, <int>run.name.len, run.name.ptr, run.killed_at)
    else:
        buf_printf(&r.text, b"ERR not enough memory script: %.*s", <int>run.name.len, run.name.ptr)
    reply_error_counted(run.c, view_of(r.text.ptr, r.text.len), True)


# ---- running -------------------------------------------------------------------------------------

cdef void collect(runtime *r) noexcept nogil:
    """Regular steps keep the heap of many short scripts small."""
    r.calls_until_step -= 1
    if r.calls_until_step <= 0:
        r.calls_until_step = STEP_EVERY
        lua.gc(r.L, GC_STEP, STEP_EVERY)
        if r.text.cap > 65536:
            buf_release(&r.text)
        if r.reply.cap > 65536:
            buf_release(&r.reply)


cdef int slot_of_script(running *run) noexcept nogil:
    """In a cluster: the slot to which its calls are confined."""
    if run.flags & (COMPAT | ALLOW_CROSS_SLOT):
        return ANY_SLOT
    return key_slot(run.keys[0]) if run.key_count else NO_SLOT


cdef void run_function(runtime *r, running *run) noexcept nogil:
    cdef session *who = run.c.session
    cdef store *s = r.store
    cdef int db = who.db
    cdef bint executing = who.executing
    cdef int status
    run.oom = over_limit(s)
    run.wrote = run.killed = run.busy = False
    run.killed_for = b"Script killed by user with SCRIPT KILL..."
    run.proto = 2
    run.begun_us = mono_us()
    run.reply_at = run.c.out.len
    run.written = 0
    r.now = run
    r.coroutines = 0
    who.executing = True
    who.scripting = True
    who.script_us = 0
    who.script_slot = slot_of_script(run)
    run.targets = TO_ALL
    if run.debugger != NULL:           # it may wait for its client at any time
        run.busy = True
        busy_set(s, BUSY_SCRIPT)
        lua.sethook(r.L, hook, MASK_LINE | MASK_COUNT, HOOK_EVERY)
    lua.rawgeti(r.L, REGISTRY, r.handler)
    lua.rawgeti(r.L, REGISTRY, r.body)
    status = lua.pcall(r.L, 0, 0, -2)
    if status != 0:
        reply_thrown(r, run, status)
    lua.settop(r.L, 0)
    who.scripting = False
    who.executing = executing
    who.db = db
    s.effects.targets = TO_ALL
    r.now = NULL
    if run.busy:
        busy_set(s, NULL)
    hook_again(r)                      # the limit may have changed, or the run may be killed
    collect(r)
    runtime_account(r)


# ---- time ----------------------------------------------------------------------------------------

cdef void hook_again(runtime *r) noexcept nogil:
    r.limit = cfg(&r.store.config, OPT_LUA_MEMORY_LIMIT)
    lua.sethook(r.L, hook, MASK_COUNT, HOOK_EVERY)


cdef void hook(lua_State *L, lua_Debug *d) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef running *run = r.now
    cdef session *who
    cdef int64_t spent
    if r.loading != NULL and mono_us() > r.load_until_us:
        lua.sethook(L, hook, MASK_COUNT, 1)
        lua.pushstring(L, b"FUNCTION LOAD timeout")
        lua.error(L)
    if run == NULL:
        return
    who = run.c.session
    if run.debugger != NULL and not run.killed and d.event == EVENT_LINE:
        debugger_line(r, L, d)
        if run.killed:
            note_place(L, d, run)
    elif not run.killed:
        spent = mono_us() - run.begun_us
        if not run.busy and spent >= cfg(&r.store.config, OPT_BUSY_REPLY_THRESHOLD) * 1000:
            run.busy = True
            busy_set(r.store, BUSY_FUNCTION if run.is_function else BUSY_SCRIPT)
        if who.relax != NULL and not who.relax(who, run.busy, spent):
            run.killed = True
        if run.killed:
            note_place(L, d, run)
        elif run.debugger != NULL:
            debugger_count(r)
    if run.killed or (run.debugger != NULL and debugger_cuts(r)):
        lua.sethook(L, hook, MASK_COUNT, 1)
        if run.killed:
            lua.sethook(r.L, hook, MASK_COUNT, 1)
        r.limit = 0
        lua.newuserdata(L, 1)          # throws without calling a handler of xpcall, in which no hook would run


cdef void note_place(lua_State *L, lua_Debug *d, running *run) noexcept nogil:
    run.killed_at[0] = 0
    if lua.getinfo(L, b"Sl", d) and d.source != NULL:
        snprintf(run.killed_at, sizeof(run.killed_at), b", on %.60s:%d.", d.source, d.currentline)


cdef const char *kill_running(store *s, bint is_function) noexcept nogil:
    cdef running *run = runtime_find(s).now if clients_of(s).busy != NULL else NULL
    if run == NULL:
        return b"NOTBUSY No scripts in execution right now."
    if run.is_function != is_function:
        return clients_of(s).busy
    if run.wrote:
        return (b"UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the "
                b"script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.")
    run.killed = True
    return NULL


cdef void kill(call *c, bint is_function) noexcept nogil:
    cdef const char *why = kill_running(c.store, is_function)
    if why != NULL:
        reply_error(c, why)
    else:
        reply_ok(c)


cdef int execution_open(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    r.body = registered(L, body)
    r.handler = registered(L, handler)
    r.describe = registered(L, describe)
    return 0
