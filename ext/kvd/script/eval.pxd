"""EVAL and its kin, SCRIPT, and the cache of scripts. See eval.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.script.runtime cimport running, runtime

cdef void scripts_flush(runtime *r) noexcept nogil                     # forgets all cached scripts
cdef bint flag_named(view word, int *flags) noexcept nogil             # False: there is no such flag
cdef void write_flags(call *c, int flags) noexcept nogil               # as a set
cdef bint read_keys(call *c, running *run, const char *not_a_number) noexcept nogil   # numkeys and what follows; False: the error is replied
cdef bint admit(call *c, running *run, bint read_only) noexcept nogil  # may it run? False: the error is replied
cdef void kill_running(call *c, bint is_function) noexcept nogil       # and replies
