"""A sample of every command: a call that succeeds on the data that SETUP makes, for tests of what holds for all commands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import kvd
from kvd.run import registry

Words = tuple[Any, ...]
SCRIPT = "return redis.call('get', KEYS[1])"
SHA = hashlib.sha1(SCRIPT.encode()).hexdigest()
LIBRARY = "#!lua name=lib\nredis.register_function{function_name='fun', callback=function(k) return redis.call('get', k[1]) end, flags={'no-writes'}}"

SCRIPTS: list[Words] = [("FUNCTION", "LOAD", LIBRARY), ("SCRIPT", "LOAD", SCRIPT)]    # before samples that use them
SETUP: list[Words] = [
    *[tuple(line.split()) for line in """
        SET s hello
        SET i 10
        SET f 1.5
        SET e soon EX 1000
        RPUSH l a b c
        RPUSH m 3 1 2
        SADD t a b c
        SADD u b c d
        SADD one a
        ZADD z 1 a 2 b 3 c
        ZADD y 2 b 4 d
        ZADD lone 1 a
        HSET h a 1 b 2
        HSET single a 1
        HSET dated a 1 b 2
        HEXPIRE dated 1000 FIELDS 1 a
        XADD x 1-1 f v
        XADD x 2-1 f w
        XADD x 3-1 f w
        XGROUP CREATE x g 0
        XREADGROUP GROUP g alice COUNT 2 STREAMS x >
        GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        PFADD p a b
        PFADD q b c
        ARMSET ar 0 a 1 5 7 hello 5000 2.5
        ARINSERT ring x y
    """.strip().splitlines()],
]  # fmt: skip


@dataclass
class Sample:
    """words: of the call. how: its reply is compared "exactly", "unordered", or, when it depends on time or chance, by its "shape".
    before: commands after SETUP. fails: it is answered with an error. exempt: door -> why the command is not run there."""

    words: Words
    how: str = "exactly"
    before: list[Words] = field(default_factory=list)
    fails: bool = False
    exempt: dict[str, str] = field(default_factory=dict)


def dumped(*setup: Words) -> tuple[bytes, bytes]:
    """Payloads of a string, and of the functions that SETUP loads."""
    store = kvd.Store()
    for words in setup:
        store.execute(*words)
    return store.execute("DUMP", "s"), store.execute("FUNCTION", "DUMP")


VALUE, FUNCTIONS = dumped(*SETUP, *SCRIPTS)

EXACT = """
    APPEND s x
    ARCOUNT ar
    ARDEL ar 1 2
    ARDELRANGE ar 100 5
    ARGET ar 7
    ARGETRANGE ar 8 0
    ARGREP ar + - RE ^[a-h] GLOB *5 OR WITHVALUES LIMIT 3
    ARINFO ar FULL
    ARINSERT ring z
    ARLASTITEMS ring 5 REV
    ARLEN ar
    ARMGET ar 0 1 2
    ARMSET ar 2 b 9 c
    ARNEXT ring
    AROP ar 0 6000 SUM
    ARRING ring 2 z
    ARSCAN ar 0 100 LIMIT 2
    ARSEEK ring 10
    ARSET ar 1 new newer
    BITCOUNT s
    BITFIELD s SET u8 0 1 GET u4 4
    BITFIELD_RO s GET u4 0
    BITOP AND new s i
    BITPOS s 1
    BLMOVE l m LEFT RIGHT 0
    BLMOVEM l m LEFT LEFT 0.01 EXACTLY 2 BULK
    BLMPOP 0 1 l LEFT
    BLPOP l 0
    BRPOP l 0
    BRPOPLPUSH l m 0
    BZMPOP 0 1 z MIN
    BZPOPMAX z 0
    BZPOPMIN z 0
    CLIENT|GETNAME
    CLIENT|HELP
    CLIENT|NO-EVICT ON
    CLIENT|SETINFO LIB-NAME sample
    CLIENT|SETNAME sample
    CLIENT|UNBLOCK 999999
    CLIENT|UNPAUSE
    CLUSTER|HELP
    COMMAND|COUNT
    COMMAND|GETKEYS MSET a 1 b 2
    COMMAND|GETKEYSANDFLAGS SET a 1
    COMMAND|HELP
    CONFIG|GET hz
    CONFIG|HELP
    CONFIG|SET hz 20
    COPY s new
    DBSIZE
    DEBUG DIGEST-VALUE s
    DECR i
    DECRBY i 3
    DEL s nokey
    DELEX s
    DIGEST s
    DUMP s
    ECHO hello
    EXISTS s nokey
    EXPIRE s 100
    EXPIREAT s 4102444800
    EXPIRETIME e
    FLUSHALL
    FLUSHDB
    FUNCTION|HELP
    GEOADD geo 1 1 n
    GEODIST geo Palermo Catania
    GEOHASH geo Palermo
    GEOPOS geo Palermo
    GEORADIUS geo 15 37 200 km ASC
    GEORADIUSBYMEMBER geo Palermo 200 km ASC
    GEORADIUSBYMEMBER_RO geo Palermo 200 km ASC
    GEORADIUS_RO geo 15 37 200 km ASC
    GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST
    GEOSEARCHSTORE new geo FROMLONLAT 15 37 BYRADIUS 200 km
    GET s
    GETBIT s 1
    GETDEL s
    GETEX s EX 100
    GETRANGE s 0 1
    GETSET s new
    HDEL h a
    HEXISTS h a
    HEXPIRE h 100 FIELDS 1 a
    HEXPIREAT h 4102444800 FIELDS 1 a
    HEXPIRETIME dated FIELDS 1 a
    HGET h a
    HGETDEL h FIELDS 1 a
    HGETEX h EX 100 FIELDS 1 a
    HIMPORT|HELP
    HINCRBY h a 2
    HINCRBYFLOAT h a 0.5
    HLEN h
    HMGET h a none
    HMSET h a 5
    HPERSIST dated FIELDS 1 a
    HPEXPIRE h 5000 FIELDS 1 a
    HPEXPIREAT h 4102444800000 FIELDS 1 a
    HPEXPIRETIME dated FIELDS 1 a
    HPTTL dated FIELDS 1 a
    HRANDFIELD single
    HSCAN single 0
    HSET h c 3
    HSETEX h EX 100 FIELDS 1 a 5
    HSETNX h c 3
    HSTRLEN h a
    HTTL dated FIELDS 1 a
    INCR i
    INCRBY i 3
    INCRBYFLOAT f 0.25
    INCREX i BYINT 5 UBOUND 12 SATURATE EX 100
    LATENCY|DOCTOR
    LATENCY|HELP
    LATENCY|HISTORY command
    LATENCY|LATEST
    LATENCY|RESET
    LCS s i
    LINDEX l 1
    LINSERT l BEFORE b x
    LLEN l
    LMOVE l m LEFT RIGHT
    LMOVEM l m LEFT LEFT COUNT 2 BULK
    LMPOP 1 l LEFT
    LPOP l
    LPOS l b
    LPUSH l x
    LPUSHX l x
    LRANGE l 0 -1
    LREM l 1 a
    LSET l 0 x
    LTRIM l 0 1
    MEMORY|HELP
    MEMORY|PURGE
    MEMORY|USAGE s
    MGET s nokey i
    MOVE s 1
    MSET s 1 new 2
    MSETEX 1 s 1 EX 100
    MSETNX new 1
    OBJECT|ENCODING s
    OBJECT|HELP
    OBJECT|IDLETIME s
    OBJECT|REFCOUNT s
    PERSIST e
    PEXPIRE s 100000
    PEXPIREAT s 4102444800000
    PEXPIRETIME e
    PFADD p c
    PFCOUNT p q
    PFDEBUG ENCODING p
    PFMERGE new p q
    PFSELFTEST
    PING
    PSETEX s 100000 v
    PTTL e
    PUBLISH channel message
    PUBSUB|CHANNELS
    PUBSUB|HELP
    PUBSUB|NUMPAT
    PUBSUB|NUMSUB channel
    PUBSUB|SHARDCHANNELS
    PUBSUB|SHARDNUMSUB channel
    RENAME s new
    RENAMENX s new
    RPOP l
    RPOPLPUSH l m
    RPUSH l x
    RPUSHX l x
    SADD t x
    SCARD t
    SCRIPT|FLUSH
    SCRIPT|HELP
    SDIFFCARD 2 t u LIMIT 5
    SDIFFSTORE new t u
    SELECT 1
    SET s v
    SETBIT s 1 1
    CLIENT|CAPA redirect
    DELIFEQ s hello
    MODULE|HELP
    MODULE|LIST
    SETEX s 100 v
    SETNX new v
    SETRANGE s 1 xx
    SINTERCARD 2 t u
    SINTERSTORE new t u
    SISMEMBER t a
    COMMANDLOG|HELP
    HOTKEYS|GET
    HOTKEYS|HELP
    HOTKEYS|RESET
    HOTKEYS|START METRICS 2 CPU NET COUNT 5 DURATION 60 SAMPLE 10
    COMMANDLOG|RESET slow
    SLOWLOG|HELP
    SLOWLOG|RESET
    SMISMEMBER t a x
    SMOVE t u a
    SORT m
    SORT_RO m
    SPOP one
    SPUBLISH channel message
    SRANDMEMBER one
    SREM t a
    SSCAN one 0
    STRLEN s
    SUBSTR s 0 1
    SUNIONCARD 2 t u
    SUNIONSTORE new t u
    SWAPDB 0 1
    TIME
    TOUCH s nokey
    TTL e
    TYPE s
    UNLINK s nokey
    UNWATCH
    XACK x g 1-1
    XACKDEL x g KEEPREF IDS 1 1-1
    XADD x 5-1 f v
    XAUTOCLAIM x g bob 0 0
    XCFGSET x IDMP-MAXSIZE 5
    XCLAIM x g bob 0 1-1
    XDEL x 1-1
    XDELEX x KEEPREF IDS 1 1-1
    XGROUP|CREATE x new 0
    XGROUP|CREATECONSUMER x g bob
    XGROUP|DELCONSUMER x g alice
    XGROUP|DESTROY x g
    XGROUP|HELP
    XGROUP|SETID x g 0
    XIDMPRECORD x p i 1-1
    XINFO|CONSUMERS x g
    XINFO|GROUPS x
    XINFO|HELP
    XINFO|STREAM x
    XLEN x
    XNACK x g FAIL IDS 1 1-1
    XPENDING x g
    XRANGE x - +
    XREAD STREAMS x 0
    XREADGROUP GROUP g alice STREAMS x >
    XREVRANGE x + -
    XSETID x 9-1
    XTRIM x MAXLEN 1
    ZADD z 5 e
    ZCARD z
    ZCOUNT z 1 2
    ZDIFF 2 z y WITHSCORES
    ZDIFFSTORE new 2 z y
    ZINCRBY z 1.5 a
    ZINTER 2 z y WITHSCORES
    ZINTERCARD 2 z y
    ZINTERSTORE new 2 z y
    ZLEXCOUNT z - +
    ZMPOP 1 z MIN
    ZMSCORE z a none
    ZPOPMAX z
    ZPOPMIN z
    ZRANDMEMBER lone
    ZRANGE z 0 -1 WITHSCORES
    ZRANGEBYLEX z - +
    ZRANGEBYSCORE z 1 2 WITHSCORES
    ZRANGESTORE new z 0 1
    ZRANK z b WITHSCORE
    ZREM z a
    ZREMRANGEBYLEX z - [b
    ZREMRANGEBYRANK z 0 0
    ZREMRANGEBYSCORE z 1 2
    ZREVRANGE z 0 -1 WITHSCORES
    ZREVRANGEBYLEX z + -
    ZREVRANGEBYSCORE z 2 1 WITHSCORES
    ZREVRANK z b
    ZSCAN lone 0
    ZSCORE z a
    ZUNION 2 z y WITHSCORES
    ZUNIONSTORE new 2 z y
"""
UNORDERED = """
    COMMAND|LIST
    HGETALL h
    HKEYS h
    HVALS h
    KEYS *
    SCAN 0 COUNT 1000
    SDIFF t u
    SINTER t u
    SMEMBERS t
    SUNION t u
    SCRIPT|EXISTS 0000000000000000000000000000000000000000
"""
SHAPE = """
    CLIENT|ID
    CLIENT|INFO
    CLIENT|LIST
    CLIENT|TRACKINGINFO
    CLIENT|GETREDIR
    COMMAND
    COMMAND|DOCS GET
    COMMAND|INFO get
    FUNCTION|STATS
    INFO server
    LATENCY|HISTOGRAM get
    LOLWUT
    MEMORY|DOCTOR
    MEMORY|MALLOC-STATS
    MEMORY|STATS
    RANDOMKEY
    COMMANDLOG|LEN large-reply
    SLOWLOG|LEN
"""
FAILING = """
    ASKING
    CLIENT|IMPORT-SOURCE ON
    MODULE|LOAD /none.so
    MODULE|LOADEX /none.so
    MODULE|UNLOAD none
    CLIENT|KILL 127.0.0.1:1
    CLUSTER|COUNTKEYSINSLOT 1
    CLUSTER|GETKEYSINSLOT 1 1
    CLUSTER|INFO
    CLUSTER|KEYSLOT s
    CLUSTER|LINKS
    CLUSTER|MYID
    CLUSTER|MYSHARDID
    CLUSTER|NODES
    CLUSTER|REPLICAS none
    CLUSTER|SHARDS
    CLUSTER|SLOT-STATS SLOTSRANGE 0 1
    CLUSTER|SLOTS
    CONFIG|REWRITE
    FUNCTION|KILL
    HOTKEYS|STOP
    LATENCY|GRAPH command
    OBJECT|FREQ s
    READONLY
    READWRITE
    SCRIPT|KILL
"""


def words_of(line: str) -> Words:
    name, *rest = line.split()
    return (*name.split("|"), *rest)


def read(text: str, **facts: Any) -> list[Sample]:
    return [Sample(words_of(line), **facts) for line in text.strip().splitlines()]


def lines(*texts: str) -> list[Words]:
    return [tuple(text.split()) for text in texts]


ROWS = [
    *read(EXACT), *read(UNORDERED, how="unordered"), *read(SHAPE, how="shape"), *read(FAILING, fails=True),
    *[Sample(words) for words in (("HIMPORT", "DISCARD", "fields"), ("HIMPORT", "DISCARDALL"), ("HIMPORT", "PREPARE", "fields", "a", "b"))],
    Sample(("HIMPORT", "SET", "h", "fields", "x", "y"), fails=True),       # the connection has not prepared the fields
    *[Sample(words, before=SCRIPTS) for words in (
        ("EVAL", SCRIPT, 1, "s"), ("EVALSHA", SHA, 1, "s"), ("EVAL_RO", SCRIPT, 1, "s"), ("EVALSHA_RO", SHA, 1, "s"), ("FCALL", "fun", 1, "s"),
        ("FCALL_RO", "fun", 1, "s"), ("FUNCTION", "DELETE", "lib"), ("FUNCTION", "DUMP"), ("FUNCTION", "FLUSH"), ("FUNCTION", "LIST"), ("SCRIPT", "SHOW", SHA),
        ("FUNCTION", "RESTORE", FUNCTIONS, "FLUSH"), ("FUNCTION", "LOAD", LIBRARY.replace("lib", "other").replace("fun'", "more'")),
    )],
    Sample(("RESTORE", "new", 0, VALUE)), Sample(("RESTORE-ASKING", "new", 0, VALUE)), Sample(("MIGRATE", "127.0.0.1", 1, "none", 0, 100)),
    Sample(("SCRIPT", "LOAD", SCRIPT)), Sample(("SCRIPT", "DEBUG", "NO")),
]  # fmt: skip
MESSAGES = "a client's confirmations are messages, which pubsub() reads"
NO_MESSAGES = "the session that all callers of Store.execute share receives no messages"
STATE = "it ends or changes the transaction that it would be part of"
LISTENING = {"redis": MESSAGES, "aio": MESSAGES, "store": NO_MESSAGES}
ROWS += [
    Sample(("AUTH", "anything"), fails=True), Sample(("HELLO",), how="shape"),
    *[Sample((name,), exempt={"multi": STATE}) for name in ("QUIT", "RESET", "MULTI")],
    *[Sample((name,), exempt={"multi": STATE}, fails=True) for name in ("EXEC", "DISCARD")],
    Sample(("WATCH", "s"), exempt={"multi": "it is refused in a transaction without being queued"}),
    Sample(("LASTSAVE",), how="shape"), Sample(("SAVE",), exempt={"multi": "it is refused in a transaction"}), Sample(("BGSAVE", "CANCEL"), fails=True),
    Sample(("BGREWRITEAOF",), exempt={"multi": "it is scheduled in a transaction"}), Sample(("WAITAOF", 0, 0, 1)), Sample(("WAIT", 0, 1)),
    Sample(("ACL", "CAT", "geo")), Sample(("ACL", "DELUSER", "none")), Sample(("ACL", "DRYRUN", "default", "GET", "a")), Sample(("ACL", "GENPASS",), how="shape"),
    Sample(("ACL", "GETUSER", "default"), how="unordered"), Sample(("ACL", "HELP")), Sample(("ACL", "LIST")), Sample(("ACL", "LOAD"), fails=True), Sample(("ACL", "LOG",)),
    Sample(("ACL", "SAVE"), fails=True), Sample(("ACL", "SETUSER", "someone", "on", ">secret", "+get", "~a*")), Sample(("ACL", "USERS")), Sample(("ACL", "WHOAMI")),
    Sample(("ROLE",)), Sample(("REPLICAOF", "NO", "ONE")), Sample(("SLAVEOF", "NO", "ONE")), Sample(("FAILOVER",), fails=True),
    Sample(("REPLCONF", "capa", "eof")), Sample(("PSYNC", "?", "x"), exempt={"multi": "it is refused in a transaction"}, fails=True),
    Sample(("SYNC",), before=[("CONFIG", "SET", "replica-read-only", "no"), ("REPLICAOF", "127.0.0.1", 1)], exempt={"multi": "it is refused in a transaction"}, fails=True),
    Sample(("SHUTDOWN", "ABORT"), exempt={"multi": "it is refused in a transaction"}, fails=True),
    Sample(("MONITOR",), exempt={"store": NO_MESSAGES, "multi": "the confirmation of MONITOR is followed by the lines of EXEC"}),
    Sample(("CONFIG", "RESETSTAT"), exempt={"multi": "it takes away the figures of MULTI"}),
    Sample(("CLIENT", "CACHING", "YES"), fails=True), Sample(("CLIENT", "NO-TOUCH", "OFF")), Sample(("CLIENT", "PAUSE", 0)),
    Sample(("CLIENT", "REPLY", "ON")), Sample(("CLIENT", "TRACKING", "OFF")), Sample(("SLOWLOG", "GET"), how="shape"), Sample(("COMMANDLOG", "GET", -1, "large-reply")),
    *[Sample((name, "channel"), exempt=LISTENING) for name in ("SUBSCRIBE", "PSUBSCRIBE")],
    Sample(("SSUBSCRIBE", "channel"), exempt={**LISTENING, "multi": "real servers refuse it in EXEC, unlike SUBSCRIBE"}),
    *[Sample((name, "channel"), exempt={"redis": MESSAGES, "aio": MESSAGES}) for name in ("UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")],
]  # fmt: skip


def name_of(words: Words) -> str:
    """The name of the command that the words call, as in the registry."""
    full = f"{words[0]}|{words[1]}".lower() if len(words) > 1 else ""
    return full if full in registry.specs() else str(words[0]).lower()


SAMPLES = {name_of(row.words): row for row in ROWS}
