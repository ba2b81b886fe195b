"""Read-only tables, used for globals and libraries.

Lua 5.1 has none, so a script gets an empty proxy: its metatable finds the real table by __index and refuses
__newindex, and is itself hidden by __metatable. Functions that bypass metatables must handle proxies (base.pyx):
readers resolve them, writers refuse them. No function returns the real table.
"""

from kvd.script.lua cimport T_STRING, T_TABLE, lua, pop, push_function, raise_text

cdef char MARK                 # its address is the key of the real table in a proxy's metatable

cdef const char *READONLY = b"Attempt to modify a readonly table"


cdef int refuse(lua_State *L) noexcept nogil:
    return raise_text(L, READONLY)


cdef void protect(lua_State *L) noexcept nogil:
    lua.createtable(L, 0, 0)                   # real proxy
    lua.createtable(L, 0, 4)                   # real proxy meta
    lua.pushlightuserdata(L, &MARK)
    lua.pushvalue(L, -4)
    lua.rawset(L, -3)
    lua.pushvalue(L, -3)
    lua.setfield(L, -2, b"__index")
    push_function(L, refuse)
    lua.setfield(L, -2, b"__newindex")
    lua.pushboolean(L, False)
    lua.setfield(L, -2, b"__metatable")
    lua.setmetatable(L, -2)
    lua.remove(L, -2)


cdef void resolve(lua_State *L, int i) noexcept nogil:
    lua.pushvalue(L, i)
    if lua.type(L, -1) != T_TABLE or not lua.getmetatable(L, -1):
        return
    lua.pushlightuserdata(L, &MARK)
    lua.rawget(L, -2)                          # value meta real
    if lua.type(L, -1) == T_TABLE:
        lua.replace(L, -3)
        pop(L, 1)
    else:
        pop(L, 2)


cdef bint is_protected(lua_State *L, int i) noexcept nogil:
    cdef bint it_is
    if lua.type(L, i) != T_TABLE or not lua.getmetatable(L, i):
        return False
    lua.pushlightuserdata(L, &MARK)
    lua.rawget(L, -2)
    it_is = lua.type(L, -1) == T_TABLE
    pop(L, 2)
    return it_is


cdef void add_functions(lua_State *L, const named *list) noexcept nogil:
    while list.name != NULL:
        push_function(L, list.run)
        lua.setfield(L, -2, list.name)
        list += 1


cdef int no_such_global(lua_State *L) noexcept nogil:
    cdef const char *name = lua.tolstring(L, 2, NULL) if lua.type(L, 2) == T_STRING else NULL
    lua.where(L, 1)
    lua.pushstring(L, b"Script attempted to access nonexistent global variable '")
    lua.pushstring(L, name if name != NULL else lua.typename(L, lua.type(L, 2)))
    lua.pushstring(L, b"'")
    lua.concat(L, 4)
    return lua.error(L)


cdef void refuse_globals(lua_State *L) noexcept nogil:
    lua.createtable(L, 0, 1)
    push_function(L, no_such_global)
    lua.setfield(L, -2, b"__index")
    lua.setmetatable(L, -2)
