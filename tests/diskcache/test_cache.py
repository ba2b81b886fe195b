"""Entries: reading, writing, expiry, order."""

import io
from datetime import timedelta

import pytest

import kvd
from kvd.diskcache import DecodeError


def test_values_are_stored_found_and_removed(cache):
    cache["a"] = [1, {"b": (2.5, None)}]
    assert cache["a"] == [1, {"b": (2.5, None)}] and "a" in cache and len(cache) == 1
    assert cache.get("no") is None and cache.get("no", 5) == 5 and "no" not in cache
    with pytest.raises(KeyError):
        cache["no"]
    assert cache.delete("a") is True and cache.delete("a") is False and "a" not in cache
    with pytest.raises(KeyError):
        del cache["a"]
    cache["none"] = None
    assert cache.get("none", 1) is None and cache["none"] is None


def test_keys_are_told_apart_by_type(cache):
    keys = [1, 1.0, True, "1", b"1", (1,), (1.0,), ("1", (2, None)), None, frozenset({1}), "\ud800", "é"]
    for at, key in enumerate(keys):
        cache[key] = at
    assert [cache[key] for key in keys] == list(range(len(keys)))
    assert [(key, type(key)) for key in cache] == [(key, type(key)) for key in keys]
    cache[0.0] = "zero"
    assert cache[-0.0] == "zero"
    for key in ([1], {1: 2}, bytearray(b"x")):
        with pytest.raises(TypeError):
            cache[key] = 1


def test_expiry_is_exact_and_its_time_is_returned(cache, clock):
    assert cache.set("a", 1, expire=10, tag="t")
    assert cache.get("a", expire_time=True, tag=True) == (1, pytest.approx(clock.now + 10, abs=0.002), "t")
    clock.advance(9.9)
    assert cache["a"] == 1
    clock.advance(0.1)
    assert "a" not in cache and cache.get("a", expire_time=True, tag=True) == (None, None, None)
    assert cache.add("a", 2) and cache.get("a", expire_time=True) == (2, None)


@pytest.mark.parametrize("expire", [0, -1, -0.5, timedelta(0)])
def test_an_entry_whose_time_is_not_positive_replaces_the_old_value_and_is_gone(cache, expire):
    cache["a"] = 1
    assert cache.set("a", 2, expire=expire) is True and "a" not in cache
    cache.set("a", 1, tag="t")
    assert cache.set("a", 2, expire=expire, tag="t") is True and "a" not in cache and cache.evict("t") == 0


@pytest.mark.parametrize("expire, error", [("1", TypeError), (float("nan"), ValueError), ([], TypeError)])
def test_times_that_are_no_times_are_refused(cache, expire, error):
    with pytest.raises(error, match="expire must be"):
        cache.set("a", 1, expire=expire)
    with pytest.raises(error, match="expire must be"):
        cache.touch("a", expire)


def test_times_may_be_very_long_and_very_short(cache, clock):
    cache.set("inf", 1, expire=float("inf"))
    cache.set("long", 1, expire=1e308)
    cache.set("longer", 1, expire=10**400, tag="t")
    cache.set("short", 1, expire=1e-9)
    assert cache.get("inf", expire_time=True) == (1, None) and cache["long"] == 1 and cache.get("longer", expire_time=True) == (1, None) and cache["short"] == 1
    clock.advance(0.002)
    assert "short" not in cache


def test_writing_without_expire_and_tag_removes_both(cache):
    cache.set("a", 1, expire=10, tag="t")
    cache["a"] = 2
    assert cache.get("a", expire_time=True, tag=True) == (2, None, None) and cache.evict("t") == 0 and cache["a"] == 2


def test_add_stores_only_missing_keys(cache, clock):
    assert cache.add("a", 1, expire=5, tag="t") is True and cache.add("a", 2) is False and cache["a"] == 1
    clock.advance(5)
    assert cache.add("a", 3) is True and cache["a"] == 3


def test_numbers_are_counted_and_keep_their_expiry_and_tag(cache, clock):
    assert cache.incr("n") == 1 and cache.incr("n", 5) == 6 and cache.decr("n", 10) == -4
    assert cache.incr("m", 1, default=10) == 11
    with pytest.raises(KeyError):
        cache.incr("x", default=None)
    cache.set("f", 1.5, expire=10, tag="t")
    assert cache.incr("f", 0.25) == 1.75
    assert cache.get("f", expire_time=True, tag=True) == (1.75, pytest.approx(clock.now + 10, abs=0.002), "t")
    cache["big"] = 2**70
    assert cache.incr("big") == 2**70 + 1
    cache["s"] = "text"
    with pytest.raises(TypeError):
        cache.incr("s")
    assert cache["s"] == "text"


def test_pop_returns_what_was_there(cache, clock):
    cache.set("a", 1, expire=5, tag="t")
    assert cache.pop("a", expire_time=True, tag=True) == (1, pytest.approx(clock.now + 5, abs=0.002), "t")
    assert cache.pop("a") is None and cache.pop("a", 7) == 7 and cache.pop("a", 7, tag=True) == (7, None)
    assert cache.tagged("t") == []


def test_touch_changes_the_expiry_alone(cache, clock):
    cache.set("a", 1, tag="t")
    assert cache.touch("a", 5) is True and cache.touch("no", 5) is False
    assert cache.get("a", expire_time=True, tag=True) == (1, pytest.approx(clock.now + 5, abs=0.002), "t")
    assert cache.touch("a") is True and cache.touch("a") is True and cache.get("a", expire_time=True) == (1, None)
    assert cache.touch("a", 0) is True and "a" not in cache and cache.touch("a") is False


def test_iteration_is_in_the_order_of_the_first_storing(cache):
    for key in ("b", 3, "a", b"x", 1, (2,), 2.5):
        cache[key] = key
    cache["b"] = "again"
    cache.incr(3)
    assert list(cache) == ["b", 3, "a", b"x", 1, (2,), 2.5] and list(reversed(cache)) == list(cache)[::-1]
    assert cache.peekitem() == (2.5, 2.5) and cache.peekitem(last=False) == ("b", "again")
    assert list(cache.iterkeys()) == [1, 2.5, 3, "a", "b", b"x", (2,)]
    assert list(cache.iterkeys(reverse=True)) == [1, 2.5, 3, "a", "b", b"x", (2,)][::-1]
    del cache["b"]
    cache["b"] = 1
    assert list(cache)[-1] == "b"


def test_peekitem_has_the_details_and_refuses_an_empty_cache(cache, clock):
    with pytest.raises(KeyError):
        cache.peekitem()
    cache.set("a", 1, expire=5, tag="t")
    assert cache.peekitem(expire_time=True, tag=True) == (("a", 1), pytest.approx(clock.now + 5, abs=0.002), "t")


def test_bytes_are_read_as_files(cache):
    assert cache.set("f", io.BytesIO(b"hello"), read=True) is True and cache["f"] == b"hello"
    assert cache.read("f").read() == b"hello" and cache.get("f", read=True).read() == b"hello"
    assert cache.add("g", io.BytesIO(b"x"), read=True) and cache["g"] == b"x"
    assert cache.get("no", "d", read=True) == "d"
    with pytest.raises(KeyError):
        cache.read("no")
    cache["n"] = 1
    with pytest.raises(TypeError, match="not bytes but int"):
        cache.read("n")


def test_clear_expire_and_cull_return_numbers(cache, clock):
    for n in range(10):
        cache.set(n, n, expire=5 if n < 4 else None, tag="t")
    assert cache.cull() == 0 and cache.expire() == 0 and cache.expire(now=clock.now + 60) == 4 and len(cache) == 6
    assert cache.clear() == 6 and len(cache) == 0 and cache.clear() == 0 and cache.tags() == [] and cache.evict("t") == 0


def test_a_value_that_cannot_be_encoded_leaves_the_old_one(cache):
    cache.set("a", 1, tag="t")
    for store in (lambda v: cache.set("a", v), lambda v: cache.set("a", v, tag="u"), lambda v: cache.set("a", v, expire=5)):
        with pytest.raises(TypeError, match="register"):
            store(object())
    assert cache.get("a", tag=True) == (1, "t") and cache.evict("t") == 1


def test_damaged_entries_are_reported_found_and_removed_by_check(cache):
    cache["a"], cache["b"] = "text", 2
    raw = cache.store.get(b"Sa")
    cache.store.set(b"Sa", raw[:8] + b"?")
    for damaged in (lambda: cache["a"], lambda: cache.pop("a"), lambda: cache.incr("a")):
        with pytest.raises(DecodeError, match="unknown type 63"):
            damaged()
    cache.store.set(b"Sc", b"xyz")
    assert len(cache.check()) == 2 and "'a' cannot be decoded" in " ".join(cache.check())
    assert len(cache.check(fix=True)) == 2 and cache.check() == [] and list(cache) == ["b"]


def test_check_mends_the_index(cache):
    cache.set("a", 1, tag="t")
    cache.set("b", 1, tag="t")
    cache._space.index.execute("SREM", b"tSt", b"Sa")
    cache._space.index.execute("SADD", b"tSt", b"Sgone")
    assert cache.check() == ["the key 'a' is missing in the index of the tag 't'"]
    cache.check(fix=True)
    assert cache.check() == [] and sorted(cache._space.index.execute("SMEMBERS", b"tSt")) == [b"Sa", b"Sb"]
    cache.push(1, prefix="q")
    cache.push(2, prefix="q")
    cache.clear()
    cache.push(1, prefix="q")
    del cache["q-500000000000000"]
    cache.check(fix=True)
    assert cache._space.index.execute("EXISTS", b"q-q") == 0


def test_a_closed_cache_says_so(cache):
    cache["a"] = 1
    cache.close()
    assert repr(cache) == "<kvd.DiskCache in memory closed>"
    for use in (lambda: cache["a"], lambda: cache.set("a", 1), lambda: cache.incr("a"), lambda: "a" in cache, lambda: list(cache)):
        with pytest.raises(kvd.ClosedError):
            use()
