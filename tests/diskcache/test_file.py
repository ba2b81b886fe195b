"""A DiskCache in a file: what is there after it was opened again. Skipped where kvd has no store in a file."""

import pytest

import kvd


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "app.kvd"
    try:
        kvd.DiskCache(path).close()
    except kvd.ConfigError as error:
        pytest.skip(str(error))
    return path


@pytest.mark.parametrize("synchronous", ["off", "normal", "full"])
def test_entries_tags_queues_and_order_are_there_after_opening_again(path, synchronous):
    with kvd.DiskCache(path, synchronous=synchronous) as cache:
        cache.set("b", {"x": (1, None)}, expire=1000, tag="t")
        cache["a"] = 1
        cache.push("item", prefix="q")
        with cache.transact():
            cache.incr("n")
            cache.set("c", 2, tag="t")
        expires = cache.get("b", expire_time=True)
    with kvd.DiskCache(path, synchronous=synchronous) as cache:
        assert list(cache) == ["b", "a", "q-500000000000000", "n", "c"]
        assert cache["b"] == {"x": (1, None)} and cache.get("b", expire_time=True) == expires
        assert cache.check() == [] and sorted(cache.tagged("t")) == ["b", "c"]
        assert cache.pull(prefix="q")[1] == "item" and cache.push("next", prefix="q") == "q-500000000000000"
        cache["d"] = 1
        assert list(cache)[-1] == "d" and cache.evict("t") == 2
    with kvd.DiskCache(path, size_limit=10**7) as cache:
        assert list(cache) == ["a", "n", "q-500000000000000", "d"] and cache.size_limit == 10**7


def test_a_second_cache_on_the_file_is_refused(path):
    with kvd.DiskCache(path) as cache:
        cache["a"] = 1
        with pytest.raises(kvd.KvdError):
            kvd.DiskCache(path)
        assert cache["a"] == 1
