"""redis.register_function. See register.pyx."""

from kvd.script.lua cimport lua_State

cdef int register_function(lua_State *L) noexcept nogil
