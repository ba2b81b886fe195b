"""The debugger of scripts: SCRIPT DEBUG. See debugger.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.script.lua cimport lua_Debug, lua_State
from kvd.script.runtime cimport running, runtime

cdef struct debugging

cdef bint is_debugged(call *c) noexcept nogil                              # is the EVAL to run in the debugger?
cdef debugging *debugger_new(call *c, view code) noexcept nogil            # NULL: no memory, the error is replied
cdef void debugger_end(debugging *d, call *c) noexcept nogil               # tells the client, before the reply that is in c.out, and ends the session; frees d

# of r.now, the running script, if r.now.debugger is not NULL. Each may set run.killed:
cdef void debugger_line(runtime *r, lua_State *L, lua_Debug *at) noexcept nogil   # before each line, from a hook
cdef void debugger_count(runtime *r) noexcept nogil                        # regularly, from a hook
cdef bint debugger_cuts(runtime *r) noexcept nogil                         # from a hook: does code of the client take too long?
cdef void debugger_break(runtime *r) noexcept nogil                        # redis.breakpoint()
cdef void debugger_log(runtime *r, lua_State *L) noexcept nogil            # redis.debug() with the arguments on the stack
cdef void debugger_called(runtime *r, view *argv, int argc) noexcept nogil  # the script has run a command,
cdef void debugger_replied(runtime *r, view reply) noexcept nogil          # and got this reply
