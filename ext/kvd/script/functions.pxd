"""FUNCTION and FCALL: libraries of functions. See functions.pyx."""

from libc.stdint cimport int64_t

from kvd.script.lua cimport lua_State
from kvd.script.runtime cimport runtime

cdef int register_function(lua_State *L) noexcept nogil           # redis.register_function
cdef void libraries_flush(runtime *r) noexcept nogil              # forgets all
cdef bint load_overdue(runtime *r) noexcept nogil                 # the code of a library runs for too long
cdef int run_library(lua_State *L) noexcept nogil                # runs the code whose registry index its argument points to
