"""SLOWLOG and LATENCY: what is recorded, in which order, and how much of it."""

import pytest


@pytest.fixture
def slow(peer):
    """Records every command."""
    peer("CONFIG", "SET", "slowlog-log-slower-than", 0)
    peer("SLOWLOG", "RESET")
    yield peer
    peer("CONFIG", "SET", "slowlog-log-slower-than", 10_000, "slowlog-max-len", 128)


def test_the_newest_comes_first_with_numbers_that_rise(slow):
    slow("CLIENT", "SETNAME", "me")
    for key in "abc":
        slow("SET", key, "v")
    rows = slow("SLOWLOG", "GET", 3)
    assert [row[3] for row in rows] == [[b"SET", b"c", b"v"], [b"SET", b"b", b"v"], [b"SET", b"a", b"v"]] and [row[0] - rows[2][0] for row in rows] == [2, 1, 0]
    assert all(row[1] > 1_600_000_000 and row[2] >= 0 and row[5] == b"me" for row in rows)


def test_length_and_limit(slow):
    for key in range(30):
        slow("GET", key)
    assert len(slow("SLOWLOG", "GET")) == 10 and len(slow("SLOWLOG", "GET", -1)) >= 30
    slow("CONFIG", "SET", "slowlog-max-len", 5)
    slow("GET", "k")
    assert slow("SLOWLOG", "LEN") == 5 and slow("SLOWLOG", "GET", 0) == [] and isinstance(slow("SLOWLOG", "GET", -2), Exception) and isinstance(slow("SLOWLOG", "GET", "x"), Exception)
    assert slow("SLOWLOG", "RESET") == b"OK" and slow("SLOWLOG", "LEN") <= 1


@pytest.fixture
def late(peer):
    """Records commands that take a millisecond or more."""
    peer("CONFIG", "SET", "latency-monitor-threshold", 1)
    peer("LATENCY", "RESET")
    yield peer
    peer("CONFIG", "SET", "latency-monitor-threshold", 0)
    peer("LATENCY", "RESET")


def test_events_are_recorded_at_their_worst(late):
    late("DEBUG", "SLEEP", "0.03")
    [[name, at, last, worst, *_]] = late("LATENCY", "LATEST")
    assert name == b"command" and at > 1_600_000_000 and worst >= last >= 25
    [[when, took]] = late("LATENCY", "HISTORY", "command")
    assert when == at and took == worst and late("LATENCY", "HISTORY", "none") == []
    assert late("LATENCY", "GRAPH", "command").startswith(b"command - ") and isinstance(late("LATENCY", "GRAPH", "none"), Exception)
    assert late("LATENCY", "RESET", "none") == 0 and late("LATENCY", "RESET", "command") == 1 and late("LATENCY", "LATEST") == []


def test_without_a_threshold_nothing_is_recorded(peer):
    peer("CONFIG", "SET", "latency-monitor-threshold", 0)
    peer("DEBUG", "SLEEP", "0.01")
    assert peer("LATENCY", "LATEST") == [] and peer("LATENCY", "DOCTOR")


def test_histograms(peer):
    peer("CONFIG", "RESETSTAT")
    for _ in range(5):
        peer("SET", "k", "v")
    peer("GET", "k")
    wire = peer.open(3)
    found = wire("LATENCY", "HISTOGRAM", "set", "get", "nosuch", "lpush")
    assert {name: entry[b"calls"] for name, entry in found.items()} == {b"set": 5, b"get": 1}
    buckets = list(found[b"set"][b"histogram_usec"].items())
    assert [n for _, n in buckets] == sorted(n for _, n in buckets) and buckets[-1][1] == 5


def test_monitor_ends_with_reset(peer):
    monitor = peer.open()
    assert monitor("MONITOR") == b"OK"
    peer("SET", "k", "v")
    assert b'"SET" "k" "v"' in monitor.read()
    assert monitor("RESET") == b"RESET"
    peer("SET", "k", "w")
    assert monitor("PING") == b"PONG"
