"""Runs and stops compiled functions. See execution.pyx."""

from kvd.run.call cimport call
from kvd.script.lua cimport lua_State
from kvd.script.runtime cimport running, runtime
from kvd.store.store cimport store

cdef bint read_keys(call *c, running *run, const char *not_a_number) noexcept nogil   # numkeys and the words after it; False: the error is replied
cdef bint admit(call *c, running *run, bint read_only) noexcept nogil      # may it run? False: the error is replied
cdef void run_function(runtime *r, running *run) noexcept nogil            # calls run.function; replies
cdef void kill(call *c, bint is_function) noexcept nogil                   # SCRIPT KILL, FUNCTION KILL; replies
cdef void hook_again(runtime *r) noexcept nogil                            # restores the hook after a function was stopped
cdef int execution_open(lua_State *L) noexcept nogil                       # registers its functions; may throw
