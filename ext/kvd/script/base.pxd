"""Lua's own functions, safe for scripts. See base.pyx."""

from kvd.script.lua cimport lua_State

cdef void base_open(lua_State *L) noexcept nogil     # replaces unsafe functions of Lua's libraries, and adds what scripts may use to the table on top; may throw
