"""Command lines drawn from the declarations: every argument by its kind, every option now and then."""

from __future__ import annotations

from hypothesis import strategies as st

import kvd.doors.store  # noqa: F401
from kvd.run import registry

SPECS = registry.specs()
DOUBLES = ["0", "1", "-1", "2.5", "1e3", "inf", "-inf", "3.14159", "x", "nan", "10000000000000000000000"]
MEMBERS = ["a", "b", "c", "d", "e", "1", "2", "3", "100", "-7", "2.5", "", "long" * 20, "99999999999"]
FEW = ["0", "1", "2", "3", "10", "-1", "-2", "-10", "100"]
KEYS = ["a", "b", "c", "key with space", ""]
VALUES = [
    "", "x", "hello", "0", "1", "-1", "10", "3.0", "1.5", "-0", "01", "9223372036854775807", "-9223372036854775808", "1e3",
    "abc\x00\xff", "a" * 44, "a" * 45, "b" * 300, "c" * 600, "nan", "inf", " 1", "ohmytext", "mynewtext",
]  # fmt: skip
INTEGERS = ["0", "1", "-1", "2", "5", "10", "100", "-5", "9223372036854775807", "-9223372036854775808", "abc", "", "1.5"]
SMALL = ["0", "1", "2", "3", "-1", "99", "x"]
TIMES = ["100", "1000", "5000", "0", "-1", "100000", "9223372036854775807", "x"]
MOMENTS = {"unix-time-seconds": ["4102444800", "1", "0", "-1", "x", "9223372036854775807"],
           "unix-time-milliseconds": ["4102444800000", "1", "0", "-1", "x", "9223372036854775807"]}  # fmt: skip
PATTERNS = ["*", "a", "[a-c]", "?", "k*", "", "\\a", "[^a]*"]
BY_NAME = {
    "db": SMALL, "destination-db": SMALL, "index": SMALL, "index1": SMALL, "index2": SMALL, "seconds": TIMES,
    "milliseconds": TIMES, "start": ["0", "1", "-3", "-1", "100", "x"], "end": ["0", "2", "-1", "-100", "100", "x"],
    "offset": ["0", "1", "5", "100", "-1", "600", "x"], "float-increment": ["1", "1.5", "-0.1", "3.0e2", "x", "inf", "1e400"],
    "increment": INTEGERS, "lowerbound": INTEGERS, "upperbound": INTEGERS, "exactly": FEW, "decrement": INTEGERS, "min-match-len": ["0", "1", "2", "x"], **MOMENTS,
    "element": MEMBERS, "pivot": MEMBERS, "member": MEMBERS, "field": MEMBERS, "member1": MEMBERS, "member2": MEMBERS,
    "score": DOUBLES, "weight": DOUBLES, "count": FEW, "stop": FEW, "rank": FEW, "maxlen": FEW, "limit": FEW, "size": ["1", "2", "3", "5", "x", "0"], "numkeys": ["1", "1", "2", "0", "x"],
    "numfields": ["1", "2", "3", "x"], "timeout": ["0.01", "0.02", "x", "-1"], "cursor": ["0", "0", "0", "5", "x"],
    "bit": ["0", "1", "2", "x"], "value-bit": ["0", "1", "2"], "encoding": ["u8", "i8", "u1", "i64", "u63", "i5", "u64", "x"],
    "longitude": ["0", "13.361389", "-120.5", "181", "x"], "latitude": ["0", "38.115556", "-45", "86", "x"],
    "num-vertices": ["3", "2", "x"], "radius": ["0", "100", "5000", "20000", "-1", "x"], "width": ["100", "8000", "x"], "height": ["100", "3000", "x"],
    "min": ["-inf", "0", "1", "(1", "(2.5", "[a", "(b", "-", "x"], "max": ["+inf", "2", "(3", "100", "[c", "(d", "+", "x"],
    "id": ["0", "1-1", "1-2", "2-1", "3", "4-5", "5-0", "5-*", "7-0", "9-9", "20-1", "50-1", "100-1", "$", ">", "-", "0-0", "x", "200-*"],
    "group": ["g", "h", "nogroup"], "consumer": ["alice", "bob"], "threshold": ["0", "2", "5", "1-1", "x"], "last-id": ["5-0", "1-1", "200-0", "x"],
    "min-idle-time": ["0", "0", "100000", "x"], "entries-added": ["0", "5", "100", "-1"], "entries-read": ["0", "2", "-1", "x"], "max-deleted-id": ["0-0", "4-0", "x"],
    "retrycount": ["0", "3", "x"], "by": ["w_*", "nosort", "h_*->f"],
}  # fmt: skip
SKIPPED_OPTIONS = {"IFEQ", "IFNE", "IFDEQ", "IFDNE", "KEEPREF", "DELREF", "ACKED", "DIFF", "DIFF1", "ANDOR", "ONE", "*"}
NEWER = {"digest", "delex", "msetex", "xdelex", "xackdel", "increx", "lmovem", "sdiffcard", "sunioncard", "himport", "himport|prepare", "himport|set", "himport|discard", "himport|discardall", "xnack", "xcfgset", "xidmprecord", *(name for name, spec in SPECS.items() if spec.group == "array")}  # than the servers we compare with; tests/commands has tests of their own
NEWER_OPTIONS = {"CLAIM", "MAXCOUNT", "MAXSIZE", "IDMP", "IDMPAUTO"}      # of commands that they have
RANDOM = {"spop", "srandmember", "hrandfield", "zrandmember", "randomkey"}    # tests/commands
TIMED_ANSWERS = {"xpending", "xinfo|consumers"}  # hold times
NEWER_WAITING = {"blmovem"}                        # not in random work, where it would block
GROUPS = {  # of the declarations -> family
    "string": "string", "list": "list", "set": "set", "sorted-set": "zset", "hash": "hash", "stream": "stream", "bitmap": "bitmap",
    "hyperloglog": "hyperloglog", "geo": "geo",
}  # fmt: skip
GENERIC = [
    "del", "unlink", "exists", "touch", "type", "expire", "pexpire", "expireat", "pexpireat", "ttl", "pttl", "expiretime", "pexpiretime",
    "persist", "rename", "renamenx", "copy", "move", "swapdb", "dbsize", "flushdb", "flushall", "keys", "object|encoding",
    "object|refcount", "multi", "exec", "discard", "watch", "unwatch", "ping", "echo", "select", "object|freq", "object|idletime",
]  # fmt: skip
HEAVY = {
    "string": ["set", "set", "get", "incr", "append", "expire", "mset", "getex", "rename", "setrange", "multi", "exec", "watch"],
    "list": ["rpush"] * 6 + ["lpush"] * 4 + ["linsert", "lset", "lrange", "lrange"], "set": ["sadd"] * 8, "zset": ["zadd"] * 10, "hash": ["hset"] * 8,
    "stream": ["xadd"] * 12 + ["xgroup|create"] * 4 + ["xreadgroup"] * 4 + ["xrange", "xdel"], "bitmap": ["setbit", "setbit", "set", "append"], "hyperloglog": ["pfadd"] * 5,
    "geo": ["geoadd"] * 8,
}  # fmt: skip
FAMILIES = {
    family: sorted(n for n, s in SPECS.items() if GROUPS.get(s.group) == family and n not in NEWER | NEWER_WAITING | RANDOM | TIMED_ANSWERS and not n.endswith("|help"))
    for family in sorted(set(GROUPS.values()))
}  # fmt: skip
FAMILIES["stream"] = [n for n in FAMILIES["stream"] if n not in ("xgroup", "xinfo")]
FAMILIES["list"] += ["sort", "sort_ro"]


def is_newer(node):
    return node.token in NEWER_OPTIONS or any(is_newer(part) for part in node.parts or ())


def words_for(node, draw):
    """The words of one argument, with its token."""
    words = [node.token] if node.token and node.type != "pure-token" else []
    if node.token == "BLOCK":
        return ["BLOCK", draw(st.sampled_from(["1", "2", "x", "-1"]))]
    if node.type == "pure-token":
        return [draw(st.sampled_from([node.token, node.token.lower()]))]
    if node.type == "oneof":
        choices = [p for p in node.parts if p.token not in SKIPPED_OPTIONS]
        return words + words_for(draw(st.sampled_from(choices)), draw) if choices else []
    if node.type == "block":
        return words + [w for part in node.parts for w in words_for(part, draw)]
    if node.type == "key":
        return words + [draw(st.sampled_from(KEYS))]
    if node.type == "pattern":
        return words + [draw(st.sampled_from(PATTERNS))]
    return words + [draw(st.sampled_from(BY_NAME.get(node.name, VALUES)))]


BULK = {  # family: commands that take many members at once, and how a member is written
    "zset": [("ZADD", lambda i, n: [n % 7, f"m{i}"]), ("ZREM", lambda i, n: [f"m{i}"])], "set": [("SADD", lambda i, n: [f"m{i}"]), ("SREM", lambda i, n: [f"m{i}"])],
    "hash": [("HSET", lambda i, n: [f"m{i}", n]), ("HDEL", lambda i, n: [f"m{i}"])], "list": [("RPUSH", lambda i, n: [f"m{n}"]), ("LPUSH", lambda i, n: [n])],
    "geo": [("GEOADD", lambda i, n: [n % 180, i % 80, f"m{i}"])], "hyperloglog": [("PFADD", lambda i, n: [i])],
}  # fmt: skip


def bulk_line(draw, family):
    """Enough members to fill nodes and leaves."""
    command, member = draw(st.sampled_from(BULK[family]))
    start, count, step = draw(st.integers(0, 300)), draw(st.integers(20, 200)), draw(st.integers(1, 97))
    return (command, draw(st.sampled_from(KEYS[:3])), *[str(w) for i in range(start, start + count) for w in member(i, i * step % 1009)])


@st.composite
def command_lines(draw, family="string"):
    """A line of a family's command, sometimes of another one: keys then have several types."""
    kind = draw(st.integers(0, 10))
    if kind == 10 and family in BULK:
        return bulk_line(draw, family)
    if kind < 7:
        names = FAMILIES[family] + HEAVY[family] * 2
    elif kind < 9:
        names = GENERIC
    else:
        names = [n for members in FAMILIES.values() for n in members]
    spec = SPECS[draw(st.sampled_from(names))]
    words = spec.name.upper().split("|")
    counted = 0
    for node in spec.arguments:
        if node.optional and (is_newer(node) or not draw(st.booleans())):
            continue
        repeats = draw(st.integers(1, 3)) if node.multiple else 1
        if node.name in ("numkeys", "numfields"):
            counted = len(words)
        elif counted and node.multiple:
            if draw(st.integers(0, 9)):
                words[counted] = str(repeats)
            counted = 0
        for _ in range(repeats):
            words += words_for(node, draw)
    if "STREAMS" in words:  # as many ids as keys
        at = words.index("STREAMS") + 1
        words[at:] = [draw(st.sampled_from(KEYS[:3])), draw(st.sampled_from(BY_NAME["id"]))]
    fate = draw(st.integers(0, 19))
    if fate == 0 and len(words) > 1:
        words.pop()
    elif fate == 1 and "blocking" not in spec.flags:  # or it might wait for long
        words.append(draw(st.sampled_from(VALUES)))
    return tuple(words)
