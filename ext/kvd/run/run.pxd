"""How a call that has passed the gate runs. See run.pyx."""

from libc.stdint cimport uint64_t

from kvd.run.call cimport call

cdef void run(call *c) noexcept nogil                              # past the gate
cdef void run_ended(call *c, uint64_t spent, bint failed) noexcept nogil   # of a call that waited in vain: measured after so many ticks
cdef void show(call *c) noexcept nogil                             # to sessions that MONITOR
