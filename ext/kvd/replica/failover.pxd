"""FAILOVER: a replica takes over, and nothing is lost. See failover.pyx."""

from libc.stdint cimport int64_t

from kvd.core.view cimport view
from kvd.replica.replication cimport replication
from kvd.run.call cimport call

cdef enum failover_state:
    FAILOVER_NONE
    FAILOVER_WAITING           # writes are paused, until a replica has everything
    FAILOVER_RUNNING           # it has been told to take over

cdef void failover_begin(replication *r, view host, int port, int64_t timeout_ms, bint forced) noexcept nogil   # host empty: any replica
cdef void failover_abort(replication *r, const char *why) noexcept nogil
cdef void failover_tick(replication *r, int64_t now) noexcept nogil
cdef const char *failover_text(replication *r) noexcept nogil          # as INFO has it
