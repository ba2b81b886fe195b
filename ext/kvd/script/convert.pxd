"""Replies to Lua values and back. See convert.pyx."""

from kvd.core.view cimport view
from kvd.script.lua cimport lua_State
from kvd.script.runtime cimport running

cdef void push_reply(lua_State *L, view reply) noexcept nogil               # one whole reply; may throw
cdef void reply_from_value(lua_State *L, running *run) noexcept nogil       # of the value on top; pops it; may throw
cdef int give_error(lua_State *L, const char *text, bint throws) noexcept nogil   # {err = text}, pushed or thrown
