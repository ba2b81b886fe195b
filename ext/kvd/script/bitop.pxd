"""The library `bit` of scripts. See bitop.pyx."""

from kvd.script.lua cimport lua_State

cdef void bit_open(lua_State *L) noexcept nogil      # adds it to the table on top; may throw
