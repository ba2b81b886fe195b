"""The methods of kvd.Cache: what each stores, returns, counts and raises."""

import pytest

import kvd


@pytest.fixture
def cache(clock):
    return kvd.Cache(3, clock=clock)


def test_get_and_peek_differ_in_use_and_figures(cache):
    cache.update(a=1, b=2, c=3)
    assert cache.peek("a") == 1 and cache.peek("none", 5) == 5 and cache.stats().hits == cache.stats().misses == 0
    cache.get("b")
    cache["d"] = 4
    assert "a" not in cache and "b" in cache and cache.get("none", default=7) == 7 and (cache.stats().hits, cache.stats().misses) == (1, 1)
    for wrong in ((), ("a", 1, 2)):
        with pytest.raises(TypeError):
            cache.get(*wrong)
    with pytest.raises(TypeError):
        cache.get("a", other=1)


def test_add_and_replace_mind_what_is_there(cache, clock):
    assert cache.replace("a", 1) is False and cache.add("a", 1) is True and cache.add("a", 2) is False and cache.replace("a", 3) is True and cache["a"] == 3
    cache.set("b", 1, ttl=5)
    clock.now += 5
    assert cache.replace("b", 2) is False and cache.add("b", 2) is True


def test_many(cache):
    assert cache.set_many({"a": 1, "b": 2}) == 2 and cache.set_many([("c", 3)], ttl=5, tags="t") == 1 and cache.ttl("c") == 5 and cache.tags_of("c") == {"t"}
    assert cache.get_many(["a", "none", "c"]) == {"a": 1, "c": 3} and cache.delete_many(["a", "none", "c", "a"]) == 2 and list(cache) == ["b"]


def test_pop_and_popitem(cache):
    cache.update(a=1, b=None)
    assert cache.pop("a") == 1 and cache.pop("a", None) is None and cache.pop("b", 5) is None
    with pytest.raises(KeyError, match="a"):
        cache.pop("a")
    with pytest.raises(TypeError):
        cache.pop("a", 1, 2)
    with pytest.raises(KeyError, match="Cache is empty"):
        cache.popitem()


def test_what_is_too_heavy_takes_the_old_value_along():
    cache = kvd.Cache(maxweight=10, weigher=lambda key, value: value)
    cache.update(a=3, b=4)
    assert cache.set("a", 11) is False and list(cache) == ["b"] and cache.weight == 4 and cache.set("c", 11, weight=1) is True and cache.weight == 5
    with pytest.raises(ValueError, match="too large"):
        cache["d"] = 11
    empty = kvd.Cache(0)
    assert empty.set("a", 1) is False and empty.setdefault("a", 2) == 2 and empty.incr("n") == 1 and len(empty) == 0
    with pytest.raises(ValueError, match="maxsize is 0"):
        empty["a"] = 1


def test_cas_and_incr_keep_deadline_tags_and_weight(clock):
    cache = kvd.Cache(maxweight=10, clock=clock)
    cache.set("n", 1, ttl=50, weight=4, tags=["t"])
    clock.now += 10
    assert cache.incr("n", 5) == 6 and cache.decr("n") == 5 and cache.cas("n", 4, 9) is False and cache.cas("n", 5.0, 9) is True and cache.cas("none", None, 1) is False
    assert (cache["n"], cache.ttl("n"), cache.weight, cache.tags_of("n")) == (9, 40, 4, {"t"}) and cache.incr("new", 2, default=10, ttl=5) == 12 and cache.ttl("new") == 5
    cache["text"] = "x"
    with pytest.raises(TypeError):
        cache.incr("text")
    assert cache["text"] == "x"


def test_deadlines(cache, clock):
    cache.set("a", 1, ttl=10)
    assert cache.ttl("a") == 10 and cache.touch("a", 20) is True and cache.ttl("a") == 20 and cache.touch("a", None) is True and cache.ttl("a") is None
    assert cache.expire_at("a", cache.time() + 3) is True and cache.ttl("a") == 3 and cache.expire_at("none", 5) is False and cache.touch("none") is False
    clock.now += 3
    with pytest.raises(KeyError):
        cache.ttl("a")
    assert cache.expire_at("a", None) is False and len(cache) == 0


def test_expired_entries_can_be_taken(cache, clock):
    cache.set("a", 1, ttl=1)
    cache.set("b", 2, ttl=2)
    cache.set("c", 3)
    clock.now += 2
    assert cache.pop_expired(1) == [("a", 1)] and cache.pop_expired() == [("b", 2)] and cache.pop_expired() == [] and dict(cache) == {"c": 3}


def test_prefixes_and_ranges():
    for ordered in (False, True):
        cache = kvd.Cache(ordered=ordered)
        cache.update(dict.fromkeys(["a", "ab", "abc", "b", "aé"], 0))
        if not ordered:
            cache[5] = 0
            with pytest.raises(TypeError, match="ordered=True"):
                cache.irange("a")
        else:
            assert cache.irange("ab", "b") == ["ab", "abc", "aé", "b"] and cache.irange("ab", "b", (False, False), True) == ["aé", "abc"]
        assert cache.delete_prefix("ab") == 2 and set(cache) == ({"a", "b", "aé"} | (set() if ordered else {5})) and cache.delete_prefix("none") == 0


def test_resizing_evicts(cache):
    cache.update(a=1, b=2, c=3)
    cache.resize(2)
    assert list(cache) == ["b", "c"] and cache.maxsize == 2 and cache.stats().evictions["size"] == 1
    cache.resize(None)
    cache.update(dict.fromkeys(range(100)))
    assert len(cache) == 102 and cache.maxsize is None
    with pytest.raises(TypeError, match="maxweight must be given"):
        cache.resize(maxweight=5)
    with pytest.raises(ValueError, match="maxsize must not be negative"):
        cache.resize(-1)
    assert len(cache) == 102
