"""Unions, intersections and differences: scores weighed and aggregated, plain sets among them."""

import pytest


@pytest.fixture
def two(peer):
    peer("ZADD", "a", 1, "x", 2, "y", 3, "z")
    peer("ZADD", "b", 10, "y", 20, "z", 30, "w")
    peer("SADD", "s", "y", "q")
    return peer


@pytest.mark.parametrize(("line", "found"), [
    ("ZUNION 2 a b", "x 1 y 12 z 23 w 30"), ("ZINTER 2 a b", "y 12 z 23"), ("ZDIFF 2 a b", "x 1"), ("ZUNION 2 a b WEIGHTS 2 -1", "w -30 z -14 y -6 x 2"), ("ZINTER 2 a b AGGREGATE MAX", "y 10 z 20"),
    ("ZINTER 2 a b AGGREGATE MIN WEIGHTS 100 1", "y 10 z 20"), ("ZUNION 2 a s", "q 1 x 1 y 3 z 3"), ("ZINTER 2 a s WEIGHTS 1 0.5", "y 2.5"), ("ZDIFF 2 a s", "x 1 z 3"), ("ZUNION 2 none a", "x 1 y 2 z 3"), ("ZINTER 2 none a", ""),
    ("ZUNION 2 a a", "x 2 y 4 z 6"), ("ZDIFF 2 a a", ""), ("ZDIFF 3 b none a", "w 30"),
])  # fmt: skip
def test_replied_and_stored_alike(two, line, found):
    words = line.split()
    pairs = found.encode().split()
    assert two(*words, "WITHSCORES") == pairs and two(*words) == pairs[::2]
    assert two(words[0] + "STORE", "d", *words[1:]) == len(pairs) // 2 and two("ZRANGE", "d", 0, -1, "WITHSCORES") == pairs and two("EXISTS", "d") == bool(pairs)


@pytest.mark.parametrize(("line", "found"), [
    ("ZUNION 2 a b AGGREGATE COUNT", "w 1 x 1 y 2 z 2"), ("ZINTER 2 a b AGGREGATE COUNT", "y 2 z 2"), ("ZUNION 3 a b s WEIGHTS 2 3 0.5 AGGREGATE COUNT", "q 0.5 x 2 w 3 z 5 y 5.5"), ("ZINTER 2 a s AGGREGATE COUNT WEIGHTS 10 -1", "y 9"),
])  # fmt: skip
def test_counting_in_how_many_a_member_is(store, line, found):
    """AGGREGATE COUNT of Redis 8.8: the scores do not matter, each set adds its weight."""
    store.execute("ZADD", "a", 1, "x", 2, "y", 3, "z")
    store.execute("ZADD", "b", 10, "y", 20, "z", 30, "w")
    store.execute("SADD", "s", "y", "q")
    words = line.split()
    pairs = [[m.encode(), float(score)] for m, score in zip(found.split()[::2], found.split()[1::2], strict=True)]
    assert store.execute(*words, "WITHSCORES") == pairs
    assert store.execute(words[0] + "STORE", "d", *words[1:]) == len(pairs) and store.execute("ZRANGE", "d", 0, -1, "WITHSCORES") == pairs


def test_a_destination_may_be_a_source_and_of_another_type(two):
    assert two("ZUNIONSTORE", "a", 2, "a", "b") == 4 and two("ZSCORE", "a", "y") == b"12" and two("ZINTERSTORE", "s", 2, "s", "a") == 1 and two("TYPE", "s") == b"zset"
    two("SET", "t", "v", "EX", 100)
    assert two("ZDIFFSTORE", "t", 1, "b") == 3 and two("TTL", "t") == -1 and two("ZDIFFSTORE", "t", 2, "b", "b") == 0 and two("EXISTS", "t") == 0


def test_counting_stops_at_the_limit(two):
    assert [two("ZINTERCARD", 2, "a", "b", "LIMIT", n) for n in (0, 1, 2, 5)] == [2, 1, 2, 2] and two("ZINTERCARD", 2, "a", "none") == 0 and two("ZINTERCARD", 2, "a", "s") == 1


def test_infinities_do_not_become_nan(peer):
    peer("ZADD", "p", "inf", "m")
    peer("ZADD", "n", "-inf", "m")
    assert peer("ZUNION", 2, "p", "n", "WITHSCORES") == [b"m", b"0"] and peer("ZUNION", 1, "p", "WEIGHTS", 0, "WITHSCORES") == [b"m", b"0"]


def test_large_and_small_sets(peer):
    """Whatever the sizes and encodings, the members are those of Python's sets."""
    sets = {"few": set(range(5)), "many": set(range(3, 400)), "other": set(range(0, 800, 3))}
    for key, members in sets.items():
        peer("ZADD", key, *[word for m in members for word in (m, m)])
    for one in sets:
        for other in sets:
            for command, expected in (("ZUNION", sets[one] | sets[other]), ("ZINTER", sets[one] & sets[other]), ("ZDIFF", sets[one] - sets[other])):
                assert {int(m) for m in peer(command, 2, one, other)} == expected


@pytest.mark.parametrize("line", ["ZUNION 0 a", "ZUNION 2 a", "ZUNION x a", "ZUNION 2 a b WEIGHTS 1", "ZUNION 2 a b WEIGHTS 1 x", "ZUNION 2 a b AGGREGATE AVG", "ZDIFF 2 a b WEIGHTS 1 1", "ZINTERCARD 2 a b LIMIT -1", "ZUNIONSTORE d 2 a b WITHSCORES", "ZUNION 2 a text", "ZINTER 2 none text"])
def test_wrong_forms(two, line):
    two("SET", "text", "v")
    assert isinstance(two(*line.split()), Exception) and two("EXISTS", "d") == 0
