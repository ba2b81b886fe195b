"""Libraries of functions, and the tables that contain them. See libraries.pyx."""

from kvd.core.table cimport table_cursor
from kvd.core.view cimport view
from kvd.script.runtime cimport runtime

cdef struct function:
    view name                  # own copies
    view key                   # the name in lower case: FCALL does not distinguish
    view description           # ptr NULL: none
    int index                  # in Lua's registry
    int flags
    library *owner

cdef struct library:
    view name
    view code
    function **functions
    int count

cdef library *library_make(view name, view code) noexcept nogil            # without functions; NULL: no memory
cdef void library_free(runtime *r, library *l) noexcept nogil
cdef bint library_add(library *l, view name, view description, int flags, int index) noexcept nogil   # a function; False: no memory
cdef function *library_find(library *l, view name) noexcept nogil          # by its name in lower case
cdef bint name_is_good(view name) noexcept nogil

cdef bint libraries_put(runtime *r, library *l) noexcept nogil             # into the tables; False: no memory
cdef void libraries_drop(runtime *r, library *l) noexcept nogil            # removes it from the tables, and frees it
cdef void libraries_flush(runtime *r) noexcept nogil
cdef void libraries_account(runtime *r) noexcept nogil                     # to be called after any of these three
cdef function *function_find(runtime *r, view name) noexcept nogil         # in any case; NULL: there is none
cdef library *libraries_next(runtime *r, table_cursor *at, view pattern) noexcept nogil   # the next whose name matches (ptr NULL: all); NULL at the end
