"""Command lines drawn from the declarations: every argument by its kind, every option now and then."""

from __future__ import annotations

from hypothesis import strategies as st

import kvd.db  # noqa: F401
from kvd.commands import table

SPECS = table.specs()
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
    "increment": INTEGERS, "decrement": INTEGERS, "min-match-len": ["0", "1", "2", "x"], **MOMENTS,
}  # fmt: skip
# on every server we compare with; the newer ones have tests of their own in tests/commands
SKIPPED_OPTIONS = {"IFEQ", "IFNE", "IFDEQ", "IFDNE"}
COMPARED = sorted(
    ["set", "get", "getdel", "getex", "getset", "getrange", "substr", "setrange", "setnx", "setex", "psetex", "mset", "mget", "msetnx", "append", "strlen", "incr", "decr", "incrby", "decrby", "incrbyfloat", "lcs", "del", "unlink", "exists", "touch", "type", "expire", "pexpire", "expireat", "pexpireat", "ttl", "pttl", "expiretime", "pexpiretime", "persist", "rename", "renamenx", "copy", "move", "swapdb", "dbsize", "flushdb", "flushall", "keys", "object|encoding", "object|refcount", "multi", "exec", "discard", "watch", "unwatch", "ping", "echo", "select", "object|freq", "object|idletime"]
)
HEAVY = ["set", "set", "get", "incr", "append", "expire", "mset", "getex", "rename", "setrange", "multi", "exec", "watch"]


def words_for(node, draw):
    """The words of one argument, with its token."""
    words = [node.token] if node.token and node.type != "pure-token" else []
    if node.type == "pure-token":
        return [draw(st.sampled_from([node.token, node.token.lower()]))]
    if node.type == "oneof":
        choices = [p for p in node.parts if p.token not in SKIPPED_OPTIONS]
        return words + words_for(draw(st.sampled_from(choices)), draw)
    if node.type == "block":
        return words + [w for part in node.parts for w in words_for(part, draw)]
    if node.type == "key":
        return words + [draw(st.sampled_from(KEYS))]
    if node.type == "pattern":
        return words + [draw(st.sampled_from(PATTERNS))]
    return words + [draw(st.sampled_from(BY_NAME.get(node.name, VALUES)))]


@st.composite
def command_lines(draw):
    spec = SPECS[draw(st.sampled_from(COMPARED + HEAVY))]
    words = spec.name.upper().split("|")
    for node in spec.arguments:
        if node.optional and not draw(st.booleans()):
            continue
        for _ in range(draw(st.integers(1, 3)) if node.multiple else 1):
            words += words_for(node, draw)
    fate = draw(st.integers(0, 19))
    if fate == 0 and len(words) > 1:
        words.pop()
    elif fate == 1:
        words.append(draw(st.sampled_from(VALUES)))
    return tuple(words)
