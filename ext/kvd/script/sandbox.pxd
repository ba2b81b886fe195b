"""The globals of scripts and of libraries. See sandbox.pyx."""

from kvd.script.lua cimport lua_State
from kvd.script.runtime cimport runtime

cdef void sandbox_open(lua_State *L, runtime *r) noexcept nogil     # makes the globals; may throw
cdef void library_environment(runtime *r, bint loading) noexcept nogil   # selects the globals of libraries: few while they are loaded
