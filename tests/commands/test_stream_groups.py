"""Consumer groups: what their changes tell others, and the lag of a group (Redis 7.9's rules)."""

import pytest


@pytest.fixture
def stream(peer):
    for i in range(1, 6):
        peer("XADD", "x", f"{i}-0", "f", "v")
    peer("XGROUP", "CREATE", "x", "g", 0)
    return peer


CHANGES = ["XGROUP CREATE x h 0", "XGROUP CREATECONSUMER x g bob", "XGROUP SETID x g 2", "XGROUP DELCONSUMER x g bob", "XGROUP DESTROY x g", "XSETID x 9-0", "XACK x g 1-0"]


@pytest.mark.parametrize("line", CHANGES)
def test_changes_of_groups_are_none_of_the_stream(stream, line):
    """Neither WATCH nor client-side caching is concerned, but keyspace events are."""
    stream("XGROUP", "CREATECONSUMER", "x", "g", "bob") if "DELCONSUMER" in line else None
    watching, caching, other = stream.open(), stream.open(3), stream.open()
    watching("WATCH", "x")
    caching("CLIENT", "TRACKING", "ON")
    caching("XLEN", "x")
    assert not isinstance(other(*line.split()), Exception)
    watching("MULTI")
    assert watching("EXEC") == []
    assert caching("PING") == b"PONG"


def test_a_stream_that_create_makes_is_a_change(peer):
    watching = peer.open()
    watching("WATCH", "new")
    peer("XGROUP", "CREATE", "new", "g", 0, "MKSTREAM")
    watching("MULTI")
    assert watching("EXEC") is None


def test_destroying_a_group_tells_its_readers(stream):
    reader = stream.open()
    stream("XGROUP", "SETID", "x", "g", "$")
    reader.send(reader.frame(("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "x", ">")))
    while b"blocked_clients:1\r\n" not in stream("INFO", "clients"):
        pass
    stream("XGROUP", "DESTROY", "x", "g")
    assert str(reader.read()).startswith(("NOGROUP", "-NOGROUP"))


def lag(peer):
    facts = peer("XINFO", "GROUPS", "x")[0]
    found = dict(zip(facts[::2], facts[1::2], strict=True))
    return found[b"entries-read"], found[b"lag"]


def test_setid_takes_the_lowest_and_the_highest_id(stream):
    if stream.version < (7, 4):
        pytest.skip("Redis 7.0 does not take + there")
    assert stream("XGROUP", "SETID", "x", "g", "-") == b"OK" and len(stream("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")[0][1]) == 5
    assert stream("XGROUP", "SETID", "x", "g", "+") == b"OK" and stream("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">") is None
    assert isinstance(stream("XGROUP", "SETID", "x", "g", "*"), Exception) and isinstance(stream("XGROUP", "CREATE", "x", "new", ">"), Exception)


def test_lag_counts_what_is_not_yet_read(stream):
    assert lag(stream) == (None, 5)
    stream("XREADGROUP", "GROUP", "g", "c", "COUNT", 2, "STREAMS", "x", ">")
    assert lag(stream) == (2, 3)
    stream("XADD", "x", "6-0", "f", "v")
    assert lag(stream) == (2, 4)


@pytest.mark.parametrize(
    ("read", "lines", "found"),
    [
        (2, ["XDEL x 1-0"], (2, 3)), (2, ["XDEL x 4-0"], (2, None)), (2, ["XTRIM x MAXLEN 2"], (2, 2)), (0, ["XTRIM x MAXLEN 2"], (None, 2)), (0, ["XDEL x 3-0"], (None, None)),
        (5, ["XDEL x 3-0"], (5, 0)), (2, ["XTRIM x MAXLEN 0"], (2, 0)), (2, ["XGROUP SETID x g 3-0 ENTRIESREAD 3"], (3, 2)), (2, ["XGROUP SETID x g 3-0"], (None, None)),
        (2, ["XDEL x 5-0", "XADD x 7-0 f v"], (2, None)),
    ],
)  # fmt: skip
def test_lag_after_entries_have_gone(stream, read, lines, found):
    if stream.version < (8, 0) or stream.version == (8, 9) and lines[0].startswith("XTRIM") and read:
        pytest.skip("Redis 7.0 has other rules, and so has Valkey after XTRIM")
    if read:
        stream("XREADGROUP", "GROUP", "g", "c", "COUNT", read, "STREAMS", "x", ">")
    for line in lines:
        assert not isinstance(stream(*line.split()), Exception)
    assert lag(stream) == found
