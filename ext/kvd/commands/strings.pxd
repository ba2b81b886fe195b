"""Functions that the Python doors call without the gate, and functions shared by commands on strings. See strings.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.run.call cimport call

cdef enum time_flag:           # options that SET, GETEX and INCREX share
    SET_EX = 1
    SET_PX = 2
    SET_EXAT = 4
    SET_PXAT = 8
    SET_TIMES = 15             # all of these
    SET_KEEPTTL = 16
    SET_PERSIST = 32

cdef struct option_word:
    const char *word
    int flag
    int excludes               # flags that must not precede it; with its own, it may be given only once
    bint takes_value

cdef int next_option(call *c, int *at, const option_word *words, int count, int allowed, int *flags) noexcept nogil   # reads one and its value at argument *at, which moves behind them; returns its flag, 0: the error is replied
cdef bint read_time(call *c, int at, int flags, int64_t *deadline) noexcept nogil   # the time at that argument, of an option among the flags; 0: there is none. False: the error is replied
cdef bint plain_set(call *c, view key, view value) noexcept nogil    # SET without options; False: the error is replied
cdef bint too_long(call *c, unsigned long long n) noexcept nogil     # for a string; True: the error is replied
cdef bint string_put(call *c, view key, view value, uint64_t hash, entry *old, int64_t deadline, bint keep_ttl) noexcept nogil    # False: the error is replied
cdef void string_propagate(call *c, view key, view value, int64_t deadline, bint keep_ttl) noexcept nogil    # SET
