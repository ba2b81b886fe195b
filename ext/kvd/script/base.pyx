"""Lua's own functions, safe for scripts.

Replaced are functions that bypass metatables (rawget, rawset, next, pairs, setmetatable, table.insert), and functions that could
crash the process or run forever in C code, where no count hook runs: unpack (range overflow), string.rep (of nothing, a billion
times; more than there is memory for), patterns of many thousand characters and nested coroutines (both recurse on the
C stack), load and loadstring (bytecode is not checked), collectgarbage (a stopped collector), math.random (scripts must not seed
the process's generator). Functions on files, the process or the debugger are removed.
"""

from libc.limits cimport INT_MAX
from libc.math cimport floor
from libc.stdint cimport int64_t, uint16_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport strstr
from libc.time cimport clock

from kvd.core.buf cimport buf, buf_add, buf_reserve
from kvd.core.view cimport view, view_is, view_of
from kvd.script.lua cimport (
    ERR_MEMORY, GC_COLLECT, GC_COUNT, GC_STEP, GLOBALS, T_BOOLEAN, T_FUNCTION, T_NIL, T_NUMBER, T_STRING, T_TABLE,
    T_THREAD, is_nil, lua, lua_CFunction, lua_Debug, pop, push_function, raise_text,
)
from kvd.script.protect cimport READONLY, add_functions, is_protected, named, protect, resolve
from kvd.script.runtime cimport runtime, runtime_of

cdef enum:
    MOST_COROUTINES = 20       # nested; each may take 200 levels of C stack
    LONGEST_PATTERN = 8192
    LONGEST_STRING = 0x20000000

cdef const char **KEPT = [
    b"_VERSION", b"assert", b"error", b"ipairs", b"rawequal", b"select", b"tonumber", b"tostring", b"type", b"xpcall", NULL,
]
cdef const char **PATTERNS = [b"find", b"match", b"gmatch", b"gfind", b"gsub", NULL]


# ---- tables --------------------------------------------------------------------------------------

cdef int raw_set(lua_State *L) noexcept nogil:
    lua.checktype(L, 1, T_TABLE)
    lua.checkany(L, 2)
    lua.checkany(L, 3)
    lua.settop(L, 3)
    if is_protected(L, 1):
        lua.pushstring(L, READONLY)
        return lua.error(L)
    lua.rawset(L, 1)
    return 1


cdef int raw_get(lua_State *L) noexcept nogil:
    lua.checktype(L, 1, T_TABLE)
    lua.checkany(L, 2)
    lua.settop(L, 2)
    resolve(L, 1)
    lua.replace(L, 1)
    lua.rawget(L, 1)
    return 1


cdef int set_metatable(lua_State *L) noexcept nogil:
    lua.checktype(L, 1, T_TABLE)
    if lua.type(L, 2) != T_NIL and lua.type(L, 2) != T_TABLE:
        return lua.argerror(L, 2, b"nil or table expected")
    if is_protected(L, 1):
        lua.pushstring(L, READONLY)
        return lua.error(L)
    if lua.getmetatable(L, 1):
        lua.getfield(L, -1, b"__metatable")
        if not is_nil(L, -1):
            return raise_text(L, b"cannot change a protected metatable")
    lua.settop(L, 2)
    lua.setmetatable(L, 1)
    return 1


cdef int get_metatable(lua_State *L) noexcept nogil:
    """Of a protected table: none. Of strings and of _G: a protected copy."""
    lua.checkany(L, 1)
    if lua.type(L, 1) == T_STRING or not lua.getmetatable(L, 1):
        if lua.type(L, 1) == T_STRING:
            lua.pushvalue(L, GLOBALS - 1)
            return 1
        lua.pushnil(L)
        return 1
    lua.getfield(L, -1, b"__metatable")
    if is_nil(L, -1):
        pop(L, 1)
    elif lua.type(L, -1) == T_BOOLEAN:
        lua.pushnil(L)
    return 1


cdef int next_entry(lua_State *L) noexcept nogil:
    lua.checktype(L, 1, T_TABLE)
    lua.settop(L, 2)
    resolve(L, 1)
    lua.replace(L, 1)
    if lua.next(L, 1):
        return 2
    lua.pushnil(L)
    return 1


cdef int pairs(lua_State *L) noexcept nogil:
    """Upvalues: Lua's own next, and the one that resolves protected tables."""
    lua.checktype(L, 1, T_TABLE)
    lua.pushvalue(L, GLOBALS - 2 if is_protected(L, 1) else GLOBALS - 1)
    lua.pushvalue(L, 1)
    lua.pushnil(L)
    return 3


cdef int insert(lua_State *L) noexcept nogil:
    cdef int n, at
    lua.checktype(L, 1, T_TABLE)
    if is_protected(L, 1):
        lua.pushstring(L, READONLY)
        return lua.error(L)
    n = <int>lua.objlen(L, 1) + 1
    at = n
    if lua.gettop(L) == 3:
        at = <int><int64_t>lua.checknumber(L, 2)
        if at > n:
            n = at
        while n > at:
            lua.rawgeti(L, 1, n - 1)
            lua.rawseti(L, 1, n)
            n -= 1
    elif lua.gettop(L) != 2:
        return raise_text(L, b"wrong number of arguments to 'insert'")
    lua.rawseti(L, 1, at)
    return 0


cdef int pass_on(lua_State *L) noexcept nogil:
    """Calls the function that it replaces, its first upvalue, with the same arguments."""
    lua.pushvalue(L, GLOBALS - 1)
    lua.insert(L, 1)
    lua.call(L, lua.gettop(L) - 1, -1)
    return lua.gettop(L)


# ---- code ----------------------------------------------------------------------------------------

cdef int load_text(lua_State *L, const char *p, size_t n, const char *name) noexcept nogil:
    """Pushes the function, in the environment of its caller; or nil and the reason."""
    cdef lua_Debug d
    if n and p[0] == 27:
        lua.pushnil(L)
        lua.pushstring(L, b"binary chunks are not allowed")
        return 2
    lua.pushstring(L, name)                    # the parser itself does not keep it alive
    if lua.loadbuffer(L, p, n, name) != 0:
        lua.pushnil(L)
        lua.insert(L, -2)
        return 2
    if lua.getstack(L, 1, &d) and lua.getinfo(L, b"f", &d):
        lua.getfenv(L, -1)
        lua.setfenv(L, -3)
        pop(L, 1)
    return 1


cdef int load_string(lua_State *L) noexcept nogil:
    cdef size_t n, k
    cdef const char *p = lua.checklstring(L, 1, &n)
    cdef const char *name = p
    if lua.type(L, 2) > T_NIL:
        name = lua.checklstring(L, 2, &k)
    return load_text(L, p, n, name)


cdef int load_pieces(lua_State *L) noexcept nogil:
    """load(function [, name]): the pieces are joined first."""
    cdef size_t n, k
    cdef const char *name = b"=(load)"
    cdef const char *p
    cdef int pieces = 0
    lua.checktype(L, 1, T_FUNCTION)
    if lua.type(L, 2) > T_NIL:
        name = lua.checklstring(L, 2, &k)
    lua.settop(L, 2)
    lua.pushstring(L, b"")
    while True:
        lua.pushvalue(L, 1)
        lua.call(L, 0, 1)
        if is_nil(L, -1):
            break
        if lua.type(L, -1) != T_STRING and lua.type(L, -1) != T_NUMBER:
            lua.pushnil(L)
            lua.pushstring(L, b"reader function must return a string")
            return 2
        lua.tolstring(L, -1, &n)
        if n == 0:
            break
        pieces += 1
        if pieces >= 64:                       # join at intervals: neither the stack nor the work grows
            lua.concat(L, pieces + 1)
            pieces = 0
    pop(L, 1)
    lua.concat(L, pieces + 1)
    p = lua.tolstring(L, -1, &n)
    return load_text(L, p, n, name)


cdef int protected_call(lua_State *L) noexcept nogil:
    """pcall; errors of redis.call are converted to their text."""
    cdef int status
    if lua.gettop(L) == 0:
        lua.pushboolean(L, True)
    status = lua.pcall(L, lua.gettop(L) - 1, -1, 0)
    if status != 0 and lua.type(L, -1) == T_TABLE:
        lua.pushstring(L, b"err")
        lua.rawget(L, -2)
        if lua.type(L, -1) == T_STRING:
            lua.replace(L, -2)
        else:
            pop(L, 1)
    lua.pushboolean(L, status == 0)
    lua.insert(L, 1)
    return lua.gettop(L)


# ---- coroutines: nested ones recurse on the C stack ----------------------------------------------

cdef int resume(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    if lua.type(L, 1) != T_THREAD:
        return lua.argerror(L, 1, b"coroutine expected")
    if r.coroutines >= MOST_COROUTINES:
        lua.pushboolean(L, False)
        lua.pushstring(L, b"C stack overflow")
        return 2
    r.coroutines += 1
    pass_on(L)                                 # throws nothing: errors come as values
    r.coroutines -= 1
    return lua.gettop(L)


cdef int resume_wrapped(lua_State *L) noexcept nogil:
    """Upvalues: kvd's resume, the coroutine."""
    lua.pushvalue(L, GLOBALS - 1)
    lua.pushvalue(L, GLOBALS - 2)
    lua.insert(L, 1)
    lua.insert(L, 1)
    lua.call(L, lua.gettop(L) - 1, -1)
    if lua.toboolean(L, 1):
        lua.remove(L, 1)
        return lua.gettop(L)
    if lua.type(L, 2) == T_STRING:
        lua.where(L, 1)
        lua.insert(L, 2)
        lua.concat(L, 2)
    lua.settop(L, 2)
    return lua.error(L)


cdef int wrap(lua_State *L) noexcept nogil:
    """Upvalues: kvd's resume, Lua's create."""
    if lua.type(L, 1) != T_FUNCTION or lua.iscfunction(L, 1):
        return lua.argerror(L, 1, b"Lua function expected")
    lua.pushvalue(L, GLOBALS - 1)
    lua.pushvalue(L, GLOBALS - 2)
    lua.pushvalue(L, 1)
    lua.call(L, 1, 1)
    lua.pushcclosure(L, resume_wrapped, 2)
    return 1


# ---- strings and lists ---------------------------------------------------------------------------

cdef int repeat(lua_State *L) noexcept nogil:
    cdef size_t n
    cdef const char *p = lua.checklstring(L, 1, &n)
    cdef double times = lua.checknumber(L, 2)
    cdef buf *out = &runtime_of(L).text
    cdef int64_t _
    out.len = 0
    if n and times >= 1:
        if times * n > LONGEST_STRING:
            return raise_text(L, b"resulting string too large")
        if not buf_reserve(out, <size_t>times * n):
            out.failed = False
            return raise_text(L, b"not enough memory")
        for _ in range(<int64_t>times):
            buf_add(out, p, n)
    lua.pushlstring(L, out.ptr, out.len)
    return 1


cdef int match(lua_State *L) noexcept nogil:
    """find, match, gmatch and gsub: the matcher calls itself for each item of the pattern. Upvalues: Lua's own, its name.

    Lua's own functions put the position of an error into its text, which would be this function; so errors are caught and get the script's."""
    cdef size_t n
    cdef int status
    if lua.type(L, 2) == T_STRING:
        lua.tolstring(L, 2, &n)
        if n > LONGEST_PATTERN and not (lua.type(L, 4) == T_BOOLEAN and lua.toboolean(L, 4)):
            return raise_text(L, b"pattern too complex")
    if lua.type(L, 3) == T_FUNCTION:
        return pass_on(L)                      # its errors have the position already
    lua.pushvalue(L, GLOBALS - 1)
    lua.insert(L, 1)
    status = lua.pcall(L, lua.gettop(L) - 1, -1, 0)
    if status == 0:
        return lua.gettop(L)
    if status != ERR_MEMORY and lua.type(L, -1) == T_STRING:
        return raise_as(L, lua.tolstring(L, GLOBALS - 2, NULL))
    return lua.error(L)


cdef int raise_as(lua_State *L, const char *name) noexcept nogil:
    """Throws the text on top from the function that the script called: with its position, and its name for '?'."""
    cdef const char *text = lua.tolstring(L, -1, NULL)
    cdef const char *mark = strstr(text, b"'?'")
    lua.where(L, 1)
    if mark == NULL:
        lua.pushstring(L, text)
        lua.concat(L, 2)
        return lua.error(L)
    lua.pushlstring(L, text, mark + 1 - text)
    lua.pushstring(L, name)
    lua.pushstring(L, mark + 2)
    lua.concat(L, 4)
    return lua.error(L)


cdef int unpack(lua_State *L) noexcept nogil:
    cdef double first = 1
    cdef double last
    cdef int64_t i, n
    lua.checktype(L, 1, T_TABLE)
    if not is_nil(L, 2):
        first = lua.checknumber(L, 2)
    last = <double>lua.objlen(L, 1) if is_nil(L, 3) else lua.checknumber(L, 3)
    if first > last:
        return 0
    if not (-2147483648.0 <= first <= 2147483647.0 and last <= 2147483647.0) or last - first >= INT_MAX - 1:
        return raise_text(L, b"too many results to unpack")
    n = <int64_t>last - <int64_t>first + 1
    if not lua.checkstack(L, <int>n):
        return raise_text(L, b"too many results to unpack")
    for i in range(n):
        lua.rawgeti(L, 1, <int>(<int64_t>first + i))
    return <int>n


# ---- the collector and the clock -----------------------------------------------------------------

cdef int collect_garbage(lua_State *L) noexcept nogil:
    """A script may query the collector or make it run, not stop it."""
    cdef size_t n
    cdef char text[96]
    cdef view what = view_of(b"collect", 7)
    if not is_nil(L, 1):
        what.ptr = lua.checklstring(L, 1, &n)
        what.len = n
    if view_is(what, b"count"):
        lua.pushnumber(L, lua.gc(L, GC_COUNT, 0) + lua.gc(L, GC_COUNT + 1, 0) / 1024.0)
    elif view_is(what, b"collect"):
        lua.pushnumber(L, lua.gc(L, GC_COLLECT, 0))
    elif view_is(what, b"step"):
        lua.pushboolean(L, lua.gc(L, GC_STEP, 0))
    elif view_is(what, b"stop") or view_is(what, b"restart") or view_is(what, b"setpause") or view_is(what, b"setstepmul"):
        lua.pushnumber(L, 0)
    else:
        snprintf(text, sizeof(text), b"invalid option '%.60s'", what.ptr)
        return lua.argerror(L, 1, text)
    return 1


cdef int gc_info(lua_State *L) noexcept nogil:
    lua.pushnumber(L, lua.gc(L, GC_COUNT, 0))
    return 1


cdef int os_clock(lua_State *L) noexcept nogil:
    lua.pushnumber(L, clock() / 1000000.0)
    return 1


# ---- random numbers: each store has its own sequence ---------------------------------------------

cdef uint64_t next_random(uint16_t *x) noexcept nogil:
    """The 48-bit linear congruence of POSIX, its upper 31 bits."""
    cdef uint64_t n = (<uint64_t>x[2] << 32) | (<uint64_t>x[1] << 16) | x[0]
    n = (n * <uint64_t>0x5DEECE66DULL + 0xB) & <uint64_t>0xFFFFFFFFFFFFULL
    x[0] = <uint16_t>n
    x[1] = <uint16_t>(n >> 16)
    x[2] = <uint16_t>(n >> 32)
    return n >> 17


cdef int math_random(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef double fraction = <double>(next_random(r.random) % 0x7FFFFFFFULL) / <double>0x7FFFFFFF
    cdef int args = lua.gettop(L)
    cdef double low = 1
    cdef double high
    if args == 0:
        lua.pushnumber(L, fraction)
        return 1
    if args > 2:
        return raise_text(L, b"wrong number of arguments")
    high = int_of(lua.checknumber(L, args))
    if args == 2:
        low = int_of(lua.checknumber(L, 1))
    if low > high:
        return lua.argerror(L, args, b"interval is empty")
    lua.pushnumber(L, floor(fraction * (high - low + 1)) + low)
    return 1


cdef inline int int_of(double d) noexcept nogil:
    return <int><int64_t>d if -9.0e18 < d < 9.0e18 else 0


cdef int math_randomseed(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef double n = lua.checknumber(L, 1)
    cdef int64_t seed = <int64_t>n if -9.0e18 < n < 9.0e18 else 0
    r.random[0] = 0x330E
    r.random[1] = <uint16_t>seed
    r.random[2] = <uint16_t>(seed >> 16)
    return 0


# ---- opening -------------------------------------------------------------------------------------

cdef named BASE[10]
BASE[0] = named(b"rawset", raw_set)
BASE[1] = named(b"rawget", raw_get)
BASE[2] = named(b"load", load_pieces)
BASE[3] = named(b"loadstring", load_string)
BASE[4] = named(b"pcall", protected_call)
BASE[5] = named(b"unpack", unpack)
BASE[6] = named(b"collectgarbage", collect_garbage)
BASE[7] = named(b"gcinfo", gc_info)
BASE[8] = named(b"setmetatable", set_metatable)
BASE[9] = named(NULL, NULL)


cdef void take(lua_State *L, const char *name) noexcept nogil:
    """Moves a library made by Lua from the old globals, protected, to the table on top."""
    lua.getfield(L, GLOBALS, name)
    protect(L)
    lua.setfield(L, -2, name)


cdef void open_library(lua_State *L, lua_CFunction f) noexcept nogil:
    push_function(L, f)
    lua.call(L, 0, 0)


cdef void mend_strings(lua_State *L) noexcept nogil:
    cdef int i = 0
    lua.getfield(L, GLOBALS, b"string")
    push_function(L, repeat)
    lua.setfield(L, -2, b"rep")
    while PATTERNS[i] != NULL:
        lua.getfield(L, -1, PATTERNS[i])
        lua.pushstring(L, PATTERNS[i])
        lua.pushcclosure(L, match, 2)
        lua.setfield(L, -2, PATTERNS[i])
        i += 1
    pop(L, 1)


cdef void mend_rest(lua_State *L) noexcept nogil:
    lua.getfield(L, GLOBALS, b"table")
    push_function(L, insert)
    lua.setfield(L, -2, b"insert")
    pop(L, 1)
    lua.getfield(L, GLOBALS, b"math")
    push_function(L, math_random)
    lua.setfield(L, -2, b"random")
    push_function(L, math_randomseed)
    lua.setfield(L, -2, b"randomseed")
    pop(L, 1)
    lua.getfield(L, GLOBALS, b"coroutine")
    lua.getfield(L, -1, b"resume")
    lua.pushcclosure(L, resume, 1)
    lua.setfield(L, -2, b"resume")
    lua.getfield(L, -1, b"resume")
    lua.getfield(L, -2, b"create")
    lua.pushcclosure(L, wrap, 2)
    lua.setfield(L, -2, b"wrap")
    pop(L, 1)


cdef void add_os(lua_State *L) noexcept nogil:
    lua.createtable(L, 0, 1)
    push_function(L, os_clock)
    lua.setfield(L, -2, b"clock")
    protect(L)
    lua.setfield(L, -2, b"os")


cdef void add_own_base(lua_State *L) noexcept nogil:
    """Adds functions that need those they replace to the table on top."""
    lua.getfield(L, GLOBALS, b"next")
    push_function(L, next_entry)
    lua.pushvalue(L, -1)
    lua.setfield(L, -4, b"next")
    lua.pushcclosure(L, pairs, 2)
    lua.setfield(L, -2, b"pairs")
    lua.createtable(L, 0, 1)                   # the result of getmetatable("")
    lua.getfield(L, -2, b"string")
    lua.setfield(L, -2, b"__index")
    protect(L)
    lua.pushcclosure(L, get_metatable, 1)
    lua.setfield(L, -2, b"getmetatable")


cdef void base_open(lua_State *L) noexcept nogil:
    cdef int i = 0
    open_library(L, lua.open_base)
    open_library(L, lua.open_table)
    open_library(L, lua.open_string)
    open_library(L, lua.open_math)
    mend_strings(L)
    mend_rest(L)
    while KEPT[i] != NULL:
        lua.getfield(L, GLOBALS, KEPT[i])
        lua.setfield(L, -2, KEPT[i])
        i += 1
    add_functions(L, BASE)
    take(L, b"string")
    take(L, b"table")
    take(L, b"math")
    take(L, b"coroutine")
    add_own_base(L)
    add_os(L)
