"""The section Replication of INFO, and the other figures of replication."""

from libc.stdint cimport int64_t

from kvd.commands.info cimport info_section
from kvd.core.buf cimport buf, buf_printf
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view
from kvd.replica.backlog cimport backlog_first
from kvd.replica.failover cimport failover_text
from kvd.replica.master cimport replica_host
from kvd.replica.replication cimport (
    LINK_CONNECTED, LINK_SYNC, REPLICA_NONE, REPLICA_ONLINE, REPLICA_WAITING, is_replica, replica, replication,
    replication_of,
)
from kvd.store.config cimport (
    OPT_MIN_REPLICAS_MAX_LAG, OPT_MIN_REPLICAS_TO_WRITE, OPT_REPLICA_ANNOUNCED, OPT_REPLICA_PRIORITY,
    OPT_REPLICA_READ_ONLY, OPT_REPL_BACKLOG_SIZE, cfg,
)
from kvd.store.store cimport store


cdef int64_t seconds_since(int64_t ms) noexcept nogil:
    return max(wall_ms() - ms, <int64_t>0) // 1000


cdef void print_link(store *s, replication *r, buf *out) noexcept nogil:
    cdef bint up = r.up.state == LINK_CONNECTED
    cdef bint syncs = r.up.state == LINK_SYNC and r.up.total != 0 and r.up.arrived >= 0
    buf_printf(out, b"master_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\nmaster_last_io_seconds_ago:%lld\r\n"
               b"master_sync_in_progress:%d\r\nslave_read_repl_offset:%lld\r\nslave_repl_offset:%lld\r\n",
               r.up.host, r.up.port, <const char *>(b"up" if up else b"down"), <long long>(seconds_since(r.up.heard_ms) if up else -1),
               <int>syncs, <long long>(r.up.received if up else r.stream.offset), <long long>r.stream.offset)
    if syncs:
        buf_printf(out, b"master_sync_total_bytes:%lld\r\nmaster_sync_read_bytes:%lld\r\nmaster_sync_left_bytes:%lld\r\n"
                   b"master_sync_perc:%.2f\r\nmaster_sync_last_io_seconds_ago:%lld\r\n", <long long>max(r.up.total, <int64_t>0),
                   <long long>r.up.arrived, <long long>(r.up.total - r.up.arrived if r.up.total > 0 else -r.up.arrived),
                   r.up.arrived * 100.0 / r.up.total if r.up.total > 0 else 0.0, <long long>seconds_since(r.up.heard_ms))
    if not up:
        buf_printf(out, b"master_link_down_since_seconds:%lld\r\n", <long long>seconds_since(r.up.down_ms))
    buf_printf(out, b"slave_priority:%lld\r\nslave_read_only:%lld\r\nreplica_announced:%lld\r\n",
               <long long>cfg(&s.config, OPT_REPLICA_PRIORITY), <long long>cfg(&s.config, OPT_REPLICA_READ_ONLY),
               <long long>cfg(&s.config, OPT_REPLICA_ANNOUNCED))


cdef void print_replica(replica *one, int n, buf *out) noexcept nogil:
    cdef view host = replica_host(one)
    buf_printf(out, b"slave%d:ip=%.*s,port=%d,state=%s,offset=%lld,lag=%lld\r\n", n, <int>host.len, host.ptr, one.port,
               <const char *>(b"online" if one.state == REPLICA_ONLINE else b"wait_bgsave" if one.state == REPLICA_WAITING else b"send_bulk"),
               <long long>one.acknowledged, <long long>(seconds_since(one.heard_ms) if one.state == REPLICA_ONLINE else 0))


cdef int64_t count_good(store *s, replication *r) noexcept nogil:
    cdef replica *one = r.first
    cdef int64_t n = 0
    while one != NULL:
        n += one.state == REPLICA_ONLINE and seconds_since(one.heard_ms) <= cfg(&s.config, OPT_MIN_REPLICAS_MAX_LAG)
        one = one.next
    return n


cdef void print_replicas(store *s, replication *r, buf *out) noexcept nogil:
    cdef replica *one = r.first
    cdef int n = 0
    buf_printf(out, b"connected_slaves:%d\r\n", r.count)
    if cfg(&s.config, OPT_MIN_REPLICAS_TO_WRITE) and cfg(&s.config, OPT_MIN_REPLICAS_MAX_LAG):
        buf_printf(out, b"min_slaves_good_slaves:%lld\r\n", <long long>count_good(s, r))
    while one != NULL:
        if one.state != REPLICA_NONE:
            print_replica(one, n, out)
            n += 1
        one = one.next


cdef void print_replication(store *s, buf *out) noexcept nogil:
    cdef replication *r = replication_of(s)
    cdef int64_t first
    buf_printf(out, b"role:%s\r\n", <const char *>(b"slave" if is_replica(s) else b"master"))
    if r == NULL:
        buf_printf(out, b"connected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:%s\r\n"
                   b"master_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\nsecond_repl_offset:-1\r\n"
                   b"repl_backlog_active:0\r\nrepl_backlog_size:%lld\r\nrepl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n",
                   s.run_id, <long long>cfg(&s.config, OPT_REPL_BACKLOG_SIZE))
        return
    if is_replica(s):
        print_link(s, r, out)
    print_replicas(s, r, out)
    first = backlog_first(&r.stream)
    buf_printf(out, b"master_failover_state:%s\r\nmaster_replid:%s\r\nmaster_replid2:%s\r\nmaster_repl_offset:%lld\r\nsecond_repl_offset:%lld\r\n"
               b"repl_backlog_active:%d\r\nrepl_backlog_size:%lld\r\nrepl_backlog_first_byte_offset:%lld\r\nrepl_backlog_histlen:%lld\r\n",
               failover_text(r), r.id, r.former, <long long>r.stream.offset, <long long>r.former_upto, <int>r.kept,
               <long long>cfg(&s.config, OPT_REPL_BACKLOG_SIZE), <long long>(first + 1 if r.kept else 0), <long long>(r.stream.offset - first if r.kept else 0))


info_section(b"replication", print_replication)
