"""Values of every type and encoding, as the commands that build them under the key `k`: for tests of what holds for all values."""

from hypothesis import strategies as st

import kvd

SMALL = dict(                                   # so that a few elements are enough for the larger encodings
    hash_max_listpack_entries=4, hash_max_listpack_value=8, list_max_listpack_size=4, list_compress_depth=1, set_max_intset_entries=3,
    set_max_listpack_entries=4, set_max_listpack_value=8, zset_max_listpack_entries=4, zset_max_listpack_value=8, stream_node_max_entries=3,
)  # fmt: skip
FAR = 40_000_000_000_000                        # ms since 1970: no test lives to see it

WORDS = st.one_of(
    st.sampled_from([b"a", b"b", b"c", b"", b"1", b"-70000", b"9223372036854775807", b"x" * 20, b"x" * 70, b"0" * 300]),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n), st.binary(max_size=12),
)  # fmt: skip
INTEGERS = st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n) | st.integers(-5, 5).map(lambda n: b"%d" % n)
SCORES = st.one_of(st.sampled_from(["inf", "-inf", "0", "1", "0.1"]), st.integers(-(2**53), 2**53).map(str),
                   st.floats(allow_nan=False, allow_subnormal=False).map(lambda d: repr(d + 0.0)))  # fmt: skip
IDS = st.tuples(st.integers(0, 6), st.integers(0, 3)).map(lambda p: f"{p[0]}-{p[1]}")
GROUPS = st.sampled_from(["g", "h"])
CONSUMERS = st.sampled_from(["alice", "bob"])
PLACES = st.one_of(st.integers(0, 12), st.integers(0, 12), st.integers(4000, 4200), st.sampled_from([2**18, 2**40, 2**63, 2**64 - 2]))
FIELDS = st.lists(st.tuples(st.sampled_from([b"f", b"g", b"h"]) | WORDS, WORDS), min_size=1, max_size=3).map(lambda p: sum(p, ()))


def several(name, *words, **limits):
    """Commands of this name on k; words: strategies of the rest, all of them once or more."""
    return st.lists(st.tuples(*words), min_size=1, max_size=limits.get("most", 12)).map(lambda rows: (name, "k", *sum(rows, ())))


def one(name, *words):
    return st.tuples(st.just(name), st.just("k"), *words)


STRING = st.lists(st.one_of(
    one("SET", WORDS), one("SET", INTEGERS), one("APPEND", WORDS), one("SETRANGE", st.integers(0, 600), WORDS), one("INCR"),
), min_size=1, max_size=5)  # fmt: skip
LIST = st.lists(st.one_of(
    several("RPUSH", WORDS), several("LPUSH", WORDS), one("LPOP"), one("RPOP"), one("LSET", st.integers(-4, 4), WORDS), one("LREM", st.just(0), WORDS),
    one("LTRIM", st.integers(0, 3), st.integers(-3, 8)), one("LINSERT", st.just("BEFORE"), WORDS, WORDS),
), min_size=1, max_size=8)  # fmt: skip
SET = st.lists(st.one_of(several("SADD", INTEGERS), several("SADD", WORDS), several("SREM", WORDS), one("SPOP")), min_size=1, max_size=8)
ZSET = st.lists(st.one_of(
    several("ZADD", SCORES, WORDS), several("ZREM", WORDS), one("ZPOPMIN"), one("ZREMRANGEBYRANK", st.integers(0, 2), st.integers(0, 3)),
), min_size=1, max_size=8)  # fmt: skip
HASH = st.lists(st.one_of(
    several("HSET", WORDS, WORDS), several("HDEL", WORDS), one("HINCRBY", st.just(b"n"), st.integers(-9, 9)),
    st.tuples(st.just("HPEXPIREAT"), st.just("k"), st.integers(FAR, FAR + 5), st.just("FIELDS"), st.just(1), WORDS),
    st.tuples(st.just("HPERSIST"), st.just("k"), st.just("FIELDS"), st.just(1), WORDS),
), min_size=1, max_size=8)  # fmt: skip
READ = st.tuples(st.just("XREADGROUP"), st.just("GROUP"), GROUPS, CONSUMERS, st.just("COUNT"), st.integers(1, 4), st.just("STREAMS"), st.just("k"), st.just(">"))
CHANGES = st.lists(st.one_of(
    FIELDS.flatmap(lambda fields: st.tuples(st.just("XADD"), st.just("k"), IDS, *map(st.just, fields))), one("XDEL", IDS), one("XDEL", IDS),
    one("XTRIM", st.just("MAXLEN"), st.integers(0, 5)), one("XSETID", IDS), one("XSETID", IDS, st.just("ENTRIESADDED"), st.integers(0, 40), st.just("MAXDELETEDID"), IDS),
    st.tuples(st.just("XGROUP"), st.just("CREATE"), st.just("k"), GROUPS, IDS | st.just("$"), st.just("MKSTREAM")),
    st.tuples(st.just("XGROUP"), st.just("SETID"), st.just("k"), GROUPS, IDS, st.just("ENTRIESREAD"), st.integers(-1, 20)),
    st.tuples(st.just("XGROUP"), st.just("CREATECONSUMER"), st.just("k"), GROUPS, CONSUMERS), st.tuples(st.just("XGROUP"), st.just("DESTROY"), st.just("k"), GROUPS),
    st.tuples(st.just("XGROUP"), st.just("DELCONSUMER"), st.just("k"), GROUPS, CONSUMERS), READ, READ,
    one("XCFGSET", st.just("IDMP-MAXSIZE"), st.integers(1, 4)), one("XIDMPRECORD", CONSUMERS, WORDS.filter(bool), IDS),
    one("XNACK", GROUPS, st.sampled_from(["FAIL", "SILENT", "FATAL"]), st.just("IDS"), st.just(1), IDS), one("XNACK", GROUPS, st.just("FAIL"), st.just("FORCE"), st.just("IDS"), st.just(2), IDS, IDS),
    one("XACK", GROUPS, IDS), one("XCLAIM", GROUPS, CONSUMERS, st.just(0), IDS, st.just("RETRYCOUNT"), st.integers(0, 9), st.just("FORCE")),
), min_size=1, max_size=25)  # fmt: skip


@st.composite
def streams(draw):
    """Some entries with ids that are easily met, mostly with groups that have read them, and then whatever comes."""
    fields = draw(st.lists(FIELDS, max_size=9))
    begin = [("XADD", "k", f"{i // 2 + 1}-{i % 2}", *words) for i, words in enumerate(fields)]
    for group in draw(st.sets(GROUPS)):
        begin.append(("XGROUP", "CREATE", "k", group, "0", "MKSTREAM"))
        begin += draw(st.lists(READ, max_size=3))
    return begin + draw(CHANGES)


STREAM = streams()

ARRAY = st.lists(st.one_of(
    one("ARSET", PLACES, WORDS), several("ARMSET", PLACES, WORDS), several("ARMSET", PLACES, INTEGERS), several("ARINSERT", WORDS), one("ARRING", st.integers(1, 6), WORDS, WORDS),
    one("ARDEL", PLACES), one("ARDELRANGE", PLACES, PLACES), one("ARSEEK", PLACES | st.just(2**64 - 1)),
), min_size=1, max_size=8)  # fmt: skip

TYPES = {"string": STRING, "list": LIST, "set": SET, "zset": ZSET, "hash": HASH, "stream": STREAM, "array": ARRAY}
ANY = st.one_of(*TYPES.values())
OLD = st.one_of(*[TYPES[name] for name in TYPES if name != "array"])     # what the servers that tests compare with have
OPTIONS = st.sampled_from([{}, SMALL])


def new_store(options):
    return kvd.Store(enable_debug_command="yes", **options)


def run(store, commands, check=False):
    """Refused commands are passed over."""
    for words in commands:
        try:
            store.execute(*words)
        except kvd.ResponseError:
            pass
        if check:
            assert store.execute("DEBUG", "CHECK") == b"OK", words


def digest(store, key="k"):
    return store.execute("DEBUG", "DIGEST-VALUE", key)[0]


def released(store, key, group):
    """Ids of released entries that are still in the stream, in their order."""
    if not group[b"nacked-count"]:
        return []
    store.execute("COPY", key, "copy of a stream", "REPLACE")
    words = ("XREADGROUP", "GROUP", group[b"name"], "x", "NOACK", "COUNT", group[b"nacked-count"], "CLAIM", 2**63 - 1, "STREAMS", "copy of a stream", ">")
    entries = (store.execute(*words) or {}).get(b"copy of a stream", ())
    store.execute("DEL", "copy of a stream")
    return [entry[0] for entry in entries if entry[2]]


def details(store, key="k"):
    """What a digest does not tell: groups, consumers, what is pending, counters of a stream; deadlines of fields."""
    kind = store.type(key)
    if kind == b"stream":
        info = store.execute("XINFO", "STREAM", key, "FULL", "COUNT", 0)
        for group in info[b"groups"]:
            group[b"released"] = released(store, key, group)
            for consumer in group[b"consumers"]:
                del consumer[b"seen-time"], consumer[b"active-time"]
        info[b"known"] = [words[2:] for words in store.execute("DEBUG", "REWRITE", key) if words[0] in (b"XCFGSET", b"XIDMPRECORD")]
        return {name: value for name, value in info.items() if not name.startswith((b"radix-tree", b"iids-"))}
    if kind == b"hash":
        fields = store.hkeys(key)
        return dict(zip(fields, store.execute("HPEXPIRETIME", key, "FIELDS", len(fields), *fields), strict=True))
    return store.execute("LRANGE", key, 0, -1) if kind == b"list" else None
