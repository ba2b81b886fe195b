"""Values as the debugger shows them. See shown.pyx."""

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.script.lua cimport lua_State

cdef void show_value(lua_State *L, int i, buf *out, size_t most) noexcept nogil    # of Lua's stack; it ends soon after so many bytes
cdef void show_reply(view reply, buf *out) noexcept nogil                          # RESP, of a command
