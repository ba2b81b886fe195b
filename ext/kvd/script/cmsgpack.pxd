"""The library `cmsgpack` of scripts. See cmsgpack.pyx."""

from kvd.script.lua cimport lua_State

cdef void cmsgpack_open(lua_State *L) noexcept nogil      # adds it to the table on top; may throw
