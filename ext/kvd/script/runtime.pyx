"""The Lua interpreter of a store, and how a script runs in it.

A store gets its interpreter with the first script and keeps it. Memory comes from malloc, counted and
bounded (lua-memory-limit is what Lua may hold at most); it is part of the store's used memory.

A run: one lua.pcall around everything that can throw (make KEYS and ARGV, call the function, turn its value into
a reply), with a handler that notes where an error arose. Only C-level state is on our side: `running`, on
the stack of run_function, which r.now points to.

Time: a count hook looks at the clock every HOOK_EVERY instructions. A run that is longer than
busy-reply-threshold turns `busy`: the gate answers BUSY to all others, and with each hook the
owner of the session (session.relax) lets other threads have the lock for a moment, or serves its own other
connections. The data does not change meanwhile: nothing but the script passes the gate, nobody ticks.
A run that is killed gets an error with every instruction from then on, so that no pcall holds it up: the one that
calls no error handler, which is that of memory.
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, realloc

from kvd.core.buf cimport buf, buf_add, buf_printf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.table cimport table_init, table_release
from kvd.core.view cimport view, view_of
from kvd.run.args cimport reply_error, reply_error_counted
from kvd.run.call cimport call
from kvd.run.figures cimport figures_of
from kvd.script.convert cimport reply_from_value
from kvd.script.eval cimport scripts_flush
from kvd.script.functions cimport libraries_flush, load_overdue, run_library
from kvd.script.lua cimport (
    ERR_MEMORY, GC_COLLECT, GC_STEP, MASK_COUNT, REGISTRY, T_BOOLEAN, T_NUMBER, T_STRING, T_TABLE, lua, lua_Debug,
    lua_State, lua_load, pop, push_function,
)
from kvd.script.sandbox cimport sandbox_open
from kvd.session.session cimport ANY_SLOT, NO_SLOT, busy_set, clients_of, session
from kvd.store.config cimport OPT_BUSY_REPLY_THRESHOLD, OPT_LUA_MEMORY_LIMIT, cfg
from kvd.store.effects cimport TO_ALL
from kvd.store.evict cimport over_limit
from kvd.store.parts cimport PART_SCRIPTS
from kvd.store.store cimport store, store_report

cdef const char *BUSY_SCRIPT = b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
cdef const char *BUSY_FUNCTION = b"BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."

cdef enum:
    HOOK_EVERY = 100000        # instructions: half a millisecond
    STEP_EVERY = 50            # runs between steps of the collector


cdef void *allocate(void *ud, void *p, size_t old, size_t size) noexcept nogil:
    cdef runtime *r = <runtime *>ud
    cdef void *q
    if size == 0:
        free(p)
        r.used -= old
        return NULL
    if size > old and r.used + (size - old) > r.limit:
        return NULL
    q = realloc(p, size)
    if q == NULL:
        return p if size <= old else NULL   # Lua relies on shrinking
    r.used += size - old
    return q


cdef runtime *runtime_of(lua_State *L) noexcept nogil:
    cdef void *ud
    lua.getallocf(L, &ud)
    return <runtime *>ud


cdef runtime *runtime_find(store *s) noexcept nogil:
    return <runtime *>s.parts[<int>PART_SCRIPTS]


cdef int open_protected(lua_State *L) noexcept nogil:
    sandbox_open(L, runtime_of(L))
    return 0


cdef int registered(lua_State *L, int (*f)(lua_State *) noexcept nogil) noexcept nogil:
    push_function(L, f)
    return lua.ref(L, REGISTRY)


cdef int open_functions(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    r.body = registered(L, body)
    r.handler = registered(L, handler)
    r.describe = registered(L, describe)
    r.run_library = registered(L, run_library)
    return 0


cdef runtime *runtime_open(call *c) noexcept nogil:
    cdef store *s = c.store
    cdef const char *why
    cdef runtime *r
    if runtime_find(s) != NULL:
        return runtime_find(s)
    why = lua_load()
    if why != NULL:
        reply_error(c, why)
        return NULL
    r = runtime_new(s)
    if r == NULL:
        reply_error(c, b"ERR out of memory for a Lua interpreter")
        return NULL
    s.parts[<int>PART_SCRIPTS] = r
    runtime_account(r)
    return r


cdef runtime *runtime_new(store *s) noexcept nogil:
    """NULL: no memory."""
    cdef runtime *r = <runtime *>calloc(1, sizeof(runtime))
    if r == NULL:
        return NULL
    r.store = s
    r.random[0], r.random[1], r.random[2] = 0x330E, 0xABCD, 0x1234
    r.limit = cfg(&s.config, OPT_LUA_MEMORY_LIMIT)
    table_init(&r.scripts, &s.mem)
    table_init(&r.libraries, &s.mem)
    table_init(&r.functions, &s.mem)
    r.L = lua.newstate(allocate, r)
    if r.L == NULL or lua.cpcall(r.L, open_protected, NULL) != 0 or lua.cpcall(r.L, open_functions, NULL) != 0:
        if r.L != NULL:
            lua.close(r.L)
        free(r)
        return NULL
    hook_again(r)
    return r


cdef void runtime_release(store *s) noexcept nogil:
    cdef runtime *r = runtime_find(s)
    if r == NULL:
        return
    scripts_flush(r)
    libraries_flush(r)
    s.parts[<int>PART_SCRIPTS] = NULL
    table_release(&r.scripts)
    table_release(&r.libraries)
    table_release(&r.functions)
    lua.close(r.L)
    buf_release(&r.reply)
    buf_release(&r.text)
    free(r.argv)
    free(r)
    store_report(s, PART_SCRIPTS, 0)


cdef void runtime_account(runtime *r) noexcept nogil:
    store_report(r.store, PART_SCRIPTS, r.used + r.reply.cap + r.text.cap + sizeof(runtime) + r.scripts_bytes + r.functions_bytes)
    figures_of(r.store).scripts.lua = r.used


# ---- compiling ---------------------------------------------------------------------------------------

cdef struct compiling:
    view code
    const char *name
    int index
    int status


cdef int compile_body(lua_State *L) noexcept nogil:
    cdef compiling *job = <compiling *>lua.touserdata(L, 1)
    lua.pushstring(L, job.name)        # the parser itself does not hold on to it
    job.status = lua.loadbuffer(L, job.code.ptr, job.code.len, job.name)
    if job.status == 0:
        job.index = lua.ref(L, REGISTRY)
        return 0
    return lua.error(L)


cdef int compile(runtime *r, view code, const char *name, buf *why) noexcept nogil:
    cdef compiling job
    cdef size_t n
    cdef const char *text
    job.code = code
    job.name = name
    job.index = -1
    if code.len and code.ptr[0] == 27:
        buf_printf(why, b"%s: binary chunks are not allowed", name + 1)
        return -1
    if code.len > 0x40000000:
        buf_printf(why, b"%s: the code is too long", name + 1)
        return -1
    if lua.cpcall(r.L, compile_body, &job) == 0:
        return job.index
    text = lua.tolstring(r.L, -1, &n) if lua.type(r.L, -1) == T_STRING else NULL
    if text == NULL:
        buf_printf(why, b"not enough memory")
    else:
        buf_add(why, text, n)
    pop(r.L, 1)
    return -1


cdef void forget(runtime *r, int index) noexcept nogil:
    lua.unref(r.L, REGISTRY, index)


# ---- running -----------------------------------------------------------------------------------------

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
    reply_from_value(L, run)
    return 0


cdef int handler(lua_State *L) noexcept nogil:
    """Turns what was thrown into a table: err, source, line. Level 1 has thrown it."""
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
    """The table stands below the value."""
    lua.pushstring(L, name)
    lua.insert(L, -2)
    lua.rawset(L, -3)


cdef void get_raw(lua_State *L, int table, const char *name) noexcept nogil:
    lua.pushstring(L, name)
    lua.rawget(L, table)


cdef int describe(lua_State *L) noexcept nogil:
    """Writes the error that the handler has made into r.text, with where it arose. True: count it."""
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
    """What pcall has left on the stack is the error."""
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
        buf_printf(&r.text, b"ERR Script killed by user with SCRIPT KILL... script: %.*s%s", <int>run.name.len, run.name.ptr,
                   run.killed_at)
    else:
        buf_printf(&r.text, b"ERR not enough memory script: %.*s", <int>run.name.len, run.name.ptr)
    reply_error_counted(run.c, view_of(r.text.ptr, r.text.len), True)


cdef void collect(runtime *r) noexcept nogil:
    """A step now and then keeps the heap of many short scripts small."""
    r.calls_until_step -= 1
    if r.calls_until_step <= 0:
        r.calls_until_step = STEP_EVERY
        lua.gc(r.L, GC_STEP, STEP_EVERY)
        if r.text.cap > 65536:
            buf_release(&r.text)
        if r.reply.cap > 65536:
            buf_release(&r.reply)


cdef void run_function(runtime *r, running *run) noexcept nogil:
    cdef session *who = run.c.session
    cdef store *s = r.store
    cdef int db = who.db
    cdef bint executing = who.executing
    cdef int status
    run.oom = over_limit(s)
    run.wrote = run.killed = run.busy = False
    run.proto = 2
    run.begun_us = mono_us()
    run.reply_at = run.c.out.len
    run.written = 0
    r.now = run
    r.coroutines = 0
    who.executing = True
    who.scripting = True
    who.script_slot = ANY_SLOT if run.flags & (COMPAT | ALLOW_CROSS_SLOT) else NO_SLOT
    run.targets = TO_ALL
    lua.rawgeti(r.L, REGISTRY, r.handler)
    lua.rawgeti(r.L, REGISTRY, r.body)
    status = lua.pcall(r.L, 0, 0, -2)
    who.failed = False
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
    hook_again(r)                      # the limit may have been changed, or the run killed
    collect(r)
    runtime_account(r)


# ---- time --------------------------------------------------------------------------------------------

cdef void hook_again(runtime *r) noexcept nogil:
    r.limit = cfg(&r.store.config, OPT_LUA_MEMORY_LIMIT)
    lua.sethook(r.L, hook, MASK_COUNT, HOOK_EVERY)


cdef void hook(lua_State *L, lua_Debug *d) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef running *run = r.now
    cdef session *who
    cdef int64_t spent
    if r.loading != NULL and load_overdue(r):
        lua.sethook(L, hook, MASK_COUNT, 1)
        lua.pushstring(L, b"FUNCTION LOAD timeout")
        lua.error(L)
    if run == NULL:
        return
    who = run.c.session
    if not run.killed:
        spent = mono_us() - run.begun_us
        if not run.busy and spent >= cfg(&r.store.config, OPT_BUSY_REPLY_THRESHOLD) * 1000:
            run.busy = True
            busy_set(r.store, BUSY_FUNCTION if run.is_function else BUSY_SCRIPT)
        if who.relax != NULL and not who.relax(who, run.busy, spent):
            run.killed = True
        if run.killed:
            note_place(L, d, run)
    if run.killed:
        lua.sethook(L, hook, MASK_COUNT, 1)
        lua.sethook(r.L, hook, MASK_COUNT, 1)
        r.limit = 0
        lua.newuserdata(L, 1)          # throws, without calling a handler of xpcall: no hook would look at that


cdef void note_place(lua_State *L, lua_Debug *d, running *run) noexcept nogil:
    run.killed_at[0] = 0
    if lua.getinfo(L, b"Sl", d) and d.source != NULL:
        snprintf(run.killed_at, sizeof(run.killed_at), b", on %.60s:%d.", d.source, d.currentline)


cdef const char *kill(store *s, bint is_function) noexcept nogil:
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
