"""A store's Lua interpreter, opened and closed. See interpreter.pyx."""

from kvd.run.call cimport call
from kvd.script.runtime cimport runtime
from kvd.store.store cimport store

cdef runtime *runtime_open(call *c) noexcept nogil                         # opens it if necessary; NULL: the error is replied
cdef void runtime_release(store *s) noexcept nogil                         # with all scripts and libraries
