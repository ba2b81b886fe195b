"""The options of a store: one table of rows, one array of values for each store. See config.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef enum:
    SPARE_DESCRIPTORS = 32     # for files and other sockets, beside those of maxclients

cdef enum option_id:           # the first rows of the table, in its order (tests/store/test_config.py compares)
    OPT_MAXMEMORY
    OPT_MAXMEMORY_POLICY
    OPT_MAXMEMORY_SAMPLES
    OPT_MAXMEMORY_EVICTION_TENACITY
    OPT_LFU_LOG_FACTOR
    OPT_LFU_DECAY_TIME
    OPT_DATABASES
    OPT_HZ
    OPT_PORT
    OPT_BIND
    OPT_UNIXSOCKET
    OPT_UNIXSOCKETPERM
    OPT_TCP_BACKLOG
    OPT_TCP_KEEPALIVE
    OPT_TIMEOUT
    OPT_MAXCLIENTS
    OPT_PROTECTED_MODE
    OPT_IO_THREADS
    OPT_REQUIREPASS
    OPT_EMULATE
    OPT_ENABLE_DEBUG_COMMAND
    OPT_ENABLE_PROTECTED_CONFIGS
    OPT_PROTO_MAX_BULK_LEN
    OPT_CLIENT_QUERY_BUFFER_LIMIT
    OPT_CLIENT_OUTPUT_BUFFER_LIMIT
    OPT_SLOWLOG_LOG_SLOWER_THAN
    OPT_SLOWLOG_MAX_LEN
    OPT_SLOWLOG_ENTRY_MAX_ARGC
    OPT_SLOWLOG_ENTRY_MAX_STRING_LEN
    OPT_COMMANDLOG_REQUEST_LARGER_THAN
    OPT_COMMANDLOG_REPLY_LARGER_THAN
    OPT_COMMANDLOG_LARGE_REQUEST_MAX_LEN
    OPT_COMMANDLOG_LARGE_REPLY_MAX_LEN
    OPT_LATENCY_MONITOR_THRESHOLD
    OPT_LATENCY_TRACKING
    OPT_LATENCY_TRACKING_INFO_PERCENTILES
    OPT_NOTIFY_KEYSPACE_EVENTS
    OPT_ACTIVE_EXPIRE_EFFORT
    OPT_LAZYFREE_LAZY_USER_FLUSH
    OPT_LOGLEVEL
    OPT_LOGFILE
    OPT_LOG_FORMAT
    OPT_LOG_TIMESTAMP_FORMAT
    OPT_SYSLOG_ENABLED
    OPT_SYSLOG_IDENT
    OPT_SYSLOG_FACILITY
    OPT_DAEMONIZE
    OPT_PIDFILE
    OPT_SUPERVISED
    OPT_DIR
    OPT_SAVE
    OPT_SHUTDOWN_TIMEOUT
    OPT_SET_PROC_TITLE
    OPT_CRASH_LOG_ENABLED
    OPT_HASH_MAX_LISTPACK_ENTRIES
    OPT_HASH_MAX_LISTPACK_VALUE
    OPT_LIST_MAX_LISTPACK_SIZE
    OPT_LIST_COMPRESS_DEPTH
    OPT_SET_MAX_INTSET_ENTRIES
    OPT_SET_MAX_LISTPACK_ENTRIES
    OPT_SET_MAX_LISTPACK_VALUE
    OPT_ZSET_MAX_LISTPACK_ENTRIES
    OPT_ZSET_MAX_LISTPACK_VALUE
    OPT_STREAM_NODE_MAX_BYTES
    OPT_STREAM_NODE_MAX_ENTRIES
    OPT_STREAM_IDMP_DURATION
    OPT_STREAM_IDMP_MAXSIZE
    OPT_HLL_SPARSE_MAX_BYTES
    OPT_TRACKING_TABLE_MAX_KEYS
    OPT_BUSY_REPLY_THRESHOLD
    OPT_LUA_MEMORY_LIMIT
    OPT_CLUSTER_ENABLED
    OPT_CLUSTER_SLOT_STATS_ENABLED
    OPT_APPENDDIRNAME
    OPT_APPENDFILENAME
    OPT_APPENDFSYNC
    OPT_APPENDONLY
    OPT_AUTO_AOF_REWRITE_MIN_SIZE
    OPT_AUTO_AOF_REWRITE_PERCENTAGE
    OPT_AOF_LOAD_TRUNCATED
    OPT_AOF_LOAD_CORRUPT_TAIL_MAX_SIZE
    OPT_AOF_TIMESTAMP_ENABLED
    OPT_AOF_USE_RDB_PREAMBLE
    OPT_NO_APPENDFSYNC_ON_REWRITE
    OPT_DBFILENAME
    OPT_RDB_SAVE_INCREMENTAL_FSYNC
    OPT_RDB_VERSION
    OPT_RDBCHECKSUM
    OPT_RDBCOMPRESSION
    OPT_STOP_WRITES_ON_BGSAVE_ERROR
    OPT_AOF_REWRITE_INCREMENTAL_FSYNC
    OPT_KEY_LOAD_DELAY
    OPT_MASTERAUTH
    OPT_MASTERUSER
    OPT_MIN_REPLICAS_MAX_LAG
    OPT_MIN_REPLICAS_TO_WRITE
    OPT_REPL_BACKLOG_SIZE
    OPT_REPL_BACKLOG_TTL
    OPT_REPL_DISABLE_TCP_NODELAY
    OPT_REPL_DISKLESS_LOAD
    OPT_REPL_DISKLESS_SYNC
    OPT_REPL_DISKLESS_SYNC_DELAY
    OPT_REPL_DISKLESS_SYNC_MAX_REPLICAS
    OPT_REPL_PING_REPLICA_PERIOD
    OPT_REPL_TIMEOUT
    OPT_REPLICA_ANNOUNCE_IP
    OPT_REPLICA_ANNOUNCE_PORT
    OPT_REPLICA_ANNOUNCED
    OPT_REPLICA_IGNORE_MAXMEMORY
    OPT_REPLICA_LAZY_FLUSH
    OPT_REPLICA_PRIORITY
    OPT_REPLICA_READ_ONLY
    OPT_REPLICA_SERVE_STALE_DATA
    OPT_REPLICAOF
    OPT_ACL_PUBSUB_DEFAULT
    OPT_ACLFILE
    OPT_ACLLOG_MAX_LEN
    OPT_MAXMEMORY_CLIENTS
    OPT_TLS_PORT
    OPT_TLS_CERT_FILE
    OPT_TLS_KEY_FILE
    OPT_TLS_KEY_FILE_PASS
    OPT_TLS_CLIENT_CERT_FILE
    OPT_TLS_CLIENT_KEY_FILE
    OPT_TLS_CLIENT_KEY_FILE_PASS
    OPT_TLS_DH_PARAMS_FILE
    OPT_TLS_CA_CERT_FILE
    OPT_TLS_CA_CERT_DIR
    OPT_TLS_AUTH_CLIENTS
    OPT_TLS_REPLICATION
    OPT_TLS_PROTOCOLS
    OPT_TLS_CIPHERS
    OPT_TLS_CIPHERSUITES
    OPT_TLS_PREFER_SERVER_CIPHERS
    OPT_TLS_SESSION_CACHING
    OPT_TLS_SESSION_CACHE_SIZE
    OPT_TLS_SESSION_CACHE_TIMEOUT
    OPT_IMPORT_MODE
    OPT_AVAILABILITY_ZONE

cdef enum option_kind:
    K_BOOL
    K_INT
    K_MEMORY
    K_PERCENT                  # memory, or a percentage (kept negative)
    K_ENUM
    K_TEXT
    K_OCTAL
    K_SAVE                     # "seconds changes" pairs
    K_LIMITS                   # client classes with hard, soft, seconds
    K_NOTIFY                   # letters of keyspace events
    K_PERCENTILES
    K_SHUTDOWN                 # words: default, save, nosave, now, force

cdef enum:
    MAX_OPTIONS = 320
    MUTABLE = 1                # CONFIG SET may change it
    PROTECTED = 2              # only with enable-protected-configs
    SECRET = 4                 # its value is not shown by CONFIG GET * in logs
    INERT = 8                  # accepted for redis.conf files, without effect
    WORDS = 16                 # its words are separate arguments in a file and may be many
    UNMADE = 32                # not implemented: only its default is accepted
    HIDDEN = 64                # CONFIG GET shows it by its full name only
    CLIPPED = 128              # an integer out of range becomes the nearest that is allowed

    # client classes of client-output-buffer-limit
    CLASS_NORMAL = 0
    CLASS_REPLICA = 1
    CLASS_PUBSUB = 2
    CLIENT_CLASSES = 3

    # maxmemory-policy, in the order of its choices
    POLICY_NOEVICTION = 0
    POLICY_ALLKEYS_LRU = 1
    POLICY_ALLKEYS_LFU = 2
    POLICY_ALLKEYS_RANDOM = 3
    POLICY_VOLATILE_LRU = 4
    POLICY_VOLATILE_LFU = 5
    POLICY_VOLATILE_RANDOM = 6
    POLICY_VOLATILE_TTL = 7
    POLICY_ALLKEYS_LRM = 8     # least recently modified
    POLICY_VOLATILE_LRM = 9
    POLICY_COUNT = 10

    # classes of keyspace events, as letters of notify-keyspace-events
    EVENT_KEYSPACE = 1         # K
    EVENT_KEYEVENT = 2         # E
    EVENT_GENERIC = 4          # g
    EVENT_STRING = 8           # $
    EVENT_LIST = 16            # l
    EVENT_SET = 32             # s
    EVENT_HASH = 64            # h
    EVENT_ZSET = 128           # z
    EVENT_EXPIRED = 256        # x
    EVENT_EVICTED = 512        # e
    EVENT_STREAM = 1024        # t
    EVENT_MISS = 2048          # m
    EVENT_ARRAY = 4096         # a
    EVENT_MODULE = 8192        # d
    EVENT_NEW = 16384          # n
    EVENT_OVERWRITTEN = 1 << 15    # o
    EVENT_TYPE_CHANGED = 1 << 16   # c
    EVENT_SUBKEYSPACE = 1 << 17    # S: channels of fields of hashes
    EVENT_SUBKEYEVENT = 1 << 18    # T
    EVENT_SUBKEYITEM = 1 << 19     # I
    EVENT_SUBKEYSPACEEVENT = 1 << 20   # V
    EVENT_SUBKEYS = EVENT_SUBKEYSPACE | EVENT_SUBKEYEVENT | EVENT_SUBKEYITEM | EVENT_SUBKEYSPACEEVENT
    EVENT_ALL = 14332          # A: g$lshzxetda
    EVENT_BITS = 21

cdef struct option:
    const char *name
    const char *alias          # or NULL
    int kind
    unsigned int flags
    int64_t lo
    int64_t hi
    int64_t number             # default
    const char *text           # default; NULL when the kind is a number
    const char **choices       # K_ENUM; NULL ends it

cdef union config_value:
    int64_t number
    char *text                 # own copy; NULL: as the default

cdef struct output_limit:
    int64_t hard
    int64_t soft
    int64_t soft_seconds

cdef struct config:
    config_value values[MAX_OPTIONS]
    output_limit limits[CLIENT_CLASSES]
    double percentiles[8]
    int percentile_count

cdef int option_count() noexcept nogil
cdef const option *option_at(int id) noexcept nogil
cdef int option_find(view name) noexcept nogil                     # -1: unknown; aliases are known
cdef void config_init(config *c) noexcept nogil                    # the defaults
cdef void config_release(config *c) noexcept nogil
cdef bint config_set(config *c, int id, view value, buf *why) noexcept nogil   # False: `why` holds the error text
cdef void config_print(config *c, int id, buf *out) noexcept nogil  # the value as CONFIG GET shows it
cdef bint next_word(view *rest, view *word) noexcept nogil         # takes the next word separated by blanks; False at the end
cdef bint config_is_default(config *c, int id) noexcept nogil
cdef const char *config_text(config *c, int id) noexcept nogil     # of a text option; never NULL
cdef bint config_copy(config *target, config *source) noexcept nogil


cdef inline int64_t cfg(config *c, int id) noexcept nogil:
    """The number of a numeric, boolean or enum option."""
    return c.values[id].number
