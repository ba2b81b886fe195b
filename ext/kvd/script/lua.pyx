"""Lua 5.1's C interface, of the interpreter in lupa.

lupa's extension module `lupa.lua51` contains a whole Lua 5.1.5 and exports its C functions. They are
looked up once and called directly instead of through lupa's Python objects: a script then
needs no GIL, no Python object is created per call, memory is counted and limited by kvd's allocator, and
a redis.call costs a tenth (docs/internals/scripting.md has the figures).

Lua throws errors with longjmp, through all C frames in between. So functions that call Lua hold
no Python reference, own no memory across such a call, and are `nogil`. Anything that may throw runs below
lua.pcall or lua.cpcall; the interpreter would end the process otherwise.

LuaJIT is not used: compiled traces run no count hook, so an endless loop could not be stopped, and its
allocator cannot be replaced everywhere.
"""


cdef extern from * nogil:
    """
    #include <dlfcn.h>
    """
    void *dlopen(const char *path, int mode)
    void *dlsym(void *handle, const char *name)
    int RTLD_NOW
    int RTLD_LOCAL

cdef const char **NAMES = [
    b"lua_newstate", b"lua_close", b"lua_newthread", b"lua_getallocf", b"lua_gettop", b"lua_settop", b"lua_pushvalue", b"lua_remove",
    b"lua_insert", b"lua_replace", b"lua_checkstack", b"lua_iscfunction", b"lua_isnumber", b"lua_type", b"lua_typename", b"lua_rawequal",
    b"lua_tonumber", b"lua_toboolean", b"lua_tolstring", b"lua_objlen", b"lua_newuserdata", b"lua_touserdata", b"lua_topointer", b"lua_pushnil",
    b"lua_pushnumber", b"lua_pushlstring", b"lua_pushstring", b"lua_pushcclosure", b"lua_pushboolean",
    b"lua_pushlightuserdata", b"lua_gettable", b"lua_getfield", b"lua_rawget", b"lua_rawgeti", b"lua_createtable",
    b"lua_getmetatable", b"lua_getfenv", b"lua_settable", b"lua_setfield", b"lua_rawset", b"lua_rawseti",
    b"lua_setmetatable", b"lua_setfenv", b"lua_call", b"lua_pcall", b"lua_cpcall", b"lua_gc", b"lua_error", b"lua_next",
    b"lua_getstack", b"lua_getinfo", b"lua_getlocal", b"lua_sethook", b"luaL_loadbuffer", b"luaL_ref", b"luaL_unref", b"luaL_argerror",
    b"luaL_where", b"lua_concat", b"luaL_checknumber", b"luaL_checklstring", b"luaL_checktype", b"luaL_checkany",
    b"luaopen_base", b"luaopen_table", b"luaopen_string", b"luaopen_math",
]

cdef const char *ABSENT = b"ERR Lua scripting needs the package lupa, which cannot be imported: pip install lupa"
cdef const char *UNFIT = b"ERR Lua scripting needs a build of lupa whose lupa.lua51 exports Lua's C functions"
cdef bint LOADED = False


cdef object path_of_interpreter():
    try:
        import lupa.lua51 as interpreter
    except ImportError:
        return None
    import os
    return os.fsencode(interpreter.__file__)


cdef const char *lua_load() noexcept nogil:
    """Constant after the first success, so it belongs to no store."""
    global LOADED
    cdef void *handle
    cdef void **slots = <void **>&lua
    cdef size_t i
    if LOADED:
        return NULL
    with gil:
        path = path_of_interpreter()
        if path is None:
            return ABSENT
        handle = dlopen(<const char *><bytes>path, RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        return UNFIT
    for i in range(sizeof(lua_api) // sizeof(void *)):
        slots[i] = dlsym(handle, NAMES[i])
        if slots[i] == NULL:
            return UNFIT
    LOADED = True
    return NULL


def names():
    """The functions that are looked up, in order, for the test that compares them with the header."""
    return [NAMES[i].decode() for i in range(sizeof(lua_api) // sizeof(void *))]
