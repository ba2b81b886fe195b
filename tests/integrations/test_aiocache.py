"""The backend for aiocache, in that framework."""

import asyncio

import pytest


def test_aiocache():
    from aiocache import SimpleMemoryCache, cached
    from aiocache.lock import OptimisticLock, RedLock

    from kvd.integrations.aiocache import KvdCache

    async def use(cache):
        await cache.clear()
        out = [await cache.set("k", 1), await cache.get("k"), await cache.get("no", default=5), await cache.exists("k")]
        out += [await cache.increment("n", 2), await cache.increment("n"), await cache.multi_set([("a", 1), ("b", 2)])]
        out += [await cache.multi_get(["a", "b", "c"]), await cache.delete("a"), await cache.delete("a"), await cache.expire("b", 10)]
        await cache.set("short", 1, ttl=0.02)
        await asyncio.sleep(0.05)
        out.append(await cache.get("short"))
        for wrong, error in ((cache.add("k", 2), ValueError), (cache.increment("text"), TypeError)):
            await cache.set("text", "x")
            with pytest.raises(error):
                await wrong
        async with RedLock(cache, "lock", 1):
            out.append(await cache.exists("lock-lock"))
        async with OptimisticLock(cache, "k") as lock:
            out.append(await lock.cas(9))
        out.append(await cache.get("k"))
        return out

    async def main():
        assert await use(KvdCache(namespace="n")) == await use(SimpleMemoryCache(namespace="n"))
        calls = []

        @cached(cache=KvdCache, ttl=10)
        async def f(x):
            calls.append(x)
            return x

        assert [await f(1), await f(1)] == [1, 1] and calls == [1]

    asyncio.run(main())
