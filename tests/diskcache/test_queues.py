"""Queues: order, ends, expiry, and keys that are ordinary keys."""

import pytest


def test_items_leave_in_order_at_both_ends(cache):
    assert [cache.push(v) for v in "ab"] == [500_000_000_000_000, 500_000_000_000_001]
    assert cache.push("0", side="front") == 499_999_999_999_999
    assert cache.peek() == (499_999_999_999_999, "0") and cache.peek(side="back")[1] == "b" and len(cache) == 3
    assert [cache.pull()[1], cache.pull(side="back")[1], cache.pull()[1]] == ["0", "b", "a"]
    assert cache.pull() == (None, None) and cache.peek(default="d") == "d" and cache.pull(default="d", tag=True) == ("d", None)
    assert cache.push("again") == 500_000_000_000_000


def test_prefixes_are_queues_of_their_own(cache):
    assert cache.push(1, prefix="a") == "a-500000000000000" and cache.push(2, prefix="") == "-500000000000000"
    cache.push(3)
    assert cache.pull(prefix="a") == ("a-500000000000000", 1) and cache.pull(prefix="") == ("-500000000000000", 2)
    assert cache.pull()[1] == 3 and len(cache) == 0
    with pytest.raises(ValueError, match="side must be front or back"):
        cache.push(1, side="top")


def test_items_are_entries(cache, clock):
    key = cache.push("v", prefix="q", expire=5, tag="t")
    assert cache[key] == "v" and list(cache) == [key] and cache.tagged("t") == [key]
    assert cache.peek(prefix="q", expire_time=True, tag=True) == ((key, "v"), pytest.approx(clock.now + 5, abs=0.002), "t")
    assert cache.pull(prefix="q", expire_time=True, tag=True)[0] == (key, "v") and cache.tagged("t") == []


def test_items_that_expired_or_were_removed_are_skipped(cache, clock):
    keys = [cache.push(n, expire=1 if n < 3 else None) for n in range(6)]
    clock.advance(1)
    del cache[keys[3]]
    cache.evict("none")
    assert cache.pull() == (keys[4], 4) and cache.pull(side="back") == (keys[5], 5) and cache.pull() == (None, None)


def test_the_index_of_items_that_expire_unread_stays_small(cache, clock):
    for n in range(1000):
        cache.push(n, expire=1)
        clock.advance(0.1)
    assert cache._space.index.execute("ZCARD", b"q") < 30


def test_push_does_not_overwrite_an_entry(cache):
    cache[500_000_000_000_000] = "mine"
    assert cache.push("v") == 500_000_000_000_001 and cache[500_000_000_000_000] == "mine"
    assert cache.pull() == (500_000_000_000_001, "v")


def test_queues_in_transactions(cache):
    cache.push("a")
    with cache.transact():
        cache.push("b")
        assert cache.pull()[1] == "a" and cache.peek()[1] == "b"
        cache.push("0", side="front")
        assert cache.peek()[1] == "0" and cache.peek(side="back")[1] == "b"
    assert [cache.pull()[1] for _ in range(2)] == ["0", "b"]
    cache.push("x")
    with pytest.raises(ZeroDivisionError), cache.transact():
        cache.pull()
        cache.clear()
        cache.push("y")
        assert cache.peek()[1] == "y"
        1 / 0  # noqa: B018
    assert cache.pull()[1] == "x"
