"""A random user and a random command: allowed exactly when a real server allows it."""

import random

import pytest

from ..samples import SAMPLES

COMMANDS = tuple(["+@all", "+get", "+set", "+mget", "+@read", "+@write", "+@string", "+@hash", "+@list", "+@pubsub", "+@keyspace", "+@fast", "+client", "+client|id", "+select|0", "+select|1", "+config|get", "+xinfo|stream", "+copy", "-get", "-set", "-@dangerous", "-@admin", "-@write", "-@slow", "-client|id", "-config", "-object", "-@scripting"])
KEYS = ["~*", "allkeys", "~s*", "~h", "~[lz]*", "%R~*", "%W~*", "%R~s*", "%W~new", "%RW~z", "~new", "%R~?", "%W~?"]
CHANNELS = ["&*", "&c*", "&channel", "&news", "allchannels"]
SELECTORS = ["(+get ~s*)", "(+@read %R~*)", "(+@all ~new)", "(+@write ~z* &*)", "(+publish &c*)"]
MORE = [
    ("SUBSCRIBE", "channel", "other"), ("PSUBSCRIBE", "c*"), ("PSUBSCRIBE", "ch*"), ("SSUBSCRIBE", "news"), ("PUBLISH", "other", "m"), ("SPUBLISH", "news", "m"), ("UNSUBSCRIBE", "other"),
    ("SELECT", "0"), ("SELECT", "1"), ("Select", "00"), ("COPY", "s", "new"), ("COPY", "new", "s"), ("SET", "s", "1", "GET"), ("SET", "s", "1"), ("GETEX", "s"), ("GETEX", "s", "PERSIST"),
    ("BITFIELD", "s", "GET", "u8", "0"), ("BITFIELD", "s", "SET", "u8", "0", "1"), ("XREAD", "STREAMS", "x", "y", "0", "0"), ("SORT", "l"), ("SORT", "l", "STORE", "new"),
    ("EVAL", "return 1", "0"), ("EVAL", "return 1", "2", "s", "new"), ("EVAL", "return 1", "x"), ("MIGRATE", "h", "1", "", "0", "1", "KEYS", "s", "h"), ("ZUNIONSTORE", "new", "2", "z", "s"),
    ("LMPOP", "2", "l", "s", "LEFT"), ("GEORADIUS", "z", "1", "1", "1", "km", "STORE", "new"), ("OBJECT", "ENCODING", "s"), ("MEMORY", "USAGE", "s"), ("EXISTS", "s", "h", "new"),
    ("MGET", "s", "h", "l"), ("MSET", "s", "1", "new", "2"), ("RENAME", "s", "new"), ("SMOVE", "s", "new", "a"), ("PFCOUNT", "s", "h"), ("TOUCH", "s"), ("WATCH", "z"), ("AUTH", "x"), ("QUIT",),
]  # fmt: skip


def some_rules(dice):
    rules = [word for word in dice.choices(COMMANDS, k=dice.randrange(1, 6)) if word]
    for words in (dice.sample(KEYS, dice.randrange(3)), dice.sample(CHANNELS, dice.randrange(2)), dice.sample(SELECTORS, dice.randrange(2))):
        if "~*" in words or "allkeys" in words:
            words = ["~*"]
        rules += words
    return rules


def comparable(place, reply):
    """Of 7.0, whether it is allowed."""
    if place.valkey or place.version >= (8, 0):
        return str(reply)
    return reply == b"OK"


def test_a_random_user_may_run_a_random_command_when_a_real_server_allows_it(ours, theirs):
    dice = random.Random(2)
    commands = [tuple(map(str, sample.words)) for sample in SAMPLES.values() if not any(isinstance(word, bytes) for word in sample.words)] + MORE
    for _ in range(25):
        rules = some_rules(dice)
        for place in (ours, theirs):
            assert place.admin("ACL", "SETUSER", "u", "reset", *rules) == b"OK"
        wrong = []
        for words in dice.sample(commands, 150):
            mine, other = (place.admin("ACL", "DRYRUN", "u", *words) for place in (ours, theirs))
            if "not found" in str(other) or "not found" in str(mine) or "wrong number" in str(other):
                continue                          # a command of other versions
            if comparable(theirs, mine) != comparable(theirs, other):
                wrong.append((words, mine, other))
        assert not wrong, rules


@pytest.mark.parametrize(("rules", "words", "allowed"), [
    (["+@all", "%R~a", "%W~b"], ("COPY", "a", "b"), True), (["+@all", "%R~a", "%W~b"], ("COPY", "b", "a"), False), (["+@all", "%W~a"], ("EXISTS", "a"), True),
    (["+@all", "%R~a"], ("INCR", "a"), False), (["+@all", "~a"], ("SET", "a", "1", "GET"), True), (["+@all", "%W~a"], ("SET", "a", "1", "GET"), False),
    (["+@all", "&a*"], ("PSUBSCRIBE", "a*"), True), (["+@all", "&a*"], ("PSUBSCRIBE", "ab*"), False), (["+@all", "&a*"], ("SUBSCRIBE", "ab", "ac"), True),
    (["-@all", "+select|0"], ("SELECT", "0"), True), (["-@all", "+select|0"], ("SELECT", "1"), False), (["-@all"], ("AUTH", "x"), True), (["-@all"], ("PING",), False),
    (["-@all", "(+get ~a)", "(+get ~b)"], ("GET", "b"), True), (["-@all", "(+get ~a)", "(+set ~b)"], ("GET", "b"), False), (["+mget", "~a", "(+mget ~b)"], ("MGET", "a", "b"), False),
])  # fmt: skip
def test_cases(place, rules, words, allowed):
    place.admin("ACL", "SETUSER", "u", "reset", *rules)
    assert (place.admin("ACL", "DRYRUN", "u", *words) == b"OK") == allowed


@pytest.mark.parametrize(("words", "allowed"), [
    (("SELECT", 0), True), (("SELECT", 1), False), (("SELECT", 2), True), (("GET", "a"), True), (("SWAPDB", 0, 1), False), (("SWAPDB", 0, 2), True), (("MOVE", "a", 1), False),
    (("COPY", "a", "b", "DB", 1), False), (("COPY", "a", "b", "DB", 2), True), (("FLUSHALL",), False), (("FLUSHDB",), True), (("PUBLISH", "a", "b"), True),
])  # fmt: skip
@pytest.mark.parametrize("selected", [0, 1])
def test_databases(place, words, allowed, selected):
    """Of Valkey 9.1. In a database that is not allowed, commands that use keys are refused."""
    if not place.valkey and place.address[1] and isinstance(place.admin("ACL", "SETUSER", "u", "alldbs"), Exception):
        pytest.skip("a server without this")
    if place.valkey and place.version < (9, 1):
        pytest.skip("an older server")
    place.admin("ACL", "SETUSER", "u", "reset", "+@all", "~*", "&*", "db=0,2")
    place.admin("SELECT", selected)
    reply = place.admin("ACL", "DRYRUN", "u", *words)
    elsewhere = words[0] in ("SELECT", "SWAPDB", "PUBLISH")
    assert (reply == b"OK") == (allowed and (selected == 0 or elsewhere)), reply
