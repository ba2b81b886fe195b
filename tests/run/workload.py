"""Random work on a store: commands of every family, of several databases and sessions, scripts, transactions, time."""

from __future__ import annotations

from hypothesis import strategies as st

import kvd

from ..compat.commands import BY_NAME, FAMILIES, KEYS, NEWER, RANDOM, SPECS, command_lines, words_for

OTHERS = sorted(n for n in NEWER | RANDOM if n != "randomkey")
SCRIPTS = [
    "redis.call('set', KEYS[1], 'x') redis.call('rpush', KEYS[2], 'a', 'b') return redis.call('spop', KEYS[3])",
    "redis.pcall('incr', KEYS[1]) redis.call('pexpire', KEYS[2], 5000) redis.call('del', KEYS[3])",
    "for i = 1, 5 do redis.pcall('sadd', KEYS[1], i) end return redis.pcall('xadd', KEYS[2], '*', 'f', 'v')",
    "redis.call('select', 2) redis.call('set', KEYS[1], ARGV[1]) redis.call('select', 0) redis.pcall('zincrby', KEYS[2], '0.1', 'm')",
    "#!lua flags=no-writes\nreturn redis.call('exists', KEYS[1])",
    "redis.call('set', KEYS[1], '1') error('stop')",
]


@st.composite
def newer_lines(draw):
    spec = SPECS[draw(st.sampled_from(OTHERS))]
    words = spec.name.upper().split("|")
    counted = 0
    for node in spec.arguments:
        if node.optional and not draw(st.booleans()):
            continue
        if node.name in ("numkeys", "numfields", "numids"):
            counted = len(words)
        repeats = draw(st.integers(1, 3)) if node.multiple else 1
        if counted and node.multiple:
            words[-1] = str(repeats)
        for _ in range(repeats):
            words += words_for(node, draw)
    return tuple(words)


FIELD_LINES = st.tuples(
    st.sampled_from(["HEXPIRE", "HPEXPIRE", "HGETEX", "HSETEX", "HSET"]), st.sampled_from(KEYS[:3]), st.sampled_from(["1", "2", "5"]), st.sampled_from("abc"),
).map(
    lambda t: {
        "HEXPIRE": ("HEXPIRE", t[1], t[2], "FIELDS", "1", t[3]), "HPEXPIRE": ("HPEXPIRE", t[1], t[2] + "000", "GT", "FIELDS", "1", t[3]),
        "HGETEX": ("HGETEX", t[1], "EX", t[2], "FIELDS", "1", t[3]), "HSETEX": ("HSETEX", t[1], "PX", t[2] + "00", "FIELDS", "1", t[3], "v"),
        "HSET": ("HSET", t[1], t[3], "v"),
    }[t[0]]
)  # fmt: skip
TIMED_LINES = st.tuples(st.sampled_from(["SET", "PEXPIRE", "GETEX", "PSETEX", "EXPIRE"]), st.sampled_from(KEYS[:3]), st.sampled_from(["1", "30", "700", "4000"])).map(
    lambda t: {
        "SET": ("SET", t[1], "v", "PX", t[2]), "PEXPIRE": ("PEXPIRE", t[1], t[2]), "GETEX": ("GETEX", t[1], "PX", t[2]),
        "PSETEX": ("PSETEX", t[1], t[2], "v"), "EXPIRE": ("EXPIRE", t[1], t[2][0]),
    }[t[0]]
)  # fmt: skip
SCRIPT_LINES = st.tuples(st.sampled_from(SCRIPTS), st.permutations(KEYS[:3]), st.sampled_from(BY_NAME["member"])).map(
    lambda t: ("EVAL", t[0], "3", *t[1], t[2]))  # fmt: skip
LINES = st.one_of(
    *[command_lines(family) for family in sorted(FAMILIES)], newer_lines(), FIELD_LINES, FIELD_LINES, TIMED_LINES, TIMED_LINES, SCRIPT_LINES,
)  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 1), LINES), st.tuples(st.just("run"), st.integers(0, 1), LINES),
    st.tuples(st.just("run"), st.integers(0, 1), LINES), st.tuples(st.just("tick"), st.sampled_from([0.001, 0.05, 1, 5])),
    st.tuples(st.just("wait"), st.sampled_from(["BLPOP", "BRPOP", "BZPOPMIN", "BLMPOP", "BLMOVE", "BLMOVEM", "XREADGROUP"]), st.sampled_from(KEYS[:3])),
    st.tuples(st.just("squeeze"), st.integers(1, 4000)),
)  # fmt: skip
WAITING = {
    "BLPOP": lambda k: ("BLPOP", k, "c", 0), "BRPOP": lambda k: ("BRPOP", k, "b", 0), "BZPOPMIN": lambda k: ("BZPOPMIN", k, 0),
    "BLMPOP": lambda k: ("BLMPOP", 0, 2, k, "b", "LEFT", "COUNT", 2), "BLMOVE": lambda k: ("BLMOVE", k, "a", "LEFT", "RIGHT", 0),
    "BLMOVEM": lambda k: ("BLMOVEM", k, "b", "LEFT", "LEFT", 0, "EXACTLY", 2, "BULK"),
    "XREADGROUP": lambda k: ("XREADGROUP", "GROUP", "g", "alice", "BLOCK", 0, "STREAMS", k, ">"),
}  # fmt: skip


class Work:
    """A store whose clock stands still between ticks, two sessions, and links that wait for keys."""

    def __init__(self) -> None:
        self.store = kvd.Store(enable_debug_command="yes", maxmemory_policy="allkeys-random")
        self.store.clock.freeze(1_700_000_000)
        self.sessions = [self.store.session(), self.store.session()]
        self.links = [self.store._link(kvd.ResponseError) for _ in range(3)]
        self.free = list(self.links)

    def step(self, kind, *rest) -> None:
        if kind == "run":
            who, words = rest
            try:
                self.sessions[who].execute(*words)
            except (kvd.ResponseError, UnicodeDecodeError):
                pass
        elif kind == "tick":
            self.store.clock.advance(rest[0])
        elif kind == "wait" and self.free:
            self.free.pop().call(tuple(str(w) for w in WAITING[rest[0]](rest[1])), False)
        elif kind == "squeeze":
            self.store.config_set("maxmemory", max(self.store.used_memory - rest[0], 1))
            self.store.execute("PING")
            self.store.config_set("maxmemory", 0)


def content(store) -> dict:
    """All that the store holds, in an order of its own: {(database, key): (type, value, deadline)}."""
    found = {}
    with store.session() as run:
        for db in range(16):
            run.execute("SELECT", db)
            for key in run.execute("KEYS", "*"):
                found[db, key] = (*value_of(run, key), run.execute("PEXPIRETIME", key))
    return found


def value_of(run, key):
    kind = run.execute("TYPE", key)
    if kind == b"string":
        return kind, run.execute("GET", key)
    if kind == b"list":
        return kind, run.execute("LRANGE", key, 0, -1)
    if kind == b"set":
        return kind, sorted(run.execute("SMEMBERS", key))
    if kind == b"zset":
        return kind, [(m, repr(s)) for m, s in run.execute("ZRANGE", key, 0, -1, "WITHSCORES")]
    if kind == b"hash":
        fields = run.execute("HKEYS", key)
        return kind, sorted(zip(fields, run.execute("HMGET", key, *fields), run.execute("HPEXPIRETIME", key, "FIELDS", len(fields), *fields), strict=True))
    if kind == b"array":
        return kind, run.execute("ARSCAN", key, 0, 2**64 - 2), run.execute("ARNEXT", key)
    return kind, stream_of(run, key)


def stream_of(run, key):
    full = run.execute("XINFO", "STREAM", key, "FULL", "COUNT", 0)
    groups = []
    for group in full[b"groups"]:
        pending = [(p[0], p[1], p[3]) for p in group[b"pending"]]
        groups.append((group[b"name"], group[b"last-delivered-id"], group[b"entries-read"], pending, sorted(c[b"name"] for c in group[b"consumers"])))
    facts = [full[k] for k in (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added")]
    return run.execute("XRANGE", key, "-", "+"), facts, sorted(groups)
