"""The options of a store.

One row names an option and gives its kind, its default, whether it may change at run time, and a
sentence. CONFIG GET, SET and REWRITE, `kvd serve --help`, environment variables, configuration files
and docs/config.md are read off this table; nothing about an option is written anywhere else.

A row: name or name=alias | kind | default | marks | sentence. Kinds: see `KINDS` below; int may have
limits, enum its choices. Marks: `rw` may change at run time, `protected`, `words` (many words in a
file), `inert`: accepted so that a redis.conf works unchanged, without effect here yet.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset, strcmp, strlen

from kvd.core.buf cimport buf_add, buf_add_char, buf_printf
from kvd.core.text cimport DOUBLE_TEXT, format_percent, parse_double, parse_int, parse_memory
from kvd.core.view cimport view_is, view_str

OPTIONS = """
maxmemory | memory | 0 | rw | Memory limit in bytes for the data; 0 is none. What happens at the limit is maxmemory-policy's.
maxmemory-policy | enum noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl | noeviction | rw | Which keys make room when maxmemory is reached.
maxmemory-samples | int 1 64 | 5 | rw | How many keys an eviction looks at; more is closer to exact LRU or LFU and slower.
maxmemory-eviction-tenacity | int 0 100 | 10 | rw | How long one command may be held up by evictions: 10 is half a millisecond, 100 without limit.
lfu-log-factor | int 0 2147483647 | 10 | rw | How many hits an LFU counter takes to saturate (logarithmic).
lfu-decay-time | int 0 2147483647 | 1 | rw | Minutes after which an idle key's LFU counter loses one.
databases | int 1 16384 | 16 | | How many numbered databases there are.
hz | int 1 500 | 10 | rw | Background rounds a second (statistics, idle clients).
port | int 0 65535 | 6379 | | TCP port; 0 for none.
bind | text | * -::* | words | Addresses to listen on; a leading - allows one to be missing, * and ::* mean all.
unixsocket | text | | | Path of a unix socket to listen on.
unixsocketperm | octal | 0 | | Permissions of the unix socket, octal; 0 leaves the umask to decide.
tcp-backlog | int 0 2147483647 | 511 | | Length of the queue of connections not yet accepted.
tcp-keepalive | int 0 2147483647 | 300 | rw | Seconds after which a silent TCP client is probed; 0 is never.
timeout | int 0 2147483647 | 0 | rw | Seconds after which an idle client is closed; 0 is never.
maxclients | int 1 4294967295 | 10000 | rw | How many clients may be connected at once.
protected-mode | bool | yes | rw | Without a password, and bound to all addresses, refuse clients of other machines.
io-threads | int 1 128 | 1 | | Network threads, each with its own clients.
requirepass | text | | rw secret | Password that clients give with AUTH.
enable-debug-command | enum no yes local | no | | Whether DEBUG is allowed: for nobody, all, or connections of this machine.
enable-protected-configs | enum no yes local | no | | Whether protected options may be changed at run time.
proto-max-bulk-len | memory 1048576 9223372036854775807 | 512mb | rw | Largest single argument or string value.
client-query-buffer-limit | memory 1048576 9223372036854775807 | 1gb | rw | Most bytes of unexecuted input one client may pile up.
client-output-buffer-limit | limits | normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60 | rw words | Per client class: hard limit, soft limit and its seconds for replies not taken.
slowlog-log-slower-than | int -1 9223372036854775807 | 10000 | rw | Microseconds from which a command enters the slow log; -1 is never.
slowlog-max-len | int 0 9223372036854775807 | 128 | rw | How many slow commands are kept.
latency-monitor-threshold | int 0 9223372036854775807 | 0 | rw | Milliseconds from which LATENCY keeps an event; 0 is off.
latency-tracking | bool | yes | rw | Keep a latency histogram for each command.
latency-tracking-info-percentiles | percentiles | 50 99 99.9 | rw words | Percentiles that INFO latencystats shows.
notify-keyspace-events | notify | | rw | Letters of the keyspace events that are published.
active-expire-effort | int 1 10 | 1 | rw | How long a slice of active expiry may take: 1 is 250 microseconds, 10 is 1 millisecond.
lazyfree-lazy-user-flush | bool | no | rw | FLUSHALL and FLUSHDB without a word are ASYNC.
loglevel | enum debug verbose notice warning nothing | notice | rw | Least important messages that are logged.
logfile | text | | | File to log to; empty is standard output.
syslog-enabled | bool | no | | Log to syslog as well.
syslog-ident | text | kvd | | Name under which syslog sees the server.
syslog-facility | enum user local0 local1 local2 local3 local4 local5 local6 local7 | local0 | | Facility of syslog messages.
daemonize | bool | no | | Run in the background.
pidfile | text | | | File the process id is written to.
supervised | enum no upstart systemd auto | no | | Tell systemd when the server is ready.
dir | text | . | rw protected | Working directory.
save | save | 3600 1 300 100 60 10000 | rw words inert | Snapshot after so many seconds if there were so many changes.
shutdown-timeout | int 0 2147483647 | 10 | rw inert | Seconds to wait for replicas at shutdown.
set-proc-title | bool | yes | inert | Show address and mode in the process list.
crash-log-enabled | bool | yes | rw | Print a stack trace of Python threads when the process crashes.
hash-max-listpack-entries=hash-max-ziplist-entries | int 0 9223372036854775807 | 512 | rw | Fields up to which a hash is packed.
hash-max-listpack-value=hash-max-ziplist-value | int 0 9223372036854775807 | 64 | rw | Longest field or value of a packed hash.
list-max-listpack-size=list-max-ziplist-size | int -2147483648 2147483647 | -2 | rw | Size of a list's node.
list-compress-depth | int 0 2147483647 | 0 | rw | Nodes at each end of a list that stay uncompressed.
set-max-intset-entries | int 0 9223372036854775807 | 512 | rw | Integers up to which a set is an intset.
set-max-listpack-entries | int 0 9223372036854775807 | 128 | rw | Members up to which a set is packed.
set-max-listpack-value | int 0 9223372036854775807 | 64 | rw | Longest member of a packed set.
zset-max-listpack-entries=zset-max-ziplist-entries | int 0 9223372036854775807 | 128 | rw | Members up to which a sorted set is packed.
zset-max-listpack-value=zset-max-ziplist-value | int 0 9223372036854775807 | 64 | rw | Longest member of a packed sorted set.
stream-node-max-bytes | memory | 4096 | rw | Bytes of a stream's node.
stream-node-max-entries | int 0 9223372036854775807 | 100 | rw | Entries of a stream's node.
hll-sparse-max-bytes | int 0 9223372036854775807 | 3000 | rw | Bytes up to which a HyperLogLog is sparse.
tracking-table-max-keys | int 0 9223372036854775807 | 1000000 | rw | Keys remembered for client-side caching.
busy-reply-threshold=lua-time-limit | int 0 9223372036854775807 | 5000 | rw | Milliseconds after which a script counts as busy.
lua-memory-limit | memory 1048576 9223372036854775807 | 1gb | rw | Most memory that Lua scripts and their values may hold (kvd's own).
cluster-enabled | bool | no | | Answer cluster clients as a cluster of one node.
acl-pubsub-default | enum allchannels resetchannels | resetchannels | rw inert | Channels a new user may use.
aclfile | text | | inert | File of users.
acllog-max-len | int 0 9223372036854775807 | 128 | rw inert | Length of the ACL log.
active-defrag-cycle-max | int 1 99 | 25 | rw inert | Most CPU percent for defragmentation.
active-defrag-cycle-min | int 1 99 | 1 | rw inert | Least CPU percent for defragmentation.
active-defrag-ignore-bytes | memory 1 9223372036854775807 | 100mb | rw inert | Waste below which nothing is defragmented.
active-defrag-max-scan-fields | int 1 9223372036854775807 | 1000 | rw inert | Fields looked at in one step.
active-defrag-threshold-lower | int 0 1000 | 10 | rw inert | Percent of waste at which defragmentation starts.
active-defrag-threshold-upper | int 0 1000 | 100 | rw inert | Percent of waste at which it works hardest.
activedefrag | bool | no | rw inert | Defragment memory while running.
activerehashing | bool | yes | rw inert | Accepted; kvd's tables grow one bucket at a time and never rehash.
always-show-logo | bool | no | inert | Accepted; there is no logo.
aof-disable-auto-gc | bool | no | rw inert | Keep old append-only files.
aof-load-truncated | bool | yes | rw inert | Load an append-only file whose end is cut off.
aof-rewrite-incremental-fsync | bool | yes | rw inert | Sync a rewritten file in steps.
aof-timestamp-enabled | bool | no | rw inert | Put times into the append-only file.
aof-use-rdb-preamble | bool | yes | rw inert | Start a rewritten append-only file with a snapshot.
aof_rewrite_cpulist=aof-rewrite-cpulist | text | | inert | Cores of the rewriting process.
appenddirname | text | appendonlydir | inert | Directory of the append-only files.
appendfilename | text | appendonly.aof | inert | Name of the append-only file.
appendfsync | enum everysec always no | everysec | rw inert | When the append-only file is synced.
appendonly | bool | no | rw inert | Keep an append-only file.
auto-aof-rewrite-min-size | memory 0 9223372036854775807 | 64mb | rw inert | Size below which the append-only file is not rewritten.
auto-aof-rewrite-percentage | int 0 2147483647 | 100 | rw inert | Growth that starts a rewrite.
bgsave_cpulist=bgsave-cpulist | text | | inert | Cores of the saving process.
bind-source-addr | text | | rw inert | Address that outgoing connections start from.
bio_cpulist=bio-cpulist | text | | inert | Cores of background threads.
cluster-allow-pubsubshard-when-down | bool | yes | rw inert | Cluster only.
cluster-allow-reads-when-down | bool | no | rw inert | Cluster only.
cluster-allow-replica-migration | bool | yes | rw inert | Cluster only.
cluster-announce-bus-port | int 0 65535 | 0 | rw inert | Cluster only.
cluster-announce-hostname | text | | rw inert | Cluster only.
cluster-announce-human-nodename | text | | rw inert | Cluster only.
cluster-announce-ip | text | | rw inert | Cluster only.
cluster-announce-port | int 0 65535 | 0 | rw inert | Cluster only.
cluster-announce-tls-port | int 0 65535 | 0 | rw inert | Cluster only.
cluster-config-file | text | nodes.conf | inert | Cluster only.
cluster-link-sendbuf-limit | memory | 0 | rw inert | Cluster only.
cluster-migration-barrier | int 0 2147483647 | 1 | rw inert | Cluster only.
cluster-node-timeout | int 0 9223372036854775807 | 15000 | rw inert | Cluster only.
cluster-port | int 0 65535 | 0 | inert | Cluster only.
cluster-preferred-endpoint-type | enum ip hostname unknown-endpoint | ip | rw inert | Cluster only.
cluster-replica-no-failover=cluster-slave-no-failover | bool | no | rw inert | Cluster only.
cluster-replica-validity-factor=cluster-slave-validity-factor | int 0 2147483647 | 10 | rw inert | Cluster only.
cluster-require-full-coverage | bool | yes | rw inert | Cluster only.
crash-memcheck-enabled | bool | yes | rw inert | Test the memory after a crash.
dbfilename | text | dump.rdb | rw protected inert | Name of the snapshot file.
disable-thp | bool | yes | inert | Switch transparent huge pages off.
dynamic-hz | bool | yes | rw inert | More background rounds with more clients.
enable-module-command | enum no yes local | no | inert | There are no modules.
hide-user-data-from-log | bool | no | rw inert | Keep user data out of the log; kvd never logs any.
ignore-warnings | text | | inert | Start-up warnings to leave out.
io-threads-do-reads | bool | no | inert | Accepted; kvd's network threads always read and write.
jemalloc-bg-thread | bool | yes | rw inert | Accepted; kvd has an allocator of its own.
lazyfree-lazy-eviction | bool | no | rw inert | Accepted; large values are always freed in slices.
lazyfree-lazy-expire | bool | no | rw inert | Accepted; large values are always freed in slices.
lazyfree-lazy-server-del | bool | no | rw inert | Accepted; large values are always freed in slices.
lazyfree-lazy-user-del | bool | no | rw inert | Accepted; large values are always freed in slices.
locale-collate | text | | rw inert | Locale by which SORT ALPHA compares.
masterauth | text | | rw secret inert | Password for the master.
masteruser | text | | rw inert | User for the master.
maxmemory-clients | percent | 0 | rw inert | Memory limit of all clients together.
min-replicas-max-lag=min-slaves-max-lag | int 0 2147483647 | 10 | rw inert | Seconds of lag a replica may have.
min-replicas-to-write=min-slaves-to-write | int 0 2147483647 | 0 | rw inert | Replicas needed to accept a write.
no-appendfsync-on-rewrite | bool | no | rw inert | Do not sync while a rewrite runs.
oom-score-adj | enum no yes relative absolute | no | rw inert | Tell the kernel what to kill first.
oom-score-adj-values | text | 0 200 800 | rw words inert | Values for oom-score-adj.
proc-title-template | text | {title} {listen-addr} {server-mode} | rw inert | Text in the process list.
propagation-error-behavior | enum ignore panic panic-on-replicas | ignore | rw inert | What a bad command from the master does.
rdb-del-sync-files | bool | no | rw inert | Delete files of replication.
rdb-save-incremental-fsync | bool | yes | rw inert | Sync a snapshot in steps.
rdbchecksum | bool | yes | inert | Checksum in the snapshot.
rdbcompression | bool | yes | rw inert | Compress strings in the snapshot.
repl-backlog-size | memory 1 9223372036854775807 | 1mb | rw inert | Bytes kept for replicas that come back.
repl-backlog-ttl | int 0 9223372036854775807 | 3600 | rw inert | Seconds the backlog outlives the last replica.
repl-disable-tcp-nodelay | bool | no | rw inert | Let TCP collect data for replicas.
repl-diskless-load | enum disabled on-empty-db swapdb flush-before-load | disabled | rw protected inert | How a replica loads.
repl-diskless-sync | bool | yes | rw inert | Send snapshots without a file.
repl-diskless-sync-delay | int 0 2147483647 | 5 | rw inert | Seconds to wait for more replicas.
repl-diskless-sync-max-replicas | int 0 2147483647 | 0 | rw inert | Replicas that end the wait.
repl-ping-replica-period=repl-ping-slave-period | int 1 2147483647 | 10 | rw inert | Seconds between pings to replicas.
repl-timeout | int 1 2147483647 | 60 | rw inert | Seconds after which a link is given up.
replica-announce-ip=slave-announce-ip | text | | rw inert | Address a replica tells its master.
replica-announce-port=slave-announce-port | int 0 65535 | 0 | rw inert | Port a replica tells its master.
replica-announced | bool | yes | rw inert | Show this replica to sentinels.
replica-ignore-disk-write-errors | bool | no | rw inert | Go on when the disk fails.
replica-ignore-maxmemory=slave-ignore-maxmemory | bool | yes | rw inert | A replica does not evict.
replica-lazy-flush=slave-lazy-flush | bool | no | rw inert | Flush in the background before a load.
replica-priority=slave-priority | int 0 2147483647 | 100 | rw inert | Who is promoted first.
replica-read-only=slave-read-only | bool | yes | rw inert | A replica refuses writes.
replica-serve-stale-data=slave-serve-stale-data | bool | yes | rw inert | A replica answers while it is cut off.
replicaof=slaveof | text | | words inert | Address of the master.
sanitize-dump-payload | enum no yes clients | no | rw inert | Check payloads deeply.
server_cpulist=server-cpulist | text | | inert | Cores of the server's threads.
shutdown-on-sigint | text | default | rw words inert | What SIGINT does.
shutdown-on-sigterm | text | default | rw words inert | What SIGTERM does.
socket-mark-id | int 0 4294967295 | 0 | inert | Mark of sockets for packet filters.
stop-writes-on-bgsave-error | bool | yes | rw inert | Refuse writes after a failed snapshot.
tls-port | int 0 0 | 0 | rw inert | TLS is not available.
"""

cdef dict KINDS = {
    "bool": K_BOOL, "int": K_INT, "memory": K_MEMORY, "percent": K_PERCENT, "enum": K_ENUM, "text": K_TEXT,
    "octal": K_OCTAL, "save": K_SAVE, "limits": K_LIMITS, "notify": K_NOTIFY, "percentiles": K_PERCENTILES,
}
cdef dict MARKS = {"rw": MUTABLE, "protected": PROTECTED, "secret": SECRET, "inert": INERT, "words": WORDS}

cdef option TABLE[MAX_OPTIONS]
cdef int COUNT = 0
cdef list KEPT = []            # the bytes objects that TABLE points into
cdef config DEFAULTS
cdef list ROWS = []            # (name, alias, kind, limits or choices, default, marks, sentence) for Python

cdef const char *EVENT_CLASSES[3]
EVENT_CLASSES[:] = [b"normal", b"slave", b"pubsub"]
cdef const char *EVENT_LETTERS = b"KEg$lshzxetm\x00dn"
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
    o.flags = 0
    for mark in marks.split():
        o.flags |= <unsigned int>MARKS[mark]
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
    cdef char *copy = <char *>malloc(value.len + 1)
    if copy == NULL:
        return False
    memcpy(copy, value.ptr, value.len)
    copy[value.len] = 0
    free(c.values[id].text)
    c.values[id].text = copy
    return True


cdef bint next_word(view *rest, view *word) noexcept nogil:
    """Takes the next word separated by blanks; False at the end."""
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
    """Any of the classes, four words each; the others keep theirs."""
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


cdef bint set_notify(config *c, int id, view value, buf *why) noexcept nogil:
    cdef int64_t flags = 0
    cdef size_t i
    cdef int bit
    for i in range(value.len):
        if value.ptr[i] == c'A':
            flags |= EVENT_ALL
            continue
        for bit in range(15):
            if EVENT_LETTERS[bit] == value.ptr[i] and value.ptr[i] != 0:
                flags |= 1 << bit
                break
        else:
            buf_printf(why, b"Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
            return False
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
    if n < TABLE[id].lo or n > TABLE[id].hi:
        buf_printf(why, b"argument must be between %lld and %lld inclusive",
                   <long long>TABLE[id].lo, <long long>TABLE[id].hi)
        return False
    c.values[id].number = n
    return True


cdef bint config_set(config *c, int id, view value, buf *why) noexcept nogil:
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
        for i in range(2, 15):
            if n & (1 << i) and EVENT_LETTERS[i] and not ((1 << i) & EVENT_ALL and n & EVENT_ALL == EVENT_ALL):
                buf_add_char(out, EVENT_LETTERS[i])
        for i in range(2):
            if n & (1 << i):
                buf_add_char(out, EVENT_LETTERS[i])
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
