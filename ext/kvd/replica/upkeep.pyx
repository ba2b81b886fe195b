"""The regular work, the options and the end of replication."""

from libc.stdint cimport int64_t
from libc.stdlib cimport free

from kvd.core.clock cimport NEVER, wall_ms
from kvd.replica.backlog cimport backlog_trim
from kvd.replica.failover cimport failover_tick
from kvd.replica.link cimport link_abandon, link_stop
from kvd.replica.master cimport master_tick, replicas_count
from kvd.replica.replication cimport replication, replication_of, stream_end
from kvd.replica.transfer cimport transfer_abandon, transfer_begin_due, transfer_due_ms, transfer_stop
from kvd.store.config cimport OPT_MIN_REPLICAS_TO_WRITE, OPT_REPL_BACKLOG_SIZE, cfg
from kvd.store.parts cimport PART_REPLICATION

cdef enum:
    TICK_MS = 1000
    SOON_MS = 100              # while a snapshot or a failover is awaited


cdef void replication_tick(store *s) noexcept nogil:
    cdef replication *r = replication_of(s)
    cdef int64_t now = wall_ms()
    if r == NULL or not (r.kept or r.count or r.first != NULL or r.up.has_thread):
        return
    if now >= r.due_ms:
        master_tick(r, now)
        r.due_ms = now + TICK_MS
    transfer_begin_due(r, now)
    failover_tick(r, now)
    s.due = min(s.due, r.due_ms)
    if r.transfer != NULL or r.failover.state or transfer_due_ms(r, now) != NEVER:
        s.due = min(s.due, now + SOON_MS)


cdef void replication_options(store *s) noexcept nogil:
    if replication_of(s) != NULL:
        backlog_trim(&replication_of(s).stream, <size_t>cfg(&s.config, OPT_REPL_BACKLOG_SIZE))
    if replication_of(s) != NULL or cfg(&s.config, OPT_MIN_REPLICAS_TO_WRITE):
        replicas_count(s)


cdef void replication_stop(store *s) noexcept nogil:
    if replication_of(s) != NULL:
        link_stop(replication_of(s))
        transfer_stop(replication_of(s))


cdef void replication_release(store *s) noexcept nogil:
    cdef replication *r = replication_of(s)
    if r != NULL:
        stream_end(r)
        free(r)
        s.parts[<int>PART_REPLICATION] = NULL


cdef void replication_abandon(store *s) noexcept nogil:
    cdef replication *r = replication_of(s)
    if r != NULL:
        link_abandon(r)
        transfer_abandon(r)
        stream_end(r)
