"""The options of a store.

One row gives an option's name, kind, default, whether it may change at run time, and a description. CONFIG GET, SET
and REWRITE, `kvd serve --help`, environment variables, configuration files and docs/config.md are derived from this
table; nothing about an option is written elsewhere.

A row: name or name=alias | kind | default | marks | description. Kinds: see `KINDS` below; int may have limits, enum its
choices. Marks:

    rw          CONFIG SET may change it
    protected   only if enable-protected-configs allows it
    secret      its value is not shown in logs
    words       many words in a file
    hidden      CONFIG GET shows it only by its full name
    inert       accepted and without effect; no data or access control depends on it
    unmade      not implemented, and it protects data or access: any value but the default is refused
"""

from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset, strcmp, strlen

from kvd.core.buf cimport buf_add, buf_add_char, buf_printf
from kvd.core.text cimport DOUBLE_TEXT, format_percent, parse_double, parse_int, parse_memory
from kvd.core.view cimport view_equal, view_is, view_str

OPTIONS = """
maxmemory | memory | 0 | rw | Memory limit for the data, in bytes; 0 means no limit. maxmemory-policy decides what happens at the limit.
maxmemory-policy | enum noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lrm volatile-lrm | noeviction | rw | Which keys are evicted when maxmemory is reached.
maxmemory-samples | int 1 64 | 5 | rw | Keys sampled for each eviction. More samples approximate LRU or LFU better and cost more time.
maxmemory-eviction-tenacity | int 0 100 | 10 | rw | How long evictions may delay one command: 10 is half a millisecond, 100 is no limit.
lfu-log-factor | int 0 2147483647 | 10 | rw | How many hits saturate an LFU counter; the scale is logarithmic.
lfu-decay-time | int 0 2147483647 | 1 | rw | Idle minutes after which an LFU counter is decremented.
databases | int 1 16384 | 16 | | Number of databases.
hz | int 1 500 | 10 | rw clipped | Background tasks (statistics, idle clients) run this many times a second.
port | int 0 65535 | 6379 | rw | TCP port to listen on; 0 disables TCP.
bind | text | * -::* | rw words | Addresses to listen on. An address with a leading - may be unavailable; * and ::* mean all addresses.
unixsocket | text | | | Path of the unix socket to listen on.
unixsocketperm | octal | 0 | | Permissions of the unix socket, in octal; 0 applies the umask.
tcp-backlog | int 0 2147483647 | 511 | | Length of the queue of pending TCP connections.
tcp-keepalive | int 0 2147483647 | 300 | rw | Idle seconds before TCP keepalive probes are sent to a client; 0 disables them.
timeout | int 0 2147483647 | 0 | rw | Idle seconds before a client is disconnected; 0 disables the timeout.
maxclients | int 1 4294967295 | 10000 | rw | Maximum number of connected clients.
protected-mode | bool | yes | rw | Refuse clients from other hosts while no password is set and the server listens on all addresses.
io-threads | int 1 128 | 1 | | Number of network threads. Each one serves its own clients.
requirepass | text | | rw secret | Password that clients must send with AUTH.
emulate | enum no redis-6.2 redis-7.0 redis-7.2 redis-7.4 redis-8.0 redis-8.2 redis-8.4 redis-8.6 redis-8.8 valkey-7.2 valkey-8.0 valkey-8.1 valkey-9.0 valkey-9.1 | no | | Have the commands, options and version of that server only, for tests. Specific to kvd.
enable-debug-command | enum no yes local | no | | Who may call DEBUG: no client, all clients, or local clients.
enable-protected-configs | enum no yes local | no | | Who may change protected options at run time: no client, all clients, or local clients.
proto-max-bulk-len | memory 1048576 9223372036854775807 | 512mb | rw | Maximum size of one argument and of a string value.
client-query-buffer-limit | memory 1048576 9223372036854775807 | 1gb | rw | Maximum size of a client's unprocessed input.
client-output-buffer-limit | limits | normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60 | rw words | For each client class: hard limit, soft limit and soft-limit duration (seconds) for pending replies. 0 disables a limit.
slowlog-log-slower-than=commandlog-execution-slower-than | int -1 9223372036854775807 | 10000 | rw | Microseconds of execution time from which a command is logged in the slow log; -1 disables it.
slowlog-max-len=commandlog-slow-execution-max-len | int 0 9223372036854775807 | 128 | rw | Maximum number of entries in the slow log.
slowlog-entry-max-argc | int 2 2147483647 | 32 | rw | Maximum number of arguments kept of a logged command, its name included.
slowlog-entry-max-string-len | int 1 9223372036854775807 | 128 | rw | Maximum number of bytes kept of an argument of a logged command.
commandlog-request-larger-than | int -1 9223372036854775807 | 1048576 | rw | Size in bytes from which a request is logged; -1 disables it.
commandlog-reply-larger-than | int -1 9223372036854775807 | 1048576 | rw | Size in bytes from which a reply is logged; -1 disables it.
commandlog-large-request-max-len | int 0 9223372036854775807 | 128 | rw | Maximum number of entries in the log of large requests.
commandlog-large-reply-max-len | int 0 9223372036854775807 | 128 | rw | Maximum number of entries in the log of large replies.
latency-monitor-threshold | int 0 9223372036854775807 | 0 | rw | Milliseconds from which an event is recorded for LATENCY; 0 disables it.
latency-tracking | bool | yes | rw | Record a latency histogram for each command.
latency-tracking-info-percentiles | percentiles | 50 99 99.9 | rw words | Percentiles shown by INFO latencystats.
notify-keyspace-events | notify | | rw | Classes of keyspace events to publish, one letter each.
active-expire-effort | int 1 10 | 1 | rw | Time limit of one cycle of active expiry: 1 is 250 microseconds, 10 is 1 millisecond.
lazyfree-lazy-user-flush | bool | no | rw | FLUSHALL and FLUSHDB without ASYNC or SYNC free memory in the background.
loglevel | enum debug verbose notice warning nothing | notice | rw | Lowest level that is logged.
logfile | text | | | Path of the log file; empty means standard output.
log-format | enum legacy logfmt | legacy | rw | Format of log lines: Redis's, or logfmt (key=value).
log-timestamp-format | enum legacy iso8601 milliseconds | legacy | rw | Format of timestamps in the log: local time as Redis writes it, ISO 8601 with the offset from UTC, or Unix milliseconds.
syslog-enabled | bool | no | | Also log to syslog.
syslog-ident | text | kvd | | Program name in syslog.
syslog-facility | enum user local0 local1 local2 local3 local4 local5 local6 local7 | local0 | | Facility in syslog.
daemonize | bool | no | | Run in the background.
pidfile | text | | | Path of the file that the process id is written to.
supervised | enum no upstart systemd auto | no | | Notify systemd when the server is ready.
dir | text | . | rw protected | Working directory.
save | save | | rw words | Snapshot after this many seconds if at least this many changes were made; pairs of numbers.
shutdown-timeout | int 0 2147483647 | 10 | rw | Seconds for which SHUTDOWN waits until replicas have received all writes.
set-proc-title | bool | yes | inert | Show address and mode in the process title.
crash-log-enabled | bool | yes | rw | Print a stack trace of all Python threads if the process crashes.
hash-max-listpack-entries=hash-max-ziplist-entries | int 0 9223372036854775807 | 512 | rw | Maximum number of fields of a hash in listpack encoding.
hash-max-listpack-value=hash-max-ziplist-value | int 0 9223372036854775807 | 64 | rw | Maximum length of a field or value of a hash in listpack encoding.
list-max-listpack-size=list-max-ziplist-size | int -2147483648 2147483647 | -2 | rw | Maximum size of a list node: elements if positive, -1 to -5 for 4 to 64 kB.
list-compress-depth | int 0 2147483647 | 0 | rw | Nodes at each end of a list that are not compressed; 0 disables compression.
set-max-intset-entries | int 0 9223372036854775807 | 512 | rw | Maximum number of members of a set in intset encoding.
set-max-listpack-entries | int 0 9223372036854775807 | 128 | rw | Maximum number of members of a set in listpack encoding.
set-max-listpack-value | int 0 9223372036854775807 | 64 | rw | Maximum length of a member of a set in listpack encoding.
zset-max-listpack-entries=zset-max-ziplist-entries | int 0 9223372036854775807 | 128 | rw | Maximum number of members of a sorted set in listpack encoding.
zset-max-listpack-value=zset-max-ziplist-value | int 0 9223372036854775807 | 64 | rw | Maximum length of a member of a sorted set in listpack encoding.
stream-node-max-bytes | memory | 4096 | rw | Maximum size of a stream node; 0 means no limit.
stream-node-max-entries | int 0 9223372036854775807 | 100 | rw | Maximum number of entries in a stream node; 0 means no limit.
stream-idmp-duration | int 1 86400 | 100 | rw | Seconds for which the ids of producers are known (XADD IDMP), unless XCFGSET says otherwise.
stream-idmp-maxsize | int 1 10000 | 100 | rw | Number of ids known of each producer of a stream (XADD IDMP), unless XCFGSET says otherwise.
hll-sparse-max-bytes | int 0 9223372036854775807 | 3000 | rw | Maximum size of a HyperLogLog in sparse encoding.
tracking-table-max-keys | int 0 9223372036854775807 | 1000000 | rw | Maximum number of keys tracked for client-side caching; 0 means no limit.
busy-reply-threshold=lua-time-limit | int 0 9223372036854775807 | 5000 | rw | Milliseconds after which other clients get BUSY errors while a script runs.
lua-memory-limit | memory 1048576 9223372036854775807 | 1gb | rw | Memory limit of Lua scripts and their values. Specific to kvd.
cluster-enabled | bool | no | | Answer cluster clients as a cluster of one node.
cluster-slot-stats-enabled | enum no yes cpu net mem | no | rw | What CLUSTER SLOT-STATS shows of each slot beside its number of keys: all, or the time of commands, bytes received and sent, or memory.
appenddirname | text | appendonlydir | | Directory of the append-only files.
appendfilename | text | appendonly.aof | | Name of the append-only file.
appendfsync | enum everysec always no | everysec | rw | When the append-only file is synced.
appendonly | bool | no | rw | Log every write to the append-only file.
auto-aof-rewrite-min-size | memory 0 9223372036854775807 | 64mb | rw | Minimum size of the append-only file for an automatic rewrite.
auto-aof-rewrite-percentage | int 0 2147483647 | 100 | rw | Growth of the append-only file that starts a rewrite, in percent.
aof-load-truncated | bool | yes | rw | Load an append-only file with a truncated end.
aof-load-corrupt-tail-max-size | memory 0 9223372036854775807 | 0 | rw | Cut off a broken end of up to this many bytes when an append-only file is loaded; 0 refuses to load it.
aof-timestamp-enabled | bool | no | rw | Record the time in the append-only file, every second at most, as lines that older servers cannot read.
aof-use-rdb-preamble | bool | yes | rw | Begin a rewritten append-only file with a snapshot (RDB), which is faster, instead of commands.
no-appendfsync-on-rewrite | bool | no | rw | Do not sync the append-only file during a rewrite.
dbfilename | text | dump.rdb | rw protected | Name of the snapshot file.
rdb-save-incremental-fsync | bool | yes | rw | Sync a snapshot file in steps.
rdb-version | enum auto 9 10 11 12 13 14 80 | auto | rw | RDB version of the files that are written; 80 is Valkey's, auto the lowest that loses nothing. Specific to kvd.
rdbchecksum | bool | yes | | Write a checksum at the end of a snapshot.
rdbcompression | bool | yes | rw | Compress strings in a snapshot.
stop-writes-on-bgsave-error | bool | yes | rw | Refuse writes after a failed snapshot.
aof-rewrite-incremental-fsync | bool | yes | rw | Sync a rewritten append-only file in steps.
key-load-delay | int -2147483648 2147483647 | 0 | rw hidden | Microseconds to wait for each key or command that is loaded at the start, for tests; -N: one for N of them.
masterauth=primaryauth | text | | rw secret | Password for the master.
masteruser=primaryuser | text | | rw | User name for the master.
min-replicas-max-lag=min-slaves-max-lag | int 0 2147483647 | 10 | rw | Maximum lag of a replica that counts for min-replicas-to-write, in seconds.
min-replicas-to-write=min-slaves-to-write | int 0 2147483647 | 0 | rw | Replicas that must be connected for a write to be accepted.
repl-backlog-size | memory 1 9223372036854775807 | 1mb | rw | Size of the replication backlog.
repl-backlog-ttl | int 0 9223372036854775807 | 3600 | rw | Seconds for which the backlog is kept without replicas.
repl-disable-tcp-nodelay | bool | no | rw inert | Let TCP delay data for replicas to send fewer packets.
repl-diskless-load | enum disabled on-empty-db swapdb flush-before-load | disabled | rw protected | How a replica loads a snapshot.
repl-diskless-sync | bool | yes | rw | Send snapshots to replicas without a file.
repl-diskless-sync-delay | int 0 2147483647 | 5 | rw | Seconds to wait for more replicas before a snapshot is sent.
repl-diskless-sync-max-replicas | int 0 2147483647 | 0 | rw | Number of replicas that ends that wait.
repl-ping-replica-period=repl-ping-slave-period | int 1 2147483647 | 10 | rw | Seconds between pings to replicas.
repl-timeout | int 1 2147483647 | 60 | rw | Seconds after which a replication link times out.
replica-announce-ip=slave-announce-ip | text | | rw | Address that a replica announces to its master.
replica-announce-port=slave-announce-port | int 0 65535 | 0 | rw | Port that a replica announces to its master.
replica-announced | bool | yes | rw | Show this replica to sentinels.
replica-ignore-maxmemory=slave-ignore-maxmemory | bool | yes | rw | Do not evict keys on a replica.
replica-lazy-flush=slave-lazy-flush | bool | no | rw inert | Flush in the background before a replica loads.
replica-priority=slave-priority | int 0 2147483647 | 100 | rw | Priority for promotion; the lowest number is promoted first.
replica-read-only=slave-read-only | bool | yes | rw | Refuse writes on a replica.
replica-serve-stale-data=slave-serve-stale-data | bool | yes | rw | Answer reads on a replica while its link is down.
replicaof=slaveof | text | | words | Address of the master to replicate.
acl-pubsub-default | enum allchannels resetchannels | resetchannels | rw | Channel permissions of new ACL users.
aclfile | text | |  | Path of the file of ACL users.
acllog-max-len | int 0 9223372036854775807 | 128 | rw | Maximum number of entries in the ACL log.
maxmemory-clients | percent | 0 | rw | Memory limit of the buffers of all clients together, in bytes or percent of maxmemory: the largest are closed. 0 means none.
tls-port | int 0 65535 | 0 | rw | TCP port to listen on for TLS; 0 disables TLS. Plain connections are for `port`, which may be 0.
tls-cert-file | text | | rw | TLS: file of the server's certificate (PEM), followed by those between it and the CA.
tls-key-file | text | | rw | TLS: file of the server's private key (PEM).
tls-key-file-pass | text | | rw secret | TLS: password of that key.
tls-client-cert-file | text | | rw | TLS: file of the certificate for outgoing connections, if it differs from the server's.
tls-client-key-file | text | | rw | TLS: file of the key for outgoing connections.
tls-client-key-file-pass | text | | rw secret | TLS: password of that key.
tls-dh-params-file | text | | rw | TLS: file of Diffie-Hellman parameters, for old clients.
tls-ca-cert-file | text | | rw | TLS: file of the CA certificates (PEM) that clients, and masters, are verified with.
tls-ca-cert-dir | text | | rw | TLS: directory of CA certificates, by their hashes as `openssl rehash` names them.
tls-auth-clients | enum no yes optional | yes | rw | TLS: must clients present a certificate of that CA: yes, no (it is not asked for), or only if they have one.
tls-replication | bool | no | rw | TLS: encrypt the link to the master.
tls-protocols | text | | rw words | TLS: protocol versions that are allowed, of TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; empty means the last two.
tls-ciphers | text | | rw | TLS: ciphers up to TLS 1.2, as in `openssl ciphers`; empty means those of OpenSSL.
tls-ciphersuites | text | | rw | TLS: cipher suites of TLS 1.3; empty means those of OpenSSL.
tls-prefer-server-ciphers | bool | no | rw | TLS: prefer the server's order of ciphers.
tls-session-caching | bool | yes | rw | TLS: let clients resume sessions.
tls-session-cache-size | int 0 2147483647 | 20480 | rw | TLS: maximum number of cached sessions; 0 means no limit.
tls-session-cache-timeout | int 0 2147483647 | 300 | rw | TLS: lifetime of a session that can be resumed, in seconds.
import-mode | bool | no | rw | While data is imported from another server: remove nothing because it has expired, and evict nothing. Clients with CLIENT IMPORT-SOURCE see what has expired.
availability-zone | text | | rw | Name of the availability zone, which INFO and HELLO show to clients.
active-defrag-cycle-max | int 1 99 | 25 | rw inert | Maximum share of CPU time for defragmentation, in percent.
active-defrag-cycle-min | int 1 99 | 1 | rw inert | Minimum share of CPU time for defragmentation, in percent.
active-defrag-cycle-us | int 0 100000 | 500 | rw inert | Duration of one defragmentation cycle, in microseconds.
active-defrag-ignore-bytes | memory 1 9223372036854775807 | 100mb | rw inert | Fragmentation below this size is ignored.
active-defrag-max-scan-fields | int 1 9223372036854775807 | 1000 | rw inert | Fields processed in one step of defragmentation.
active-defrag-threshold-lower | int 0 1000 | 10 | rw inert | Fragmentation that starts defragmentation, in percent.
active-defrag-threshold-upper | int 0 1000 | 100 | rw inert | Fragmentation at which defragmentation uses maximum effort, in percent.
activedefrag | bool | no | rw inert | Defragment memory in the background.
activerehashing | bool | yes | rw inert | Rehash tables in the background. kvd's tables grow one bucket at a time and are never rehashed.
always-show-logo | bool | no | inert | Show the logo at startup.
aof-disable-auto-gc | bool | no | rw inert | Keep obsolete append-only files.
aof_rewrite_cpulist=aof-rewrite-cpulist | text | | inert | CPU affinity of the append-only file rewrite.
array-slice-size | int 1 4294967295 | 4096 | rw inert | Indexes of a slice of an array. kvd's arrays have one form; ARINFO shows slices of 4096.
array-sparse-kmax | int 0 4294967295 | 10 | rw inert | Elements above which a slice of an array becomes dense.
array-sparse-kmin | int 0 4294967295 | 5 | rw inert | Elements below which a slice of an array becomes sparse.
bgsave_cpulist=bgsave-cpulist | text | | inert | CPU affinity of background saves.
bind-source-addr | text | | rw inert | Source address of outgoing connections.
bio_cpulist=bio-cpulist | text | | inert | CPU affinity of background threads.
cluster-allow-pubsubshard-when-down | bool | yes | rw inert | Cluster: allow sharded pub/sub while the cluster is down.
cluster-allow-reads-when-down | bool | no | rw inert | Cluster: allow reads while the cluster is down.
cluster-allow-replica-migration | bool | yes | rw inert | Cluster: let replicas migrate to masters without one.
cluster-announce-bus-port | int 0 65535 | 0 | rw inert | Cluster: bus port announced to other nodes.
cluster-announce-client-ipv4 | text | | rw inert | Cluster: IPv4 address announced to clients.
cluster-announce-client-ipv6 | text | | rw inert | Cluster: IPv6 address announced to clients.
cluster-announce-client-port | int 0 65535 | 0 | rw inert | Cluster: port announced to clients.
cluster-announce-client-tls-port | int 0 65535 | 0 | rw inert | Cluster: TLS port announced to clients.
cluster-announce-hostname | text | | rw inert | Cluster: host name announced to clients.
cluster-announce-human-nodename | text | | rw inert | Cluster: node name shown in logs.
cluster-announce-ip | text | | rw inert | Cluster: address announced to other nodes.
cluster-announce-port | int 0 65535 | 0 | rw inert | Cluster: port announced to other nodes.
cluster-announce-tls-port | int 0 65535 | 0 | rw inert | Cluster: TLS port announced to other nodes.
cluster-blacklist-ttl | int 0 9223372036854775807 | 60 | rw inert | Cluster: seconds for which a forgotten node is not added again.
cluster-compatibility-sample-ratio | int 0 100 | 0 | rw inert | Share of commands checked for cluster compatibility, in percent.
cluster-config-file | text | nodes.conf | inert | Cluster: file of the node configuration.
cluster-config-save-behavior | enum sync best-effort | sync | rw inert | Cluster: what happens if the node configuration cannot be saved.
cluster-databases | int 1 16384 | 1 | inert | Cluster: number of databases.
cluster-link-sendbuf-limit | memory | 0 | rw inert | Cluster: memory limit of a link's send buffer.
cluster-manual-failover-timeout | int 1 2147483647 | 5000 | rw inert | Cluster: time limit of a manual failover, in milliseconds.
cluster-message-gossip-perc | int 1 100 | 10 | rw hidden inert | Cluster: share of nodes mentioned in a gossip message, in percent.
cluster-migration-barrier | int 0 2147483647 | 1 | rw inert | Cluster: replicas a master keeps before one may migrate.
cluster-node-timeout | int 0 9223372036854775807 | 15000 | rw inert | Cluster: milliseconds after which an unreachable node counts as failing.
cluster-ping-interval | int 0 2147483647 | 0 | rw hidden inert | Cluster: interval of pings between nodes, in milliseconds.
cluster-port | int 0 65535 | 0 | inert | Cluster: bus port.
cluster-preferred-endpoint-type | enum ip hostname unknown-endpoint | ip | rw inert | Cluster: what CLUSTER SLOTS returns as a node's endpoint.
cluster-replica-no-failover=cluster-slave-no-failover | bool | no | rw inert | Cluster: never promote this replica.
cluster-replica-validity-factor=cluster-slave-validity-factor | int 0 2147483647 | 10 | rw inert | Cluster: how old a replica's data may be for a promotion.
cluster-require-full-coverage | bool | yes | rw inert | Cluster: refuse commands while a slot is not covered.
cluster-slot-migration-log-max-len | int 0 9223372036854775807 | 1000 | rw inert | Cluster: maximum number of entries in the log of slot migrations.
crash-memcheck-enabled | bool | yes | rw inert | Test the memory after a crash.
debug-context | text | | rw hidden inert | Text added to crash reports.
disable-thp | bool | yes | inert | Disable transparent huge pages.
dual-channel-replication-enabled | bool | no | rw inert | Replicate over two connections during a full synchronization.
dynamic-hz | bool | yes | rw inert | Run background tasks more often with more clients.
enable-debug-assert | bool | no | hidden inert | Enable expensive assertions.
enable-module-command | enum no yes local | no | inert | Who may call MODULE. kvd has no modules.
extended-redis-compatibility | bool | no | rw inert | Present the server as Redis. kvd always does.
hash-seed | text | | inert | Seed of the hash function. kvd draws a random one.
hide-user-data-from-log | bool | no | rw inert | Omit user data from the log. kvd never logs any.
ignore-warnings | text | | inert | Startup warnings to suppress.
io-threads-always-active | bool | no | hidden inert | Keep network threads active. kvd's always are.
io-threads-do-reads | bool | no | inert | Let network threads read and parse. kvd's always do.
jemalloc-bg-thread | bool | yes | rw inert | Purge memory in the background. kvd has its own allocator.
lazyfree-lazy-eviction | bool | no | rw inert | Free evicted values in the background. kvd always frees large values in slices.
lazyfree-lazy-expire | bool | no | rw inert | Free expired values in the background. kvd always frees large values in slices.
lazyfree-lazy-server-del | bool | no | rw inert | Free overwritten values in the background. kvd always frees large values in slices.
lazyfree-lazy-user-del | bool | no | rw inert | DEL frees values in the background. kvd always frees large values in slices.
loading-process-events-interval-bytes | memory 1024 2147483647 | 2mb | hidden inert | Bytes loaded between two rounds of the event loop. kvd loads in a thread of its own.
locale-collate | text | | rw inert | Locale used by SORT with ALPHA.
lua-enable-deprecated-api | bool | no | hidden inert | Give scripts the deprecated Lua API.
lua-enable-insecure-api | bool | no | rw hidden inert | Give scripts the insecure Lua API.
max-new-connections-per-cycle | int 1 1000 | 10 | rw inert | New connections accepted in one round of the event loop.
max-new-tls-connections-per-cycle | int 1 1000 | 1 | rw inert | New TLS connections accepted in one round of the event loop.
min-io-threads-avoid-copy-reply | int 0 2147483647 | 7 | rw hidden inert | Network threads from which replies are sent without a copy.
min-string-size-avoid-copy-reply | int 0 2147483647 | 16384 | rw hidden inert | Size from which a reply is sent without a copy.
min-string-size-avoid-copy-reply-threaded | int 0 2147483647 | 65536 | rw hidden inert | The same with network threads.
mptcp | bool | no | inert | Listen with Multipath TCP.
oom-score-adj | enum no yes relative absolute | no | rw inert | Adjust the kernel's OOM score of the process.
oom-score-adj-values | text | 0 200 800 | rw words inert | Values for oom-score-adj.
prefetch-batch-max-size | int 0 128 | 16 | rw inert | Commands whose keys are prefetched together. kvd prefetches 64.
proc-title-template | text | {title} {listen-addr} {server-mode} | rw inert | Text of the process title.
propagation-error-behavior | enum ignore panic panic-on-replicas | ignore | rw inert | What happens if a propagated command fails.
rdb-del-sync-files | bool | no | rw inert | Delete snapshot files that were made for replication only. kvd makes none.
rdb-key-save-delay | int -2147483648 2147483647 | 0 | rw hidden inert | Delay after each saved key, for tests.
rdb-version-check | enum strict relaxed | strict | rw inert | Refuse snapshots of newer versions.
rdma-bind | text | | words inert | RDMA addresses to listen on.
rdma-completion-vector | int -1 1024 | -1 | inert | RDMA completion vector.
rdma-port | int 0 65535 | 0 | inert | RDMA port to listen on.
rdma-rx-size | int 65536 16777216 | 1048576 | inert | Size of an RDMA receive buffer.
repl-mptcp | bool | no | rw inert | Replicate over Multipath TCP.
repl-rdb-channel | bool | yes | rw hidden inert | Send snapshots over a connection of their own.
replica-full-sync-buffer-limit | memory | 0 | rw inert | Size limit of a replica's buffer during a full synchronization.
replica-ignore-disk-write-errors | bool | no | rw inert | Continue after a disk error on a replica.
sanitize-dump-payload | enum no yes clients | no | rw inert | Validate the payloads of RESTORE and the values in files. kvd always validates all of them.
server_cpulist=server-cpulist | text | | inert | CPU affinity of the server's threads.
shutdown-on-sigint | shutdown | default | rw words | What SIGINT does: default, save, nosave, now, force.
shutdown-on-sigterm | shutdown | default | rw words | What SIGTERM does: default, save, nosave, now, force.
slot-migration-max-failover-repl-bytes | memory | 0 | rw inert | Cluster: replication lag at which a slot migration may finish.
socket-mark-id | int 0 4294967295 | 0 | inert | Mark of the server's sockets for packet filters.
tls-auth-clients-user | enum cn uri off | off | rw unmade | TLS: user name taken from the client certificate.
tls-auto-reload-interval | int 0 2147483647 | 0 | rw inert | TLS: seconds between reloads of changed certificates.
tls-cluster | bool | no | rw unmade | TLS: encrypt the cluster bus.
unixsocketgroup | text | | unmade | Group of the unix socket.
use-exit-on-panic | bool | no | rw hidden inert | Exit instead of aborting after a panic.
watchdog-period | int 0 2147483647 | 0 | rw hidden inert | Milliseconds after which the software watchdog reports a delay; 0 disables it.
"""

cdef dict KINDS = {
    "bool": K_BOOL, "int": K_INT, "memory": K_MEMORY, "percent": K_PERCENT, "enum": K_ENUM, "text": K_TEXT,
    "octal": K_OCTAL, "save": K_SAVE, "limits": K_LIMITS, "notify": K_NOTIFY, "percentiles": K_PERCENTILES,
    "shutdown": K_SHUTDOWN,
}
cdef dict MARKS = {"rw": MUTABLE, "protected": PROTECTED, "secret": SECRET, "inert": INERT, "words": WORDS, "unmade": UNMADE, "hidden": HIDDEN, "clipped": CLIPPED}

cdef option TABLE[MAX_OPTIONS]
cdef int COUNT = 0
cdef list KEPT = []            # the bytes objects that TABLE points into
cdef config DEFAULTS
cdef list ROWS = []            # (name, alias, kind, limits or choices, default, marks, sentence) for Python

cdef const char *EVENT_CLASSES[3]
EVENT_CLASSES[:] = [b"normal", b"slave", b"pubsub"]
cdef const char *EVENT_LETTERS = b"KEg$lshzxetmadnocSTIV"      # by bit
cdef const char *EVENTS_SHOWN = b"g$lshzxetdanoc"                  # as CONFIG GET shows them: these or A, then the others
cdef const char *EVENTS_SHOWN_ALWAYS = b"KEmSTIV"
cdef int64_t INT64_MAX = 0x7FFFFFFFFFFFFFFF
cdef int64_t INT64_MIN = -0x7FFFFFFFFFFFFFFF - 1


cdef const char *keep(str text):
    b = text.encode()
    KEPT.append(b)
    return b


cdef int add_row(str line) except -1:
    global COUNT
    cdef option *o = &TABLE[COUNT]
    cdef const char **choices
    cdef buf why
    names, kind, default, marks, sentence = [part.strip() for part in line.split("|", 4)]
    name, _, alias = names.partition("=")
    words = kind.split()
    o.name = keep(name)
    o.alias = keep(alias) if alias else NULL
    o.kind = KINDS[words[0]]
    o.flags = 0                # until the default is known, which those that are not implemented are compared with
    o.lo = 0
    o.hi = INT64_MAX
    o.text = NULL
    o.choices = NULL
    if o.kind == K_ENUM:
        choices = <const char **>malloc(len(words) * sizeof(void *))
        for i in range(1, len(words)):
            choices[i - 1] = keep(words[i])
        choices[len(words) - 1] = NULL
        o.choices = choices
    elif len(words) == 3:
        o.lo = int(words[1])
        o.hi = int(words[2])
    o.text = keep(default)
    ROWS.append((name, alias, words[0], words[1:], default, marks.split(), sentence))
    COUNT += 1
    memset(&why, 0, sizeof(why))
    if not config_set(&DEFAULTS, COUNT - 1, view_str(o.text), &why):
        raise AssertionError(f"default of {name}: {why.ptr[:why.len]!r}")
    if is_number(o.kind):
        o.number = DEFAULTS.values[COUNT - 1].number
    else:
        free(DEFAULTS.values[COUNT - 1].text)
        DEFAULTS.values[COUNT - 1].text = NULL
    for mark in marks.split():
        o.flags |= <unsigned int>MARKS[mark]
    return 0


def rows():
    """The table for Python: (name, alias, kind, limits or choices, default, marks, sentence)."""
    return list(ROWS)


cdef inline bint is_number(int kind) noexcept nogil:
    return kind <= K_ENUM or kind == K_OCTAL or kind == K_NOTIFY


cdef int option_count() noexcept nogil:
    return COUNT


cdef const option *option_at(int id) noexcept nogil:
    return &TABLE[id]


cdef int option_find(view name) noexcept nogil:
    cdef int i
    for i in range(COUNT):
        if view_is(name, TABLE[i].name) or (TABLE[i].alias != NULL and view_is(name, TABLE[i].alias)):
            return i
    return -1


cdef void config_init(config *c) noexcept nogil:
    memcpy(c, &DEFAULTS, sizeof(config))


cdef void config_release(config *c) noexcept nogil:
    cdef int i
    for i in range(COUNT):
        if not is_number(TABLE[i].kind):
            free(c.values[i].text)
            c.values[i].text = NULL


cdef bint config_copy(config *target, config *source) noexcept nogil:
    """Makes target, which is initialised, equal to source."""
    cdef int i
    memcpy(target.limits, source.limits, sizeof(source.limits))
    memcpy(target.percentiles, source.percentiles, sizeof(source.percentiles))
    target.percentile_count = source.percentile_count
    for i in range(COUNT):
        if is_number(TABLE[i].kind):
            target.values[i] = source.values[i]
        elif source.values[i].text == NULL:
            free(target.values[i].text)
            target.values[i].text = NULL
        elif not keep_text(target, i, view_str(source.values[i].text)):
            return False
    return True


cdef const char *config_text(config *c, int id) noexcept nogil:
    return c.values[id].text if c.values[id].text != NULL else TABLE[id].text


cdef bint config_is_default(config *c, int id) noexcept nogil:
    if is_number(TABLE[id].kind):
        return c.values[id].number == TABLE[id].number
    return c.values[id].text == NULL or strcmp(c.values[id].text, TABLE[id].text) == 0


cdef bint keep_text(config *c, int id, view value) noexcept nogil:
    """A text that stays the same stays where it is: the log reads those that are fixed at the start without the lock."""
    cdef char *copy
    if c.values[id].text != NULL and view_equal(value, view_str(c.values[id].text)):
        return True
    copy = <char *>malloc(value.len + 1)
    if copy == NULL:
        return False
    memcpy(copy, value.ptr, value.len)
    copy[value.len] = 0
    free(c.values[id].text)
    c.values[id].text = copy
    return True


cdef bint next_word(view *rest, view *word) noexcept nogil:
    cdef size_t i = 0
    while i < rest.len and rest.ptr[i] == c' ':
        i += 1
    word.ptr = rest.ptr + i
    word.len = 0
    while i < rest.len and rest.ptr[i] != c' ':
        i += 1
        word.len += 1
    rest.ptr += i
    rest.len -= i
    return word.len != 0


cdef bint set_limits(config *c, int id, view value, buf *why) noexcept nogil:
    """Any of the classes, four words each; the others keep their limits."""
    cdef output_limit limits[CLIENT_CLASSES]
    cdef view word, rest = value
    cdef int64_t n[3]
    cdef int i, which
    cdef bint any_word = False
    memcpy(limits, c.limits, sizeof(limits))
    while next_word(&rest, &word):
        any_word = True
        which = CLASS_NORMAL if view_is(word, b"normal") else CLASS_PUBSUB if view_is(word, b"pubsub") else (
            CLASS_REPLICA if view_is(word, b"slave") or view_is(word, b"replica") else -1)
        if which < 0:
            buf_printf(why, b"Invalid client class specified in buffer limit configuration.")
            return False
        for i in range(3):
            if not next_word(&rest, &word):
                buf_printf(why, b"Wrong number of arguments in buffer limit configuration.")
                return False
            if not parse_memory(word, &n[i]) or (i == 2 and not parse_int(word, &n[i])):
                buf_printf(why, b"Error in hard, soft or soft_seconds setting in buffer limit configuration.")
                return False
        limits[which].hard = n[0]
        limits[which].soft = n[1]
        limits[which].soft_seconds = n[2]
    if not any_word:
        buf_printf(why, b"Wrong number of arguments in buffer limit configuration.")
        return False
    memcpy(c.limits, limits, sizeof(limits))
    return True


cdef bint set_save(config *c, int id, view value, buf *why) noexcept nogil:
    cdef view word, rest = value
    cdef int64_t n
    cdef int count = 0
    while next_word(&rest, &word):
        if not parse_int(word, &n) or n < (1 if count % 2 == 0 else 0):
            buf_printf(why, b"Invalid save parameters")
            return False
        count += 1
    if count % 2:
        buf_printf(why, b"Invalid save parameters")
        return False
    return keep_text(c, id, value)


cdef bint set_percentiles(config *c, int id, view value, buf *why) noexcept nogil:
    cdef view word, rest = value
    cdef double p[8]
    cdef int n = 0
    while next_word(&rest, &word):
        if n == 8 or not parse_double(word, &p[n]) or p[n] < 0 or p[n] > 100:
            buf_printf(why, b"latency-tracking-info-percentiles should contain a numeric value between 0.0 and 100.0")
            return False
        n += 1
    memcpy(c.percentiles, p, sizeof(p))
    c.percentile_count = n
    return keep_text(c, id, value)


cdef int event_bit(char letter) noexcept nogil:
    """-1: it is none."""
    cdef int bit
    for bit in range(EVENT_BITS):
        if EVENT_LETTERS[bit] == letter:
            return bit
    return -1


cdef void show_events(int64_t flags, const char *letters, buf *out) noexcept nogil:
    """Those of the letters whose class is wanted."""
    while letters[0]:
        if flags & (1 << event_bit(letters[0])):
            buf_add_char(out, letters[0])
        letters += 1


cdef bint set_notify(config *c, int id, view value, buf *why) noexcept nogil:
    cdef int64_t flags = 0
    cdef size_t i
    cdef int bit
    for i in range(value.len):
        if value.ptr[i] == c'A':
            flags |= EVENT_ALL
            continue
        bit = event_bit(value.ptr[i])
        if bit < 0:
            buf_printf(why, b"Invalid event class character. Use 'Ag$lshzxeKEtmdnocaSTIV'.")
            return False
        flags |= 1 << bit
    c.values[id].number = flags
    return True


cdef bint set_enum(config *c, int id, view value, buf *why) noexcept nogil:
    cdef const char **choices = <const char **>TABLE[id].choices
    cdef int i = 0
    while choices[i] != NULL:
        if view_is(value, choices[i]):
            c.values[id].number = i
            return True
        i += 1
    buf_printf(why, b"argument(s) must be one of the following: ")
    i = 0
    while choices[i] != NULL:
        buf_printf(why, b"%s%s", <const char *>b", " if i else <const char *>b"", choices[i])
        i += 1
    return False


cdef bint set_number(config *c, int id, view value, buf *why) noexcept nogil:
    cdef int64_t n = 0
    cdef size_t i
    cdef view digits
    cdef int kind = TABLE[id].kind
    if kind == K_OCTAL:
        for i in range(value.len):
            if not c'0' <= value.ptr[i] <= c'7' or i > 5:
                buf_printf(why, b"argument couldn't be parsed as an octal number")
                return False
            n = n * 8 + (<int>value.ptr[i] - 48)
    elif kind == K_MEMORY:
        if not parse_memory(value, &n):
            buf_printf(why, b"argument must be a memory value")
            return False
    elif kind == K_PERCENT and value.len and value.ptr[value.len - 1] == c'%':
        digits = value
        digits.len -= 1
        if not parse_int(digits, &n) or n < 0 or n > 100:
            buf_printf(why, b"argument must be a memory or percent value")
            return False
        n = -n
        c.values[id].number = n
        return True
    elif kind == K_PERCENT:
        if not parse_memory(value, &n):
            buf_printf(why, b"argument must be a memory or percent value")
            return False
    elif not parse_int(value, &n):
        buf_printf(why, b"argument couldn't be parsed into an integer")
        return False
    if TABLE[id].flags & CLIPPED and 0 <= n <= INT_MAX:
        n = min(max(n, TABLE[id].lo), TABLE[id].hi)
    if n < TABLE[id].lo or n > TABLE[id].hi:
        buf_printf(why, b"argument must be between %lld and %lld inclusive",
                   <long long>TABLE[id].lo, <long long>TABLE[id].hi)
        return False
    c.values[id].number = n
    return True


cdef const char **SHUTDOWN_WORDS = [b"default", b"save", b"nosave", b"now", b"force"]


cdef bint set_shutdown(config *c, int id, view value, buf *why) noexcept nogil:
    cdef view word, rest = value
    cdef int i
    while next_word(&rest, &word):
        for i in range(5):
            if view_is(word, SHUTDOWN_WORDS[i]):
                break
        else:
            buf_printf(why, b"argument(s) must be one of the following: default, save, nosave, now, force")
            return False
    return keep_text(c, id, value)


cdef bint config_set(config *c, int id, view value, buf *why) noexcept nogil:
    if value.len and memchr(value.ptr, 0, value.len) != NULL:
        buf_printf(why, b"the value contains a NUL byte")
        return False
    if not set_value(c, id, value, why):
        return False
    if TABLE[id].flags & UNMADE and not config_is_default(c, id):
        buf_printf(why, b"'%s' is not implemented: kvd accepts no value but its default, '", TABLE[id].name)
        set_default(c, id)
        config_print(c, id, why)
        buf_add_char(why, c"'")
        return False
    return True


cdef void set_default(config *c, int id) noexcept nogil:
    if is_number(TABLE[id].kind):
        c.values[id].number = TABLE[id].number
    else:
        free(c.values[id].text)
        c.values[id].text = NULL


cdef bint set_value(config *c, int id, view value, buf *why) noexcept nogil:
    cdef int kind = TABLE[id].kind
    if kind == K_BOOL:
        if not view_is(value, b"yes") and not view_is(value, b"no"):
            buf_printf(why, b"argument must be 'yes' or 'no'")
            return False
        c.values[id].number = view_is(value, b"yes")
        return True
    if kind == K_ENUM:
        return set_enum(c, id, value, why)
    if kind == K_TEXT:
        return keep_text(c, id, value)
    if kind == K_SAVE:
        return set_save(c, id, value, why)
    if kind == K_SHUTDOWN:
        return set_shutdown(c, id, value, why)
    if kind == K_LIMITS:
        return set_limits(c, id, value, why)
    if kind == K_NOTIFY:
        return set_notify(c, id, value, why)
    if kind == K_PERCENTILES:
        return set_percentiles(c, id, value, why)
    return set_number(c, id, value, why)


cdef void config_print(config *c, int id, buf *out) noexcept nogil:
    cdef int kind = TABLE[id].kind
    cdef int64_t n = c.values[id].number
    cdef int i
    cdef const char *t
    cdef char text[DOUBLE_TEXT]
    if id == OPT_DATABASES and c.values[<int>OPT_CLUSTER_ENABLED].number:
        n = 1                      # a cluster uses database 0 only
    if kind == K_BOOL:
        t = b"yes" if n else b"no"
        buf_add(out, t, strlen(t))
    elif kind == K_ENUM:
        buf_add(out, TABLE[id].choices[n], strlen(TABLE[id].choices[n]))
    elif kind == K_OCTAL:
        buf_printf(out, b"%llo", <unsigned long long>n)
    elif kind == K_PERCENT and n < 0:
        buf_printf(out, b"%lld%%", <long long>-n)
    elif kind == K_NOTIFY:
        if n & EVENT_ALL == EVENT_ALL:
            buf_add_char(out, c'A')
            show_events(n & ~EVENT_ALL, EVENTS_SHOWN, out)
        else:
            show_events(n, EVENTS_SHOWN, out)
        show_events(n, EVENTS_SHOWN_ALWAYS, out)
    elif kind == K_LIMITS:
        for i in range(CLIENT_CLASSES):
            buf_printf(out, b"%s%s %lld %lld %lld", <const char *>b" " if i else <const char *>b"", EVENT_CLASSES[i], <long long>c.limits[i].hard,
                       <long long>c.limits[i].soft, <long long>c.limits[i].soft_seconds)
    elif kind == K_PERCENTILES:
        for i in range(c.percentile_count):
            if i:
                buf_add_char(out, c' ')
            buf_add(out, text, format_percent(text, c.percentiles[i]))
    elif is_number(kind):
        buf_printf(out, b"%lld", <long long>n)
    else:
        t = config_text(c, id)
        buf_add(out, t, strlen(t))


for _line in OPTIONS.strip().splitlines():
    add_row(_line)
