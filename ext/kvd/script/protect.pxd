"""Read-only tables. See protect.pyx."""

from kvd.script.lua cimport lua_CFunction, lua_State

cdef struct named:             # a function of a library; the last has no name
    const char *name
    lua_CFunction run

cdef const char *READONLY

cdef void protect(lua_State *L) noexcept nogil                      # makes the table on top read-only for scripts
cdef void resolve(lua_State *L, int i) noexcept nogil               # pushes the real table of a proxy, or the value itself
cdef bint is_protected(lua_State *L, int i) noexcept nogil
cdef void add_functions(lua_State *L, const named *list) noexcept nogil   # to the table on top
cdef int no_such_global(lua_State *L) noexcept nogil                # an __index that throws
cdef void refuse_globals(lua_State *L) noexcept nogil               # the table on top throws when a name is not in it
