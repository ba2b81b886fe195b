"""Functions shared by SCAN, HSCAN, SSCAN and ZSCAN: cursors and collection of matches. See scanning.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.run.call cimport call

cdef struct gathering:         # of one HSCAN, SSCAN or ZSCAN
    call *c
    entry *e
    view pattern
    bint any
    int64_t count
    int64_t found              # elements written
    bint only_names            # NOVALUES, NOSCORES

ctypedef uint64_t (*scan_step)(gathering *g, uint64_t cursor) noexcept nogil

cdef bint read_cursor(call *c, view v, uint64_t *cursor) noexcept nogil       # False: the error is replied
cdef void write_cursor(call *c, size_t at, uint64_t cursor) noexcept nogil    # before what was written since `at`
cdef bint scan_refuses(call *c, view word) noexcept nogil                      # an option that belongs to another type: True, and the error is replied
cdef void scan_value(call *c, int type, scan_step step) noexcept nogil         # the whole command
cdef bint scan_wants(gathering *g, view name) noexcept nogil                  # does it match?
