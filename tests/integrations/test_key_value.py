"""The store for py-key-value-aio."""

import asyncio

import pytest

import kvd

pytest.importorskip("key_value.aio")

from kvd.integrations.key_value import DiskCacheStore  # noqa: E402


def test_values_collections_and_expiry():
    async def use():
        async with DiskCacheStore() as store:
            clock = store.cache.store.clock
            await store.put("a", {"n": 1, "l": [1, None]}, collection="x", ttl=1000)
            await store.put_many(["b", "c"], [{"n": 2}, {"n": 3}], collection="x")
            await store.put("a", {"n": 4}, collection="y::z")
            await store.put("d", {"n": 5})
            assert await store.get("a", collection="x") == {"n": 1, "l": [1, None]} and await store.get("a") is None
            assert await store.get_many(["b", "no"], collection="x") == [{"n": 2}, None]
            value, ttl = await store.ttl("a", collection="x")
            assert value == {"n": 1, "l": [1, None]} and 900 < ttl <= 1000
            assert (await store.ttl("b", collection="x"))[1] is None
            assert sorted(await store.keys("x")) == ["a", "b", "c"] and len(await store.keys("x", limit=2)) == 2
            assert sorted(await store.collections()) == ["default_collection", "x", "y::z"]
            assert await store.delete("b", collection="x") is True and await store.delete("b", collection="x") is False
            clock.advance(1001)
            assert await store.get("a", collection="x") is None and await store.keys("x") == ["c"]
            assert await store.destroy_collection("x") is True and await store.collections() != [] and await store.keys("x") == []
            await store.cull()
            assert await store.destroy() is True and await store.collections() == []
        assert store.cache.store.closed

    asyncio.run(use())


def test_a_given_cache_stays_open():
    async def use():
        cache = kvd.DiskCache()
        async with DiskCacheStore(cache=cache, default_collection="c") as store:
            await store.put("k", {"v": 1})
        assert cache.tagged("c") == [("c", "k")] and not cache.store.closed

    asyncio.run(use())
    with pytest.raises(ValueError):
        DiskCacheStore("x", cache=kvd.DiskCache())
    with pytest.raises(ValueError, match="tag index"):
        DiskCacheStore(cache=kvd.DiskCache(tag_index=False))
