"""Ranges of sorted sets: by rank, score and bytes, in both directions, replied, counted, stored and removed alike."""

import pytest

MEMBERS = [(float(i // 2), f"m{i:03}".encode()) for i in range(10)]


@pytest.fixture(params=["packed", "open"])
def z(peer, request):
    """Ten members, two of each score from 0 to 4; and w, ten members of one score."""
    for i, (score, member) in enumerate(MEMBERS):
        peer("ZADD", "z", score, member)
        peer("ZADD", "w", 0, chr(ord("a") + i))
    if request.param == "open":
        for key in ("z", "w"):
            peer("ZADD", key, 0, "x" * 100)
            peer("ZREM", key, "x" * 100)
    return peer


@pytest.mark.parametrize("bounds", [(0, -1), (2, 4), (-3, -1), (5, 3), (9, 99), (10, 12), (-99, 0)])
def test_ranks(z, bounds):
    a, b = (n + 10 if n < 0 else n for n in bounds)
    found = [m for i, (_, m) in enumerate(MEMBERS) if max(a, 0) <= i <= b]
    back = [m for i, (_, m) in enumerate(MEMBERS[::-1]) if max(a, 0) <= i <= b]
    assert z("ZRANGE", "z", *bounds) == found and z("ZREVRANGE", "z", *bounds) == back == z("ZRANGE", "z", *bounds, "REV")
    assert z("ZRANGESTORE", "d", "z", *bounds) == len(found) and z("ZRANGE", "d", 0, -1) == found and z("EXISTS", "d") == bool(found)
    assert z("ZREMRANGEBYRANK", "z", *bounds) == len(found) and z("ZCARD", "z") == 10 - len(found)


@pytest.mark.parametrize(("low", "high", "test"), [
    ("1", "3", lambda s: 1 <= s <= 3), ("(1", "3", lambda s: 1 < s <= 3), ("1", "(3", lambda s: 1 <= s < 3), ("(1", "(1", lambda s: False), ("-inf", "+inf", lambda s: True), ("3", "1", lambda s: False), ("0.5", "(1.0000001", lambda s: s == 1), ("5", "inf", lambda s: False),
])  # fmt: skip
def test_scores(z, low, high, test):
    found = [m for s, m in MEMBERS if test(s)]
    assert z("ZRANGEBYSCORE", "z", low, high) == found == z("ZRANGE", "z", low, high, "BYSCORE") and z("ZCOUNT", "z", low, high) == len(found)
    assert z("ZREVRANGEBYSCORE", "z", high, low) == found[::-1] == z("ZRANGE", "z", high, low, "BYSCORE", "REV")
    assert z("ZRANGEBYSCORE", "z", low, high, "LIMIT", 1, 2) == found[1:3] and z("ZREVRANGEBYSCORE", "z", high, low, "LIMIT", 2, -1) == found[::-1][2:]
    assert z("ZREMRANGEBYSCORE", "z", low, high) == len(found) and z("EXISTS", "z") == (len(found) < 10)


@pytest.mark.parametrize(("low", "high", "found"), [("-", "+", "abcdefghij"), ("[c", "[e", "cde"), ("(c", "(e", "d"), ("(c", "[c", ""), ("[e", "[c", ""), ("+", "-", ""), ("-", "(b", "a"), ("[jj", "+", ""), ("[", "[c", "abc")])
def test_bytes(z, low, high, found):
    members = [c.encode() for c in found]
    assert z("ZRANGEBYLEX", "w", low, high) == members == z("ZRANGE", "w", low, high, "BYLEX") and z("ZLEXCOUNT", "w", low, high) == len(members)
    assert z("ZREVRANGEBYLEX", "w", high, low) == members[::-1] == z("ZRANGE", "w", high, low, "BYLEX", "REV") and z("ZRANGEBYLEX", "w", low, high, "LIMIT", 1, 1) == members[1:2]
    assert z("ZREMRANGEBYLEX", "w", low, high) == len(members) and z("ZCARD", "w") == 10 - len(members)


def test_scores_come_along(z):
    assert z("ZRANGE", "z", 1, 2, "WITHSCORES") == [b"m001", b"0", b"m002", b"1"] and z("ZRANGEBYSCORE", "z", 4, 4, "WITHSCORES", "LIMIT", 0, 1) == [b"m008", b"4"]
    assert z.open(3)("ZRANGE", "z", 1, 2, "WITHSCORES") == [[b"m001", 0.0], [b"m002", 1.0]]


def test_storing_replaces_whatever_is_there(z):
    z("SET", "d", "v", "EX", 100)
    assert z("ZRANGESTORE", "d", "z", 1, 2, "BYSCORE", "LIMIT", 1, 2) == 2 and z("ZRANGE", "d", 0, -1, "WITHSCORES") == [b"m003", b"1", b"m004", b"2"] and z("TTL", "d") == -1
    assert z("ZRANGESTORE", "z", "z", 0, 1) == 2 and z("ZCARD", "z") == 2 and z("ZRANGESTORE", "d", "none", 0, -1) == 0 and z("EXISTS", "d") == 0


@pytest.mark.parametrize("line", [
    "ZRANGE z 0 -1 LIMIT 0 1", "ZRANGE z 0 1 BYLEX WITHSCORES", "ZRANGE z x 1", "ZRANGE z 0 1 BYSCORE BYLEX", "ZRANGEBYSCORE z x 1", "ZRANGEBYSCORE z 0 ((1", "ZRANGEBYLEX z a b", "ZRANGEBYLEX z - + WITHSCORES",
    "ZRANGEBYSCORE z 0 1 LIMIT 0", "ZREVRANGE z 0 1 BYSCORE", "ZRANGESTORE d z 0 1 WITHSCORES", "ZCOUNT z nan 1", "ZREMRANGEBYLEX z a b",
])  # fmt: skip
def test_wrong_forms(z, line):
    assert isinstance(z(*line.split()), Exception) and z("ZCARD", "z") == 10 and z("EXISTS", "d") == 0
