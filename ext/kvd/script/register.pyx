"""redis.register_function, which the code of a library calls while it is loaded."""

from kvd.core.view cimport view, view_equal_folded, view_is, view_of
from kvd.run.errors cimport NO_MEMORY
from kvd.script.convert cimport give_error
from kvd.script.flags cimport flag_named
from kvd.script.libraries cimport library, library_add, name_is_good
from kvd.script.lua cimport REGISTRY, T_FUNCTION, T_NUMBER, T_STRING, T_TABLE, is_nil, lua, pop
from kvd.script.runtime cimport runtime, runtime_of


cdef int wrong(lua_State *L, const char *text) noexcept nogil:
    return give_error(L, text, True)


cdef bint is_text(lua_State *L, int i) noexcept nogil:
    return lua.type(L, i) == T_STRING or lua.type(L, i) == T_NUMBER


cdef int named_flags(lua_State *L) noexcept nogil:
    """Of the list on top."""
    cdef int flags = 0
    cdef int i = 1
    cdef size_t n
    cdef const char *p
    cdef bint more = True
    while more:
        lua.rawgeti(L, -1, i)
        more = not is_nil(L, -1)
        if more:
            p = lua.tolstring(L, -1, &n) if lua.type(L, -1) == T_STRING else NULL
            if p == NULL or not flag_named(view_of(p, n), &flags):
                wrong(L, b"ERR unknown flag given")
        pop(L, 1)
        i += 1
    return flags


cdef int read_named(lua_State *L) noexcept nogil:
    """The form with one table: leaves name, callback and description (or nil) at 2, 3, 4; returns the flags."""
    cdef int flags = 0
    cdef size_t n
    cdef view key
    lua.pushnil(L)
    lua.pushnil(L)
    lua.pushnil(L)
    lua.pushnil(L)
    while lua.next(L, 1):
        if lua.type(L, -2) != T_STRING:
            return wrong(L, b"ERR unknown argument given to redis.register_function")
        key.ptr = lua.tolstring(L, -2, &n)
        key.len = n
        if view_is(key, b"function_name"):
            if not is_text(L, -1):
                return wrong(L, b"ERR function_name argument given to redis.register_function must be a string")
            lua.replace(L, 2)
        elif view_is(key, b"callback"):
            if lua.type(L, -1) != T_FUNCTION:
                return wrong(L, b"ERR callback argument given to redis.register_function must be a function")
            lua.replace(L, 3)
        elif view_is(key, b"description"):
            if not is_text(L, -1):
                return wrong(L, b"ERR description argument given to redis.register_function must be a string")
            lua.replace(L, 4)
        elif view_is(key, b"flags"):
            if lua.type(L, -1) != T_TABLE:
                return wrong(L, b"ERR flags argument to redis.register_function must be a table representing function flags")
            flags = named_flags(L)
            pop(L, 1)
        else:
            return wrong(L, b"ERR unknown argument given to redis.register_function")
    if is_nil(L, 2):
        return wrong(L, b"ERR redis.register_function must get a function name argument")
    if is_nil(L, 3):
        return wrong(L, b"ERR redis.register_function must get a callback argument")
    return flags


cdef int read_positional(lua_State *L) noexcept nogil:
    """The same for (name, callback)."""
    if not is_text(L, 1):
        return wrong(L, b"ERR first argument to redis.register_function must be a string")
    if lua.type(L, 2) != T_FUNCTION:
        return wrong(L, b"ERR second argument to redis.register_function must be a function")
    lua.pushnil(L)
    lua.insert(L, 1)
    lua.pushnil(L)
    return 0


cdef int register_function(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef library *l = <library *>r.loading
    cdef view name, description
    cdef int flags, i
    if l == NULL:
        return wrong(L, b"ERR redis.register_function can only be called on FUNCTION LOAD command")
    if lua.gettop(L) < 1 or lua.gettop(L) > 2:
        return wrong(L, b"ERR wrong number of arguments to redis.register_function")
    if lua.gettop(L) == 1 and lua.type(L, 1) != T_TABLE:
        return wrong(L, b"ERR calling redis.register_function with a single argument is only applicable to Lua table "
                        b"(representing named arguments).")
    flags = read_named(L) if lua.gettop(L) == 1 else read_positional(L)
    name.ptr = lua.tolstring(L, 2, &name.len)
    description = view_of(NULL, 0)
    if not is_nil(L, 4):
        description.ptr = lua.tolstring(L, 4, &description.len)
    if not name_is_good(name):
        return wrong(L, b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
    for i in range(l.count):
        if view_equal_folded(l.functions[i].name, name):
            return wrong(L, b"ERR Function already exists in the library")
    lua.pushvalue(L, 3)
    if not library_add(l, name, description, flags, lua.ref(L, REGISTRY)):
        return wrong(L, NO_MEMORY)
    return 0
