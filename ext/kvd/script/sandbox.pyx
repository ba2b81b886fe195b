"""The globals of scripts and of libraries, all read-only (protect.pyx).

There are three tables of globals: of scripts; of the functions of libraries; and of the code of a library while it is
loaded, which has almost none. Libraries see the latter two through one proxy, whose __index
`library_environment` switches.
"""

from kvd.script.base cimport base_open
from kvd.script.bitop cimport bit_open
from kvd.script.cjson cimport cjson_open
from kvd.script.cmsgpack cimport cmsgpack_open
from kvd.script.lua cimport GLOBALS, REGISTRY, lua, pop, push_function
from kvd.script.packing cimport struct_open
from kvd.script.protect cimport no_such_global, protect, refuse_globals
from kvd.script.redislib cimport FOR_FUNCTIONS, FOR_LOADING, FOR_SCRIPTS, audience, redis_open


cdef void sandbox_open(lua_State *L, runtime *r) noexcept nogil:
    lua.createtable(L, 0, 48)                  # the real globals
    base_open(L)
    bit_open(L)
    cjson_open(L)
    cmsgpack_open(L)
    struct_open(L)
    r.library_all = new_environment(L, -1, FOR_FUNCTIONS)
    r.library_loading = new_loading_environment(L)
    redis_open(L, FOR_SCRIPTS)
    refuse_globals(L)
    close_environment(L)
    lua.replace(L, GLOBALS)                    # also for functions of loadstring, and for coroutines
    r.real_globals = lua.ref(L, REGISTRY)
    lua.rawgeti(L, REGISTRY, r.library_all)
    close_environment(L)
    r.library_env = lua.ref(L, REGISTRY)
    pop(L, 1)


cdef int new_environment(lua_State *L, int base, audience who) noexcept nogil:
    """A copy of the table there, with its own redis table, in the registry."""
    lua.pushvalue(L, base)
    lua.createtable(L, 0, 48)
    lua.pushnil(L)
    while lua.next(L, -3):
        lua.pushvalue(L, -2)
        lua.insert(L, -2)
        lua.rawset(L, -4)
    lua.remove(L, -2)
    redis_open(L, who)
    refuse_globals(L)
    return lua.ref(L, REGISTRY)


cdef int new_loading_environment(lua_State *L) noexcept nogil:
    cdef int index
    lua.createtable(L, 0, 2)
    index = new_environment(L, -1, FOR_LOADING)
    pop(L, 1)
    return index


cdef void close_environment(lua_State *L) noexcept nogil:
    """Pushes the read-only table through which scripts see the globals on top."""
    lua.pushvalue(L, -1)
    protect(L)                                 # real proxy
    lua.getmetatable(L, -1)
    lua.createtable(L, 0, 1)                   # the result of getmetatable(_G)
    push_function(L, no_such_global)
    lua.setfield(L, -2, b"__index")
    protect(L)
    lua.setfield(L, -2, b"__metatable")
    pop(L, 1)
    lua.pushstring(L, b"_G")
    lua.pushvalue(L, -2)
    lua.rawset(L, -4)


cdef void library_environment(runtime *r, bint loading) noexcept nogil:
    cdef lua_State *L = r.L
    lua.rawgeti(L, REGISTRY, r.library_env)
    lua.getmetatable(L, -1)
    lua.rawgeti(L, REGISTRY, r.library_loading if loading else r.library_all)
    lua.setfield(L, -2, b"__index")
    pop(L, 2)
