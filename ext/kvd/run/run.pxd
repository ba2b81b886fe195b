"""Runs calls that have passed the gate. See run.pyx."""

from libc.stdint cimport uint64_t

from kvd.core.buf cimport buf
from kvd.run.call cimport call

cdef void run(call *c) noexcept nogil                              # after the gate
cdef void run_quietly(call *c) noexcept nogil                      # for the loader of the log: without measuring, tracking and propagation
cdef void run_ended(call *c, uint64_t spent, bint failed) noexcept nogil   # of a blocked call that ended without being served: measured with this many ticks
cdef void show(call *c) noexcept nogil                             # sends it to the sessions in MONITOR mode
cdef void quote_byte(buf *line, unsigned char ch) noexcept nogil   # as inside quotes: control bytes are shown, not meant
