"""Tags: what evict removes, and that the index does not grow."""

import pytest

import kvd


def test_evict_removes_the_entries_of_a_tag(cache):
    for n in range(2500):
        cache.set(n, n, tag=n % 2)
    cache["other"] = 1
    assert cache.evict(1) == 1250 and len(cache) == 1251 and cache.evict(1) == 0
    assert sorted(cache.tagged(0)) == list(range(0, 2500, 2)) and cache.tags() == [0]
    assert cache.evict(None) == 0 and cache.evict("1") == 0 and cache.evict(0) == 1250 and list(cache) == ["other"]


@pytest.mark.parametrize("index", [True, False])
def test_an_entry_has_the_tag_of_its_last_storing(index):
    cache = kvd.DiskCache(tag_index=index)
    for key, tags in {"a": "tu", "b": "ut", "c": ["t", None], "d": "tt"}.items():
        for tag in tags:
            cache.set(key, tag, tag=tag)
    cache.set("e", 1, tag="t")
    cache.delete("e")
    cache["e"] = 1
    assert cache.evict("t") == 2 and sorted(cache) == ["a", "c", "e"] and cache.evict("u") == 1


def test_tags_of_different_types_are_different(cache):
    for tag in (1, 1.0, "1", b"1", ("x", 1)):
        cache.set(repr(tag), 1, tag=tag)
    assert cache.evict(1) == 1 and cache.evict(("x", 1)) == 1 and len(cache) == 3


def test_expired_entries_are_not_counted(cache, clock):
    cache.set("a", 1, expire=1, tag="t")
    cache.set("b", 1, tag="t")
    clock.advance(1)
    assert cache.tagged("t") == ["b"] and cache.evict("t") == 1


def test_the_index_of_keys_that_come_and_go_stays_small(cache, clock):
    for n in range(5000):
        cache.set(n, n, expire=1, tag="t")
        clock.advance(0.1)
    assert cache._space.index.execute("SCARD", b"tSt") < 100


def test_the_index_survives_eviction():
    cache = kvd.DiskCache(size_limit=400_000)
    for n in range(10_000):
        cache.set(n, "x" * 100, tag=n % 3)
    left = len(cache)
    assert left < 5000
    assert sorted(cache.tagged(1)) == sorted(n for n in cache if n % 3 == 1)
    assert sum(cache.evict(tag) for tag in range(3)) <= left and len(cache) == 0  # commands take memory too, so some more left


def test_the_index_can_be_dropped_and_made_anew(cache):
    for n in range(10):
        cache.set(n, n, tag="t")
    cache.drop_tag_index()
    assert cache._space.index.execute("EXISTS", b"tSt") == 0
    cache.set(10, 1, tag="t")
    with pytest.raises(RuntimeError, match="index"):
        cache.tagged("t")
    with pytest.raises(RuntimeError, match="index"):
        cache.tags()
    cache.create_tag_index()
    assert sorted(cache.tagged("t")) == list(range(11)) and cache.check() == []


def test_a_cache_opened_with_its_index_finds_what_was_stored_without():
    store = kvd.Store()
    kvd.DiskCache(store=store, tag_index=False).set("a", 1, tag="t")
    assert kvd.DiskCache(store=store).evict("t") == 1
