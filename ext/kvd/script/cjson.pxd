"""The library `cjson` of scripts. See cjson.pyx."""

from kvd.script.lua cimport lua_State

cdef void cjson_open(lua_State *L) noexcept nogil      # adds it to the table on top; may throw
