"""What a script may see and do. See sandbox.pyx."""

from kvd.script.lua cimport lua_CFunction, lua_State
from kvd.script.runtime cimport runtime

cdef struct named:             # a function of a library; the last has no name
    const char *name
    lua_CFunction run

cdef void sandbox_open(lua_State *L, runtime *r) noexcept nogil     # makes the globals; may throw
cdef void library_environment(runtime *r, bint loading) noexcept nogil   # what the code of libraries sees: little while it is loaded
cdef void protect(lua_State *L) noexcept nogil                      # the table on top becomes one that nobody can write to
cdef void resolve(lua_State *L, int i) noexcept nogil               # pushes the table behind a protected one, or the value itself
cdef bint is_protected(lua_State *L, int i) noexcept nogil
cdef void add_functions(lua_State *L, const named *list) noexcept nogil   # to the table on top
cdef void refuse_globals(lua_State *L) noexcept nogil               # the table on top throws when a name is not in it
