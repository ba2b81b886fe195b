"""What a mapping has, copies, pickles, limits, figures."""

import copy
import pickle
from collections.abc import Mapping, MutableMapping

import pytest

import kvd


def test_it_is_a_mutable_mapping_and_generic():
    cache: kvd.Cache[str, int] = kvd.Cache[str, int](5)
    assert isinstance(cache, MutableMapping) and isinstance(cache, kvd.Cache)
    cache.update({"a": 1}, b=2)
    cache.update([("c", 3)])
    cache |= {"d": 4}
    assert list(cache) == list(cache.keys()) == ["a", "b", "c", "d"] and list(reversed(cache)) == ["d", "c", "b", "a"]
    assert list(cache.values()) == [1, 2, 3, 4] and list(cache.items()) == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert ("a", 1) in cache.items() and ("a", 2) not in cache.items() and 3 in cache.values() and cache.keys() & {"a", "x"} == {"a"}
    assert cache == {"a": 1, "b": 2, "c": 3, "d": 4} and cache != {"a": 1} and cache != 5
    assert dict(**cache) == dict(cache)
    assert cache | {"e": 5} == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5} and "e" not in cache
    assert cache.popitem() == ("a", 1) and cache.pop("b") == 2 and cache.pop("b", None) is None
    with pytest.raises(KeyError):
        cache.pop("b")
    with pytest.raises(KeyError):
        del cache["b"]
    with pytest.raises(TypeError):
        hash(cache)
    cache.clear()
    with pytest.raises(KeyError, match="empty"):
        cache.popitem()


def test_iteration_is_over_a_snapshot_and_no_use():
    cache = kvd.Cache(3)
    cache.update({1: 1, 2: 2, 3: 3})
    for key in cache:
        cache.delete(key)
        cache[key + 10] = key
    assert list(cache) == [11, 12, 13]
    list(cache.values()), list(cache.items()), 12 in cache, cache.peek(11), cache.ttl(11)
    cache[4] = 4
    assert list(cache) == [12, 13, 4]


def test_a_subclass_may_compute_what_is_missing():
    class Squares(kvd.Cache):
        def __missing__(self, key):
            self[key] = key * key
            return self[key]

    squares = Squares(2)
    assert [squares[2], squares[3], squares[4]] == [4, 9, 16] and list(squares) == [3, 4] and squares.get(9) is None


def test_repr():
    cache = kvd.Cache(2, name="things", ttl=5)
    cache["a"] = cache
    assert repr(cache) == "Cache({'a': ...}, name='things', maxsize=2, ttl=5, policy='lru')"
    big = kvd.Cache(policy="sieve")
    big.update(dict.fromkeys(range(100)))
    assert repr(big).endswith("19: None, ...}, policy='sieve')")


@pytest.mark.parametrize("how", [lambda c: c.copy(), copy.copy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_keep_order_deadlines_weights_and_tags(how):
    cache = kvd.Cache(10, maxweight=50, weigher=max, ttl=100)
    cache.set(1, 2)
    cache.set(2, 1, None, tags=["t", "u"])
    cache.set(3, 3, tti=20, weight=30)
    cache.get(1)
    other = how(cache)
    assert list(other.items()) == [(2, 1), (3, 3), (1, 2)] and other == cache and other is not cache
    assert other.weight == cache.weight == 34 and other.tags_of(2) == {"t", "u"} and other.ttl(2) is None
    assert 19 < other.ttl(3) <= 20 and 99 < other.ttl(1) <= 100 and other.maxsize == 10 and other.policy == "lru"
    other[4] = 4
    assert 4 not in cache
    other._check()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"maxsize": -1}, ValueError), ({"ttl": 0}, ValueError), ({"ttl": -5}, ValueError), ({"tti": 0}, ValueError),
        ({"policy": "mru"}, ValueError), ({"maxweight": -1}, ValueError), ({"weigher": 5}, TypeError), ({"clock": 5}, TypeError),
        ({"on_evict": "x"}, TypeError), ({"maxsize": 1.5}, TypeError), ({"jitter": 2}, ValueError), ({"ttl": float("nan")}, ValueError),
    ],
)  # fmt: skip
def test_wrong_arguments(arguments, error):
    with pytest.raises(error):
        kvd.Cache(**arguments)


def test_limits():
    none = kvd.Cache(0)
    assert none.set("a", 1) is False and len(none) == 0 and none.stats().refused == 1 and none.get_or_set("a", 2) == 2
    with pytest.raises(ValueError):
        none["a"] = 1
    cache = kvd.Cache(maxweight=10, weigher=lambda k, v: len(v))
    cache["a"], cache["b"] = "xxx", "xxxx"
    with pytest.raises(ValueError, match="too large"):
        cache["c"] = "x" * 11
    assert cache == {"a": "xxx", "b": "xxxx"} and cache.weight == 7
    assert cache.set("a", "x" * 11) is False and cache == {"b": "xxxx"}
    cache["b"] = "x" * 10
    assert cache.weight == 10
    for wrong in (-1, 1.5):
        with pytest.raises((ValueError, TypeError)):
            cache.set("d", "x", weight=wrong)
    cache.resize(maxweight=5)
    assert len(cache) == 0 and cache.maxweight == 5
    sized = kvd.Cache(10)
    sized.update(dict.fromkeys(range(10)))
    sized.resize(3)
    assert list(sized) == [7, 8, 9] and sized.copy().maxsize == 3
    with pytest.raises(TypeError):
        sized.resize(maxweight=5)
    sized.resize(None)
    assert sized.maxsize is None


def test_a_limit_prefers_the_dead(clock):
    cache = kvd.Cache(3, clock=clock)
    cache["old"] = 1
    cache.set("short", 2, ttl=1)
    cache["b"] = 3
    clock.now += 2
    cache["c"] = 4
    assert set(cache) == {"old", "b", "c"}


def test_groups():
    cache = kvd.Cache()
    cache.set_many({f"user:{i}:{part}": i for i in range(3) for part in "ab"}, tags="users")
    cache.set(("user:1:", 5), 1, tags=["users", "odd"])
    assert cache.delete_prefix("user:1:") == 2 and ("user:1:", 5) in cache
    assert cache.invalidate_tag("odd", "nobody") == 1 and cache.invalidate_tag("users") == 4 and len(cache) == 0
    assert not cache.invalidate_tag("users")
    with pytest.raises(TypeError, match="unhashable"):
        cache.set("a", 1, tags=["t", []])
    assert "a" not in cache and not cache.invalidate_tag("t")
    ordered = kvd.Cache(ordered=True)
    ordered.set_many({f"{a}:{n}": n for a in "abc" for n in range(4)})
    assert ordered.delete_prefix("b:") == 4 and ordered.irange("a:2", "c:1") == ["a:2", "a:3", "c:0", "c:1"]
    assert ordered.irange("a:2", "c:1", (False, False), reverse=True) == ["c:0", "a:3"]
    with pytest.raises(TypeError):
        ordered[5] = 1
    assert 5 not in ordered and len(ordered) == 8
    with pytest.raises(TypeError, match="ordered=True"):
        cache.irange()


def test_incr_cas_and_touch(clock):
    cache = kvd.Cache(clock=clock)
    assert [cache.incr("n"), cache.incr("n", 5), cache.decr("n", 2), cache.incr("m", default=10, ttl=5)] == [1, 6, 4, 11]
    assert cache.incr("m") == 12 and cache.ttl("m") == 5
    with pytest.raises(TypeError):
        cache.incr("n", "x")
    assert cache["n"] == 4 and cache.cas("n", 4, 9) and not cache.cas("n", 4, 9) and not cache.cas("no", None, 1)
    assert cache.touch("n", 3) and cache.ttl("n") == 3 and not cache.touch("no")
    assert cache.expire_at("n", clock.now + 50) and cache.ttl("n") == 50 and cache.expire_at("n", None) and cache.ttl("n") is None
    assert cache.expire_at("n", clock.now - 1) and "n" not in cache


def test_equality_with_any_mapping():
    class Odd(Mapping):
        def __getitem__(self, key):
            return 1

        def __iter__(self):
            return iter(["a"])

        def __len__(self):
            return 1

    cache = kvd.Cache()
    cache["a"] = 1
    assert cache == Odd() and Odd() == cache
