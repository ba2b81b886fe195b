"""The type byte in front of a value: its type and form."""

cdef enum rdb_form:
    RDB_STRING = 0
    RDB_LIST = 1
    RDB_SET = 2
    RDB_ZSET = 3               # scores as text
    RDB_HASH = 4
    RDB_ZSET_2 = 5             # scores as doubles
    RDB_MODULE_PRE_GA = 6      # of modules: these two are not read
    RDB_MODULE = 7
    RDB_HASH_ZIPMAP = 9
    RDB_LIST_ZIPLIST = 10
    RDB_SET_INTSET = 11
    RDB_ZSET_ZIPLIST = 12
    RDB_HASH_ZIPLIST = 13
    RDB_LIST_QUICKLIST = 14    # of ziplists
    RDB_STREAM_1 = 15
    RDB_HASH_LISTPACK = 16
    RDB_ZSET_LISTPACK = 17
    RDB_LIST_QUICKLIST_2 = 18  # of listpacks
    RDB_STREAM_2 = 19          # with counters
    RDB_SET_LISTPACK = 20
    RDB_STREAM_3 = 21          # with the times of last activity of consumers
    RDB_HASH_VALKEY_TIMED = 22     # with deadlines of fields, as Valkey 9 writes them
    RDB_HASH_TIMED = 24        # with deadlines of fields
    RDB_HASH_LISTPACK_TIMED = 25
    RDB_STREAM_4 = 26          # with what is known of producers (XADD IDMP)
    RDB_STREAM_5 = 27          # and released entries of groups (XNACK)
    RDB_ARRAY = 28
    RDB_FORMS = 29

cdef enum rdb_opcode:          # the same byte, where no value follows
    RDB_SLOT_IMPORT = 243      # a migration of slots that Valkey was receiving
    RDB_SLOT_INFO = 244        # number, keys and deadlines of a cluster's slot
    RDB_FUNCTION = 245         # a library of functions
    RDB_FUNCTION_PRE_GA = 246  # the same, of release candidates of Redis 7
    RDB_MODULE_AUX = 247       # data of a module
    RDB_IDLE = 248             # seconds since the last access of the key that follows
    RDB_FREQUENCY = 249        # its access frequency
    RDB_AUX = 250              # a name and a value about the file
    RDB_RESIZE = 251           # number of keys, and of those with a deadline, of the database
    RDB_DEADLINE_MS = 252      # of the key that follows
    RDB_DEADLINE = 253         # the same, in seconds
    RDB_DATABASE = 254         # number of the database whose keys follow
    RDB_END = 255

cdef enum:
    RDB_OLDEST = 9             # the oldest that is written if asked for: of Redis 5 and 6
    RDB_LEAST = 10             # the oldest that is written by itself: of Redis 7.0
    RDB_USUAL = 12             # the newest but for few streams: of Redis 7.4 to 8.4
    RDB_VERSION = 14           # the newest that is read: of Redis 8.8
    RDB_VERSION_VALKEY = 80    # of Valkey 9, whose numbers differ from Redis's since 11
