"""INFO and MEMORY. One function per section; SECTIONS lists them."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.core.buf cimport buf_printf, buf_release
from kvd.core.clock cimport pace_update, wall_us
from kvd.core.entry cimport entry
from kvd.core.mem cimport mem_total
from kvd.core.table cimport table_bytes, table_hash
from kvd.core.text cimport DOUBLE_TEXT, format_percent
from kvd.core.view cimport view_is, view_of, view_str
from kvd.core.wheel cimport wheel_bytes
from kvd.resp.writer cimport write_double, write_verbatim
from kvd.run.acl.check cimport DENIED_CHANNEL, DENIED_COMMAND, DENIED_DATABASE, DENIED_KEY, DENIED_LOGIN
from kvd.run.acl.log cimport denials, denials_of
from kvd.run.args cimport arg_int, reply_error, reply_int, reply_map, reply_null, reply_ok, reply_text
from kvd.run.call cimport call
from kvd.run.emulation cimport redis_version, valkey_version
from kvd.run.errors cimport SYNTAX
from kvd.run.figures cimport OCTAVES, SUBDIVISIONS, bucket_top, command_figures, figures, figures_of, script_figures
from kvd.run.registry cimport command_at, command_count, define
from kvd.session.channels cimport CHANNEL, PATTERN, SHARD, channels_of
from kvd.session.session cimport clients, clients_of, session
from kvd.session.tracking cimport tracking_count, tracking_totals
from kvd.session.waiters cimport waits_count, waits_keys
from kvd.session.watches cimport watched_bytes, watched_keys
from kvd.store.config cimport (
    OPT_AVAILABILITY_ZONE, OPT_CLUSTER_ENABLED, OPT_DATABASES, OPT_HZ, OPT_IO_THREADS, OPT_MAXCLIENTS, OPT_MAXMEMORY,
    OPT_MAXMEMORY_POLICY, OPT_PORT, OPT_TLS_PORT, cfg, config_print, config_text,
)
from kvd.store.keyspace cimport keyspace_average_ttl, keyspace_expires, keyspace_find
from kvd.store.parts cimport PART_REPLICATION
from kvd.store.sizes cimport sizes_settle
from kvd.store.store cimport OPS_SAMPLES, SIZE_BINS, SIZED_TYPES, database, rate, store_memory
from kvd.types.value cimport value_bytes

import sys

cdef bytes executable = (sys.executable or "").encode()
cdef const char *EXECUTABLE = executable

cdef extern from *:
    const char *KVD_VERSION    # defined by setup.py: the version in pyproject.toml

VERSION = (<bytes>KVD_VERSION).decode()

cdef extern from "kvd/commands/info.h" nogil:
    void trim "kvd_trim" () noexcept
    double cpu_seconds "kvd_cpu" (int who, int system) noexcept
    void os_name "kvd_os" (char *out, size_t n) noexcept
    size_t resident "kvd_resident" () noexcept
    size_t physical_memory "kvd_physical" () noexcept
    int getpid()
    int RUSAGE_SELF
    int RUSAGE_CHILDREN
    int THIS_THREAD "KVD_RUSAGE_THREAD"
    const char *POLLER "KVD_POLLER"
    const char *ALLOCATOR "KVD_ALLOCATOR"
    int GCC_MAJOR "KVD_GCC_MAJOR"
    int GCC_MINOR "KVD_GCC_MINOR"
    int GCC_PATCH "KVD_GCC_PATCH"

cdef enum:
    SECTION_COUNT = 14

cdef struct section_row:
    const char *name
    const char *title
    section print
    bint plain                 # shown by INFO without arguments

cdef section_row SECTIONS[SECTION_COUNT]
SECTIONS[0] = section_row(b"server", b"Server", print_server, True)
SECTIONS[1] = section_row(b"clients", b"Clients", print_clients, True)
SECTIONS[2] = section_row(b"memory", b"Memory", print_memory, True)
SECTIONS[3] = section_row(b"persistence", b"Persistence", NULL, True)   # persist/commands.pyx
SECTIONS[4] = section_row(b"stats", b"Stats", print_stats, True)
SECTIONS[5] = section_row(b"replication", b"Replication", NULL, True)
SECTIONS[6] = section_row(b"cpu", b"CPU", print_cpu, True)
SECTIONS[7] = section_row(b"modules", b"Modules", print_modules, True)
SECTIONS[8] = section_row(b"commandstats", b"Commandstats", print_commandstats, False)
SECTIONS[9] = section_row(b"errorstats", b"Errorstats", print_errorstats, True)
SECTIONS[10] = section_row(b"latencystats", b"Latencystats", print_latencystats, False)
SECTIONS[11] = section_row(b"cluster", b"Cluster", print_cluster, True)
SECTIONS[12] = section_row(b"keyspace", b"Keyspace", print_keyspace, True)
SECTIONS[13] = section_row(b"keysizes", b"Keysizes", print_keysizes, True)


cdef const char *UNITS = b" KMGT"          # of sizes in bins: powers of 1024
cdef const char *SIZES_OF[SIZED_TYPES]
SIZES_OF[:] = [b"strings_sizes", b"lists_items", b"sets_items", b"zsets_items", b"hashes_items"]


cdef void info_section(const char *name, section print) noexcept:
    cdef int i
    for i in range(SECTION_COUNT):
        if view_is(view_str(name), SECTIONS[i].name):
            SECTIONS[i].print = print


cdef void human(char *out, uint64_t n) noexcept nogil:
    """Bytes with a unit, as INFO's *_human fields."""
    if n < 1024:
        snprintf(out, 32, b"%lluB", <unsigned long long>n)
    elif n < 1048576:
        snprintf(out, 32, b"%.2fK", n / 1024.0)
    elif n < 1073741824:
        snprintf(out, 32, b"%.2fM", n / 1048576.0)
    elif n < <uint64_t>1 << 40:
        snprintf(out, 32, b"%.2fG", n / 1073741824.0)
    else:
        snprintf(out, 32, b"%.2fT", n / 1099511627776.0)


cdef void print_bytes(buf *out, const char *name, uint64_t n) noexcept nogil:
    """A field and its human form."""
    cdef char text[32]
    human(text, n)
    buf_printf(out, b"%s:%llu\r\n%s_human:%s\r\n", name, <unsigned long long>n, name, text)


cdef void print_server(store *s, buf *out) noexcept nogil:
    cdef const char *mode = b"standalone"
    cdef char os[256]
    cdef int64_t up = (s.now - s.started_ms) // 1000
    cdef int64_t port = cfg(&s.config, OPT_PORT) or cfg(&s.config, OPT_TLS_PORT)
    os_name(os, sizeof(os))
    if cfg(&s.config, OPT_CLUSTER_ENABLED):
        mode = b"cluster"
    buf_printf(out, b"redis_version:%s\r\n", redis_version(s))
    if valkey_version(s) != NULL:
        buf_printf(out, b"valkey_version:%s\r\nvalkey_release_stage:ga\r\n", valkey_version(s))
    buf_printf(out, b"redis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:kvd\r\n"
               b"redis_mode:%s\r\nserver_name:%s\r\nserver_mode:%s\r\nkvd_version:%s\r\nos:%s\r\narch_bits:%d\r\ngcc_version:%d.%d.%d\r\n",
               mode, <const char *>b"kvd" if valkey_version(s) == NULL else <const char *>b"valkey", mode, KVD_VERSION, os, <int>(sizeof(void *) * 8), GCC_MAJOR, GCC_MINOR, GCC_PATCH)
    buf_printf(out, b"monotonic_clock:processor counter\r\nmultiplexing_api:%s\r\natomicvar_api:builtin\r\n"
               b"process_id:%d\r\nprocess_supervised:no\r\nrun_id:%s\r\ntcp_port:%lld\r\nserver_time_usec:%lld\r\n",
               POLLER, getpid(), s.run_id, <long long>port, <long long>wall_us())
    buf_printf(out, b"uptime_in_seconds:%lld\r\nuptime_in_days:%lld\r\nhz:%lld\r\nconfigured_hz:%lld\r\nlru_clock:%u\r\n",
               <long long>up, <long long>(up // 86400), <long long>cfg(&s.config, OPT_HZ),
               <long long>cfg(&s.config, OPT_HZ), <unsigned int>((s.now // 1000) & 0xffffff))
    buf_printf(out, b"executable:%s\r\nconfig_file:%s\r\nio_threads_active:%d\r\navailability_zone:%s\r\n", EXECUTABLE,
               s.config_path if s.config_path != NULL else <const char *>b"", cfg(&s.config, OPT_IO_THREADS) > 1,
               config_text(&s.config, OPT_AVAILABILITY_ZONE))


cdef void print_clients(store *s, buf *out) noexcept nogil:
    cdef clients *r = clients_of(s)
    buf_printf(out, b"connected_clients:%zu\r\ncluster_connections:0\r\nmaxclients:%lld\r\n", connected(r),
               <long long>cfg(&s.config, OPT_MAXCLIENTS))
    buf_printf(out, b"client_recent_max_input_buffer:%zu\r\nclient_recent_max_output_buffer:%zu\r\nblocked_clients:%zu\r\n"
               b"tracking_clients:%zu\r\npubsub_clients:%zu\r\nwatching_clients:%zu\r\nclients_in_timeout_table:0\r\n"
               b"total_watched_keys:%zu\r\ntotal_blocking_keys:%zu\r\ntotal_blocking_keys_on_nokey:%zu\r\n",
               r.max_input, r.max_output, waits_count(s) + paused(r), tracking_count(s), channels_of(s).listeners, watching(r),
               watched_keys(s), waits_keys(s, False), waits_keys(s, True))
    print_pause(s, out)


cdef void print_pause(store *s, buf *out) noexcept nogil:
    """CLIENT PAUSE."""
    cdef const char *actions = b"write" if clients_of(s).pause_writes_only else b"all"
    cdef int64_t left = max(s.paused_until - s.now, 0)
    buf_printf(out, b"paused_reason:%s\r\npaused_actions:%s\r\npaused_timeout_milliseconds:%lld\r\n",
               <const char *>b"client_pause" if left else <const char *>b"none", actions if left else <const char *>b"none", <long long>left)


cdef size_t connected(clients *r) noexcept nogil:
    """As Redis counts them: without replicas, but with the link to a master."""
    cdef session *c = r.first
    cdef size_t n = 0
    while c != NULL:
        n += c.fd >= 0 if c.master else not (c.in_process or c.syncs)
        c = c.next
    return n


cdef size_t paused(clients *r) noexcept nogil:
    """Sessions whose next command is suspended by CLIENT PAUSE."""
    cdef session *c = r.first
    cdef size_t n = 0
    while c != NULL:
        n += c.paused
        c = c.next
    return n


cdef size_t watching(clients *r) noexcept nogil:
    cdef session *c = r.first
    cdef size_t n = 0
    while c != NULL:
        n += c.watch_len > 0
        c = c.next
    return n


cdef size_t overhead(store *s) noexcept nogil:
    """Memory that is not keys and values: tables, wheels, clients."""
    cdef size_t n = clients_of(s).memory + watched_bytes(s)
    cdef int i
    for i in range(cfg(&s.config, OPT_DATABASES)):
        n += table_bytes(&s.dbs[i].keys) + wheel_bytes(s.dbs[i].expires)
    return n


cdef void print_scripting(script_figures *f, buf *out) noexcept nogil:
    """Scripts and functions share one interpreter."""
    print_bytes(out, b"used_memory_lua", f.lua)
    buf_printf(out, b"used_memory_vm_eval:%zu\r\nused_memory_scripts_eval:%zu\r\nnumber_of_cached_scripts:%zu\r\n", f.lua,
               f.script_bytes, f.scripts)
    buf_printf(out, b"number_of_functions:%zu\r\nnumber_of_libraries:%zu\r\nused_memory_vm_functions:0\r\n"
               b"used_memory_functions:%zu\r\n", f.functions, f.libraries, f.function_bytes)
    print_bytes(out, b"used_memory_vm_total", f.lua)
    print_bytes(out, b"used_memory_scripts", f.script_bytes + f.function_bytes)


cdef void print_allocator(store *s, size_t rss, buf *out) noexcept nogil:
    """The pages of all stores are resident, and in use; what else the process holds is overhead."""
    cdef size_t held = mem_total()
    buf_printf(out, b"allocator_allocated:%zu\r\nallocator_active:%zu\r\nallocator_resident:%zu\r\nallocator_muzzy:0\r\n"
               b"allocator_rss_ratio:1.00\r\nallocator_rss_bytes:0\r\nrss_overhead_ratio:%.2f\r\nrss_overhead_bytes:%lld\r\n",
               s.mem.used, held, held, rss / <double>held if held else 1.0, <long long>rss - <long long>held)


cdef void print_memory(store *s, buf *out) noexcept nogil:
    cdef size_t used = store_memory(s)
    cdef size_t peak = max(s.mem.peak, used)
    cdef size_t rss = resident()
    cdef size_t over = min(overhead(s), used)
    cdef buf policy
    print_bytes(out, b"used_memory", used)
    print_bytes(out, b"used_memory_rss", rss)
    print_bytes(out, b"used_memory_peak", peak)
    buf_printf(out, b"used_memory_peak_perc:%.2f%%\r\nused_memory_overhead:%zu\r\nused_memory_startup:0\r\n"
               b"used_memory_dataset:%zu\r\nused_memory_dataset_perc:%.2f%%\r\n", used * 100.0 / peak if peak else 0.0,
               over, used - over, (used - over) * 100.0 / used if used else 0.0)
    print_allocator(s, rss, out)
    print_bytes(out, b"total_system_memory", physical_memory())
    print_scripting(&figures_of(s).scripts, out)
    print_bytes(out, b"maxmemory", cfg(&s.config, OPT_MAXMEMORY))
    memset(&policy, 0, sizeof(policy))
    config_print(&s.config, OPT_MAXMEMORY_POLICY, &policy)
    buf_printf(out, b"maxmemory_policy:%.*s\r\n", <int>policy.len, policy.ptr)
    buf_release(&policy)
    buf_printf(out, b"allocator_frag_ratio:%.2f\r\nallocator_frag_bytes:%lld\r\nmem_fragmentation_ratio:%.2f\r\n"
               b"mem_fragmentation_bytes:%lld\r\n", mem_total() / <double>s.mem.used if s.mem.used else 1.0,
               <long long>mem_total() - <long long>s.mem.used, rss / <double>used if used else 1.0,
               <long long>rss - <long long>used)
    buf_printf(out, b"mem_not_counted_for_evict:0\r\nmem_overhead_db_hashtable_rehashing:0\r\nmem_replica_full_sync_buffer:0\r\nmem_replication_backlog:%zu\r\nmem_total_replication_buffers:%zu\r\n"
               b"mem_clients_slaves:0\r\nmem_clients_normal:%zu\r\nmem_cluster_links:0\r\nmem_aof_buffer:0\r\n"
               b"mem_allocator:%s\r\nactive_defrag_running:0\r\nlazyfree_pending_objects:%zu\r\nlazyfreed_objects:%llu\r\n",
               s.reported[<int>PART_REPLICATION], s.reported[<int>PART_REPLICATION], clients_of(s).memory, ALLOCATOR, pending_objects(s), <unsigned long long>s.stats.lazyfreed)


cdef size_t pending_objects(store *s) noexcept nogil:
    cdef size_t n = 0
    r = s.graveyard
    while r != NULL:
        n += r.keys.items + (r.value != NULL)
        r = r.next
    return n


cdef double per_second(rate *r) noexcept nogil:
    cdef int64_t total = 0
    cdef int i
    for i in range(OPS_SAMPLES):
        total += r.samples[i]
    return total / <double>OPS_SAMPLES


cdef void print_stats(store *s, buf *out) noexcept nogil:
    cdef size_t keys, items, prefixes
    buf_printf(out, b"total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\ninstantaneous_ops_per_sec:%lld\r\n"
               b"total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\ntotal_net_repl_input_bytes:%llu\r\n"
               b"total_net_repl_output_bytes:%llu\r\n", <unsigned long long>s.stats.connections,
               <unsigned long long>s.stats.commands, <long long>per_second(&s.stats.ops),
               <unsigned long long>s.stats.net_in, <unsigned long long>s.stats.net_out,
               <unsigned long long>s.stats.replicated_in, <unsigned long long>s.stats.replicated_out)
    buf_printf(out, b"instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n"
               b"instantaneous_input_repl_kbps:0.00\r\ninstantaneous_output_repl_kbps:0.00\r\nrejected_connections:%llu\r\n"
               b"sync_full:%llu\r\nsync_partial_ok:%llu\r\nsync_partial_err:%llu\r\n", per_second(&s.stats.input) / 1024,
               per_second(&s.stats.output) / 1024, <unsigned long long>s.stats.rejected_connections,
               <unsigned long long>s.stats.syncs_full, <unsigned long long>s.stats.syncs_continued, <unsigned long long>s.stats.syncs_refused)
    buf_printf(out, b"expired_subkeys:%llu\r\nexpired_fields:%llu\r\nevicted_scripts:%llu\r\n",
               <unsigned long long>s.stats.expired_fields, <unsigned long long>s.stats.expired_fields,
               <unsigned long long>figures_of(s).scripts.evicted)
    buf_printf(out, b"expired_keys:%llu\r\nexpired_stale_perc:0.00\r\nexpired_time_cap_reached_count:%llu\r\n"
               b"expire_cycle_cpu_milliseconds:%lld\r\nevicted_keys:%llu\r\nevicted_clients:%llu\r\n"
               b"total_eviction_exceeded_time:%llu\r\ncurrent_eviction_exceeded_time:0\r\n",
               <unsigned long long>s.stats.expired, <unsigned long long>s.stats.expired_capped,
               <long long>(s.stats.expire_ticks / s.clock.pace.ticks_per_us / 1000), <unsigned long long>s.stats.evicted,
               <unsigned long long>s.stats.evicted_clients, <unsigned long long>(s.stats.eviction_exceeded_us // 1000))
    buf_printf(out, b"keyspace_hits:%llu\r\nkeyspace_misses:%llu\r\npubsub_channels:%zu\r\npubsub_patterns:%zu\r\n"
               b"pubsubshard_channels:%zu\r\nlatest_fork_usec:0\r\ntotal_forks:0\r\nmigrate_cached_sockets:0\r\n"
               b"slave_expires_tracked_keys:0\r\nactive_defrag_hits:0\r\nactive_defrag_misses:0\r\n"
               b"active_defrag_key_hits:0\r\nactive_defrag_key_misses:0\r\ntotal_active_defrag_time:0\r\n"
               b"current_active_defrag_time:0\r\n", <unsigned long long>s.stats.hits,
               <unsigned long long>s.stats.misses, channels_of(s).counts[<int>CHANNEL], channels_of(s).counts[<int>PATTERN],
               channels_of(s).counts[<int>SHARD])
    tracking_totals(s, &keys, &items, &prefixes)
    buf_printf(out, b"tracking_total_keys:%zu\r\ntracking_total_items:%zu\r\ntracking_total_prefixes:%zu\r\n"
               b"unexpected_error_replies:0\r\ntotal_error_replies:%llu\r\ndump_payload_sanitizations:0\r\n"
               b"total_reads_processed:%llu\r\ntotal_writes_processed:%llu\r\nio_threaded_reads_processed:0\r\n"
               b"io_threaded_writes_processed:0\r\n", keys, items, prefixes, <unsigned long long>s.stats.errors,
               <unsigned long long>s.stats.reads, <unsigned long long>s.stats.writes)
    buf_printf(out, b"client_query_buffer_limit_disconnections:%llu\r\nclient_output_buffer_limit_disconnections:%llu\r\n"
               b"reply_buffer_shrinks:0\r\nreply_buffer_expands:0\r\n", <unsigned long long>s.stats.query_limit_closed,
               <unsigned long long>s.stats.output_limit_closed)
    print_rounds(s, out)
    print_denials(s, out)


cdef void print_rounds(store *s, buf *out) noexcept nogil:
    """Of the event loops of all network threads: rounds, and the time of them and of the commands in them, without waiting."""
    cdef double rounds = per_second(&s.stats.rounds)
    cdef double per_us = s.clock.pace.ticks_per_us
    buf_printf(out, b"eventloop_cycles:%llu\r\neventloop_duration_sum:%llu\r\neventloop_duration_cmd_sum:%llu\r\n"
               b"instantaneous_eventloop_cycles_per_sec:%lld\r\ninstantaneous_eventloop_duration_usec:%lld\r\n",
               <unsigned long long>s.stats.polls, <unsigned long long>(s.stats.rounds_spent / per_us),
               <unsigned long long>(s.stats.spent / per_us), <long long>rounds,
               <long long>(per_second(&s.stats.rounds_us) / rounds) if rounds else 0)


cdef void print_denials(store *s, buf *out) noexcept nogil:
    cdef denials *all = denials_of(s)
    cdef denials none
    memset(&none, 0, sizeof(none))
    if all == NULL:
        all = &none
    buf_printf(out, b"acl_access_denied_auth:%llu\r\nacl_access_denied_cmd:%llu\r\nacl_access_denied_key:%llu\r\nacl_access_denied_channel:%llu\r\n"
               b"acl_access_denied_db:%llu\r\n",
               <unsigned long long>all.counts[<int>DENIED_LOGIN], <unsigned long long>all.counts[<int>DENIED_COMMAND],
               <unsigned long long>all.counts[<int>DENIED_KEY], <unsigned long long>all.counts[<int>DENIED_CHANNEL],
               <unsigned long long>all.counts[<int>DENIED_DATABASE])


cdef void print_cpu(store *s, buf *out) noexcept nogil:
    """The main thread is the one that is asked: a network thread, or the caller's."""
    buf_printf(out, b"used_cpu_sys:%.6f\r\nused_cpu_user:%.6f\r\nused_cpu_sys_children:%.6f\r\nused_cpu_user_children:%.6f\r\n"
               b"used_cpu_sys_main_thread:%.6f\r\nused_cpu_user_main_thread:%.6f\r\n",
               cpu_seconds(RUSAGE_SELF, 1), cpu_seconds(RUSAGE_SELF, 0), cpu_seconds(RUSAGE_CHILDREN, 1),
               cpu_seconds(RUSAGE_CHILDREN, 0), cpu_seconds(THIS_THREAD, 1), cpu_seconds(THIS_THREAD, 0))


cdef void print_modules(store *s, buf *out) noexcept nogil:
    pass


cdef void print_commandstats(store *s, buf *out) noexcept nogil:
    cdef int i
    cdef command_figures *f
    cdef double us
    for i in range(command_count()):
        f = &figures_of(s).commands[i]
        if f.calls == 0 and f.rejected == 0 and f.failed == 0:
            continue
        us = f.ticks / s.clock.pace.ticks_per_us
        buf_printf(out, b"cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n",
                   command_at(i).name, <unsigned long long>f.calls, <unsigned long long>us, us / f.calls if f.calls else 0.0,
                   <unsigned long long>f.rejected, <unsigned long long>f.failed)


cdef void print_errorstats(store *s, buf *out) noexcept nogil:
    cdef figures *f = figures_of(s)
    cdef int i
    for i in range(f.error_kinds):
        buf_printf(out, b"errorstat_%s:count=%llu\r\n", f.errors[i].name, <unsigned long long>f.errors[i].count)


cdef double percentile(store *s, command_figures *f, double p) noexcept nogil:
    """In microseconds."""
    cdef uint64_t total = 0
    cdef uint64_t seen = 0
    cdef double target
    cdef int i
    for i in range(OCTAVES * SUBDIVISIONS):
        total += f.histogram[i]
    target = total * p / 100
    for i in range(OCTAVES * SUBDIVISIONS):
        seen += f.histogram[i]
        if seen >= target and seen:
            return bucket_top(i) / s.clock.pace.ticks_per_us
    return 0


cdef void print_latencystats(store *s, buf *out) noexcept nogil:
    cdef int i, k, n
    cdef command_figures *f
    cdef char name[DOUBLE_TEXT]
    for i in range(command_count()):
        f = &figures_of(s).commands[i]
        if f.histogram == NULL:
            continue
        buf_printf(out, b"latency_percentiles_usec_%s:", command_at(i).name)
        for k in range(s.config.percentile_count):
            n = format_percent(name, s.config.percentiles[k])
            buf_printf(out, b"%sp%.*s=%.3f", <const char *>b"," if k else <const char *>b"", n, name,
                       percentile(s, f, s.config.percentiles[k]))
        buf_printf(out, b"\r\n")


cdef void print_cluster(store *s, buf *out) noexcept nogil:
    buf_printf(out, b"cluster_enabled:%d\r\n", <int>cfg(&s.config, OPT_CLUSTER_ENABLED))


cdef void print_keyspace(store *s, buf *out) noexcept nogil:
    cdef int i
    cdef database *db
    for i in range(cfg(&s.config, OPT_DATABASES)):
        db = &s.dbs[i]
        if db.keys.items:
            buf_printf(out, b"db%d:keys=%zu,expires=%zu,avg_ttl=%lld,subexpiry=0\r\n", i, db.keys.items, keyspace_expires(db),
                       <long long>keyspace_average_ttl(s, db))


cdef void print_bin(buf *out, int bin) noexcept nogil:
    """The smallest size in it: 0, 1, 2, 4, ... 512, 1K, ... 512K, 1M, ..."""
    cdef int power = bin - 1
    if bin == 0:
        buf_printf(out, b"0")
    elif power < 10:
        buf_printf(out, b"%d", 1 << power)
    else:
        buf_printf(out, b"%d%c", 1 << power % 10, <int>UNITS[power // 10])


cdef void print_keysizes(store *s, buf *out) noexcept nogil:
    cdef int i, type, bin
    cdef uint64_t *counts
    cdef bint any
    sizes_settle(s)
    for i in range(cfg(&s.config, OPT_DATABASES)):
        for type in range(SIZED_TYPES):
            counts = s.dbs[i].sizes[type]
            any = False
            for bin in range(SIZE_BINS):
                if counts[bin]:
                    if any:
                        buf_printf(out, b",")
                    else:
                        buf_printf(out, b"db%d_distrib_%s:", i, SIZES_OF[type])
                    print_bin(out, bin)
                    buf_printf(out, b"=%llu", <unsigned long long>counts[bin])
                    any = True
            if any:
                buf_printf(out, b"\r\n")


cdef bint is_wanted(call *c, section_row *row) noexcept nogil:
    cdef int i
    if c.argc == 1:
        return row.plain
    for i in range(1, c.argc):
        if view_is(c.argv[i], row.name) or view_is(c.argv[i], b"all") or view_is(c.argv[i], b"everything"):
            return True
        if view_is(c.argv[i], b"default") and row.plain:
            return True
    return False


define(info_command, """
    INFO [section [section ...]]
    loading stale dangerous | server | 1.0.0 | O(1)
    Return information and statistics about the server: the default sections, or those named.
    tips: nondeterministic_output request_policy:all_shards response_policy:special
""")
cdef void info_command(call *c) noexcept nogil:
    cdef buf out
    cdef int i
    memset(&out, 0, sizeof(out))
    pace_update(&c.store.clock.pace)
    for i in range(SECTION_COUNT):
        if is_wanted(c, &SECTIONS[i]):
            if out.len:
                buf_printf(&out, b"\r\n")
            buf_printf(&out, b"# %s\r\n", SECTIONS[i].title)
            SECTIONS[i].print(c.store, &out)
    write_verbatim(c.out, view_of(out.ptr, out.len), b"txt", c.proto)
    buf_release(&out)


# ---- MEMORY -----------------------------------------------------------------------------------------

define(memory_usage, """
    MEMORY|USAGE key [SAMPLES count]
    readonly | server | 4.0.0 | O(N) where N is the number of samples
    Return the memory usage of a key and its value, in bytes.
    keys: RO
""")
cdef void memory_usage(call *c) noexcept nogil:
    cdef int64_t samples = 5
    cdef entry *e
    cdef int i
    for i in range(3, c.argc, 2):
        if not view_is(c.argv[i], b"samples") or i + 1 == c.argc:
            reply_error(c, SYNTAX)
            return
        if not arg_int(c, i + 1, &samples):
            return
        if samples < 0:
            reply_error(c, SYNTAX)
            return
    e = keyspace_find(c.store, c.db, c.argv[2], table_hash(c.argv[2]))
    if e == NULL:
        reply_null(c)
    else:
        reply_int(c, value_bytes(e, samples) + 11)      # 11: its share of a bucket, on average


cdef inline void stat_int(call *c, const char *name, int64_t n) noexcept nogil:
    reply_text(c, name)
    reply_int(c, n)


cdef inline void stat_double(call *c, const char *name, double d) noexcept nogil:
    reply_text(c, name)
    write_double(c.out, d, c.proto)


define(memory_stats, """
    MEMORY|STATS
    | server | 4.0.0 | O(1)
    Return memory statistics.
    tips: nondeterministic_output request_policy:all_shards response_policy:special
""")
cdef void memory_stats(call *c) noexcept nogil:
    cdef store *s = c.store
    cdef size_t used = store_memory(s)
    cdef size_t over = min(overhead(s), used)
    cdef size_t peak = max(s.mem.peak, used)
    cdef size_t held = mem_total()         # its pages are resident; what else the process holds is overhead
    cdef size_t rss = resident()
    cdef size_t keys = 0
    cdef size_t tables = 0
    cdef int64_t dbs = 0
    cdef int i
    cdef char name[32]
    for i in range(cfg(&s.config, OPT_DATABASES)):
        keys += s.dbs[i].keys.items
        tables += table_bytes(&s.dbs[i].keys)
        dbs += s.dbs[i].keys.items != 0
    reply_map(c, 33 + dbs)
    stat_int(c, b"peak.allocated", peak)
    stat_int(c, b"total.allocated", used)
    stat_int(c, b"startup.allocated", 0)
    stat_int(c, b"replication.backlog", s.reported[<int>PART_REPLICATION])
    stat_int(c, b"replica.fullsync.buffer", 0)
    stat_int(c, b"clients.slaves", 0)
    stat_int(c, b"clients.normal", clients_of(s).memory)
    stat_int(c, b"cluster.links", 0)
    stat_int(c, b"aof.buffer", 0)
    stat_int(c, b"lua.caches", figures_of(s).scripts.script_bytes)
    stat_int(c, b"functions.caches", figures_of(s).scripts.function_bytes)
    stat_int(c, b"script.VMs", figures_of(s).scripts.lua)
    for i in range(cfg(&s.config, OPT_DATABASES)):
        if s.dbs[i].keys.items:
            snprintf(name, sizeof(name), b"db.%d", i)
            reply_text(c, name)
            reply_map(c, 2)
            stat_int(c, b"overhead.hashtable.main", table_bytes(&s.dbs[i].keys))
            stat_int(c, b"overhead.hashtable.expires", wheel_bytes(s.dbs[i].expires))
    stat_int(c, b"overhead.db.hashtable.lut", tables)
    stat_int(c, b"overhead.db.hashtable.rehashing", 0)
    stat_int(c, b"overhead.total", over)
    stat_int(c, b"db.dict.rehashing.count", 0)
    stat_int(c, b"keys.count", keys)
    stat_int(c, b"keys.bytes-per-key", used // keys if keys else 0)
    stat_int(c, b"dataset.bytes", used - over)
    stat_double(c, b"dataset.percentage", (used - over) * 100.0 / used if used else 0.0)
    stat_double(c, b"peak.percentage", used * 100.0 / peak if peak else 0.0)
    stat_int(c, b"allocator.allocated", s.mem.used)
    stat_int(c, b"allocator.active", held)
    stat_int(c, b"allocator.resident", held)
    stat_int(c, b"allocator.muzzy", 0)
    stat_double(c, b"allocator-fragmentation.ratio", held / <double>s.mem.used if s.mem.used else 1.0)
    stat_int(c, b"allocator-fragmentation.bytes", <int64_t>held - <int64_t>s.mem.used)
    stat_double(c, b"allocator-rss.ratio", 1)
    stat_int(c, b"allocator-rss.bytes", 0)
    stat_double(c, b"rss-overhead.ratio", rss / <double>held if held else 1.0)
    stat_int(c, b"rss-overhead.bytes", <int64_t>rss - <int64_t>held)
    stat_double(c, b"fragmentation", rss / <double>used if used else 1.0)
    stat_int(c, b"fragmentation.bytes", <int64_t>rss - <int64_t>used)


define(memory_doctor, """
    MEMORY|DOCTOR
    | server | 4.0.0 | O(1)
    Return a report about memory problems.
    tips: nondeterministic_output request_policy:all_shards response_policy:special
""")
cdef void memory_doctor(call *c) noexcept nogil:
    cdef buf text
    cdef size_t used = store_memory(c.store)
    memset(&text, 0, sizeof(text))
    if used < 5242880:
        buf_printf(&text, b"This store uses less than 5 MB: too little for a report.\n")
    else:
        if max(c.store.mem.peak, used) > used * 3 // 2:
            buf_printf(&text, b"Peak: memory usage was %.1f times the current one; freed pages may be kept. MEMORY PURGE returns them.\n",
                       c.store.mem.peak / <double>used)
        if resident() > used * 2 and resident() - used > 104857600:
            buf_printf(&text, b"Resident memory is %.1f times the data: the rest belongs to Python or to freed pages.\n",
                       resident() / <double>used)
        if clients_of(c.store).count and clients_of(c.store).memory // clients_of(c.store).count > 204800:
            buf_printf(&text, b"Client buffers: more than 200 kB for each client on average. See CLIENT LIST.\n")
        if text.len == 0:
            buf_printf(&text, b"Nothing unusual.\n")
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


define(memory_purge, """
    MEMORY|PURGE
    | server | 4.0.0 | Depends on how much memory is free
    Return free memory to the operating system.
    tips: request_policy:all_shards response_policy:all_succeeded
""")
cdef void memory_purge(call *c) noexcept nogil:
    trim()
    reply_ok(c)


define(memory_malloc_stats, """
    MEMORY|MALLOC-STATS
    | server | 4.0.0 | O(1)
    Return statistics of the allocator.
    tips: nondeterministic_output request_policy:all_shards response_policy:special
""")
cdef void memory_malloc_stats(call *c) noexcept nogil:
    cdef buf text
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"used: %zu\npages: %zu\npeak: %zu\nall stores: %zu\n", c.store.mem.used, c.store.mem.pages,
               c.store.mem.peak, mem_total())
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)
