"""The link of a replica to its master. See link.pyx."""

from kvd.core.view cimport view
from kvd.replica.replication cimport replication
from kvd.store.store cimport store

cdef bint link_follow(store *s, view host, int port, bint hands_over) noexcept nogil   # under the lock: REPLICAOF host port. hands_over: it is to become the master (FAILOVER). False: no memory, or no thread
cdef bint link_promote(store *s) noexcept nogil                     # under the lock: REPLICAOF NO ONE. False: it is no replica
cdef const char *link_state_text(replication *r) noexcept nogil     # as ROLE has it
cdef void link_stop(replication *r) noexcept nogil                  # without the lock: ends the thread, and waits for that
cdef void link_abandon(replication *r) noexcept nogil               # in the child of a fork, where the thread does not exist: the store is a master
