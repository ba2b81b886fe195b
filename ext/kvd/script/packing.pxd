"""The library `struct` of scripts. See packing.pyx."""

from kvd.script.lua cimport lua_State

cdef void struct_open(lua_State *L) noexcept nogil      # adds it to the table on top; may throw
