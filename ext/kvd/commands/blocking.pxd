"""Commands that wait for keys, and how they are served. See blocking.pyx."""

from libc.stdint cimport int64_t

from kvd.commands.table cimport call
from kvd.core.view cimport view
from kvd.store.keyspace cimport store

cdef void wait_for_keys(call *c, view *argv, int at, int count, int step, int64_t deadline, int type, bint on_gone,
                        int null) noexcept nogil
# argv: the words to run again, usually c.argv; its keys at `at`. Inside a transaction the null is replied instead.
cdef void serve_ready(store *s) noexcept nogil                     # after each command, while store.ready
