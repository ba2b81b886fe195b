"""The cache of scripts. See cache.pyx."""

from kvd.core.sha1 cimport SHA1_TEXT
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.script.runtime cimport runtime

cdef struct script:
    char sha[SHA1_TEXT]
    view code                  # own copy, after this struct
    int index                  # in Lua's registry
    int flags
    bint lasting               # of SCRIPT LOAD
    script *older
    script *newer

cdef script *script_find(runtime *r, view name) noexcept nogil        # by SHA-1, in any case; NULL: it is not cached
cdef script *script_add(call *c, runtime *r, const char *sha, view code, bint lasting) noexcept nogil   # compiles; NULL: the error is replied
cdef void script_keep(runtime *r, script *one) noexcept nogil         # until SCRIPT FLUSH
cdef void scripts_flush(runtime *r) noexcept nogil                    # removes all
cdef bint read_shebang(call *c, view code, int *flags, view *body) noexcept nogil   # c NULL: replies no error. False: the line is wrong
