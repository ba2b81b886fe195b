"""Options that have an effect in kvd.Store, made from the option table: `make docs` writes it anew."""

from typing import Literal, TypedDict

class StoreOptions(TypedDict, total=False):
    maxmemory: int | str
    maxmemory_policy: Literal[
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lrm",
        "volatile-lrm",
    ]
    maxmemory_samples: int
    maxmemory_eviction_tenacity: int
    lfu_log_factor: int
    lfu_decay_time: int
    databases: int
    hz: int
    unixsocketperm: int | str
    tcp_backlog: int
    tcp_keepalive: int
    timeout: int
    maxclients: int
    protected_mode: bool | Literal["yes", "no"]
    io_threads: int
    requirepass: str
    emulate: Literal[
        "no",
        "redis-6.2",
        "redis-7.0",
        "redis-7.2",
        "redis-7.4",
        "redis-8.0",
        "redis-8.2",
        "redis-8.4",
        "redis-8.6",
        "redis-8.8",
        "valkey-7.2",
        "valkey-8.0",
        "valkey-8.1",
        "valkey-9.0",
        "valkey-9.1",
    ]
    enable_debug_command: Literal["no", "yes", "local"] | bool
    enable_protected_configs: Literal["no", "yes", "local"] | bool
    proto_max_bulk_len: int | str
    client_query_buffer_limit: int | str
    client_output_buffer_limit: str
    slowlog_log_slower_than: int
    slowlog_max_len: int
    slowlog_entry_max_argc: int
    slowlog_entry_max_string_len: int
    commandlog_request_larger_than: int
    commandlog_reply_larger_than: int
    commandlog_large_request_max_len: int
    commandlog_large_reply_max_len: int
    latency_monitor_threshold: int
    latency_tracking: bool | Literal["yes", "no"]
    latency_tracking_info_percentiles: str
    notify_keyspace_events: str
    active_expire_effort: int
    lazyfree_lazy_user_flush: bool | Literal["yes", "no"]
    loglevel: Literal["debug", "verbose", "notice", "warning", "nothing"]
    logfile: str
    log_format: Literal["legacy", "logfmt"]
    log_timestamp_format: Literal["legacy", "iso8601", "milliseconds"]
    syslog_enabled: bool | Literal["yes", "no"]
    syslog_ident: str
    syslog_facility: Literal["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]
    dir: str
    save: str
    shutdown_timeout: int
    hash_max_listpack_entries: int
    hash_max_listpack_value: int
    list_max_listpack_size: int
    list_compress_depth: int
    set_max_intset_entries: int
    set_max_listpack_entries: int
    set_max_listpack_value: int
    zset_max_listpack_entries: int
    zset_max_listpack_value: int
    stream_node_max_bytes: int | str
    stream_node_max_entries: int
    stream_idmp_duration: int
    stream_idmp_maxsize: int
    hll_sparse_max_bytes: int
    tracking_table_max_keys: int
    busy_reply_threshold: int
    lua_memory_limit: int | str
    cluster_enabled: bool | Literal["yes", "no"]
    cluster_slot_stats_enabled: Literal["no", "yes", "cpu", "net", "mem"] | bool
    appenddirname: str
    appendfilename: str
    appendfsync: Literal["everysec", "always", "no"]
    appendonly: bool | Literal["yes", "no"]
    auto_aof_rewrite_min_size: int | str
    auto_aof_rewrite_percentage: int
    aof_load_truncated: bool | Literal["yes", "no"]
    aof_load_corrupt_tail_max_size: int | str
    aof_timestamp_enabled: bool | Literal["yes", "no"]
    aof_use_rdb_preamble: bool | Literal["yes", "no"]
    no_appendfsync_on_rewrite: bool | Literal["yes", "no"]
    dbfilename: str
    rdb_save_incremental_fsync: bool | Literal["yes", "no"]
    rdb_version: Literal["auto", "9", "10", "11", "12", "13", "14", "80"] | int
    rdbchecksum: bool | Literal["yes", "no"]
    rdbcompression: bool | Literal["yes", "no"]
    stop_writes_on_bgsave_error: bool | Literal["yes", "no"]
    aof_rewrite_incremental_fsync: bool | Literal["yes", "no"]
    key_load_delay: int
    masterauth: str
    masteruser: str
    min_replicas_max_lag: int
    min_replicas_to_write: int
    repl_backlog_size: int | str
    repl_backlog_ttl: int
    repl_diskless_load: Literal["disabled", "on-empty-db", "swapdb", "flush-before-load"]
    repl_diskless_sync: bool | Literal["yes", "no"]
    repl_diskless_sync_delay: int
    repl_diskless_sync_max_replicas: int
    repl_ping_replica_period: int
    repl_timeout: int
    replica_announce_ip: str
    replica_announce_port: int
    replica_announced: bool | Literal["yes", "no"]
    replica_ignore_maxmemory: bool | Literal["yes", "no"]
    replica_priority: int
    replica_read_only: bool | Literal["yes", "no"]
    replica_serve_stale_data: bool | Literal["yes", "no"]
    replicaof: str
    acl_pubsub_default: Literal["allchannels", "resetchannels"]
    aclfile: str
    acllog_max_len: int
    maxmemory_clients: int | str
    tls_cert_file: str
    tls_key_file: str
    tls_key_file_pass: str
    tls_client_cert_file: str
    tls_client_key_file: str
    tls_client_key_file_pass: str
    tls_dh_params_file: str
    tls_ca_cert_file: str
    tls_ca_cert_dir: str
    tls_auth_clients: Literal["no", "yes", "optional"] | bool
    tls_replication: bool | Literal["yes", "no"]
    tls_protocols: str
    tls_ciphers: str
    tls_ciphersuites: str
    tls_prefer_server_ciphers: bool | Literal["yes", "no"]
    tls_session_caching: bool | Literal["yes", "no"]
    tls_session_cache_size: int
    tls_session_cache_timeout: int
    import_mode: bool | Literal["yes", "no"]
    availability_zone: str
