"""Lifetimes of numbered nodes: expiry, idle times and staleness. See lives.pyx."""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.clock cimport COARSE_LAG, NEVER, mono_us
from kvd.core.entry cimport timer
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.slab cimport column, column_at
from kvd.core.wheel cimport WHEEL_TICK, wheel

cdef extern from * nogil:
    """
    #define KVD_FOREVER ((int64_t)1 << 57)
    """
    const int64_t FOREVER "KVD_FOREVER"     # longer times to live count as none

cdef struct life:
    timer t                    # deadline 0: none
    uint32_t id

cdef struct idle:
    int64_t tti                # 0: none
    int64_t last               # the entry ends here whatever its use; NEVER: no such time

cdef struct lives:
    heap *mem
    column ends                # life
    column idles               # idle
    column softs               # int64_t: when an entry becomes stale; 0: never
    wheel *due                 # NULL: lives_start was not called
    bint timed                 # some node may have a deadline
    bint real                  # times are the monotonic clock's
    bint hurry                 # a deadline was set that is before `planned`
    double jitter
    int64_t soonest            # the first deadline in the wheel, or the microsecond after it
    int64_t planned            # wakeup time of the janitor

cdef void lives_init(lives *l, heap *h) noexcept nogil
cdef bint lives_start(lives *l, int64_t now) noexcept nogil                        # enables deadlines; False: no memory
cdef void lives_release(lives *l) noexcept nogil                                    # no node is left: frees the columns
cdef void lives_close(lives *l, uint32_t segment) noexcept nogil                    # the slab gave a segment back
cdef bint lives_end(lives *l, uint32_t i, int64_t deadline) noexcept nogil          # NEVER: it has none; False: no memory, and it has none
cdef bint lives_give(lives *l, uint32_t i, int64_t now, int64_t ttl, int64_t tti, rng *chance) noexcept nogil   # both count from now; False: no memory
cdef void lives_use(lives *l, uint32_t i, int64_t now) noexcept nogil               # a use: the idle time starts again
cdef bint lives_neglected(lives *l, uint32_t i) noexcept nogil                      # of an expired node: the idle time ended, not the ttl
cdef void lives_forget(lives *l, uint32_t i) noexcept nogil                         # the node is removed
cdef uint32_t lives_due(lives *l, int64_t now, int *budget) noexcept nogil          # a node that has expired, out of the wheel; 0: none, or budget spent
cdef void lives_look(lives *l) noexcept nogil                                       # updates `soonest`
cdef bint lives_soften(lives *l, uint32_t i, int64_t at) noexcept nogil             # stale from `at` on, 0: never; False: no memory
cdef bint lives_stale(lives *l, uint32_t i, int64_t now) noexcept nogil
cdef int64_t lives_tti(lives *l, uint32_t i) noexcept nogil                         # 0: none
cdef int64_t lives_last(lives *l, uint32_t i) noexcept nogil                        # the deadline of the ttl, whatever the tti; 0 or NEVER: none


cdef inline int64_t later(int64_t now, int64_t span) noexcept nogil:
    return NEVER if span >= FOREVER else now + span


cdef inline int64_t lives_deadline(lives *l, uint32_t i) noexcept nogil:
    """0: none."""
    cdef life *a = <life *>column_at(&l.ends, i)
    return a.t.deadline // WHEEL_TICK if a != NULL else 0


cdef inline int64_t lives_exact(lives *l, int64_t now) noexcept nogil:
    """The exact time: `now` is of the coarse clock."""
    return mono_us() if l.real else now


cdef inline bint lives_over(lives *l, uint32_t i, int64_t now) noexcept nogil:
    """Whether the node has expired; `now` may lag by COARSE_LAG."""
    cdef int64_t deadline = lives_deadline(l, i)
    if deadline == 0 or now + COARSE_LAG < deadline:
        return False
    return lives_exact(l, now) >= deadline
