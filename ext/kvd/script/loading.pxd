"""Loading of libraries. See loading.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.script.libraries cimport library
from kvd.script.lua cimport lua_State
from kvd.script.runtime cimport runtime

cdef struct batch:             # libraries to be admitted together
    library **libraries
    int count
    bint replace               # those of the same name
    bint flush                 # all existing ones

cdef library *library_new(call *c, runtime *r, view code, bint replace) noexcept nogil   # not yet in the tables; NULL: the error is replied
cdef bint admit_batch(call *c, runtime *r, batch *b) noexcept nogil        # all or none; takes the libraries over. False: the error is replied
cdef int loading_open(lua_State *L) noexcept nogil                         # registers its function; may throw
