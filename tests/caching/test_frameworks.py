"""The backends for Django, Flask-Caching and aiocache, in those frameworks."""

import asyncio
import time

import pytest


@pytest.fixture(scope="module")
def django():
    import django as package
    from django.conf import settings

    if not settings.configured:
        theirs = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        mine = {"BACKEND": "kvd.integrations.django.KvdCache"}
        caches = {}
        for name, base in (("locmem", theirs), ("kvd", mine)):
            caches[name] = base | {"LOCATION": name}
            caches[f"{name}-prefix"] = base | {"LOCATION": name, "KEY_PREFIX": "p", "VERSION": 2}
            caches[f"{name}-cull"] = base | {"LOCATION": f"{name}-cull", "OPTIONS": {"MAX_ENTRIES": 30}}
            caches[f"{name}-zero"] = base | {"LOCATION": f"{name}-zero", "OPTIONS": {"MAX_ENTRIES": 30, "CULL_FREQUENCY": 0}}
            caches[f"{name}-short"] = base | {"LOCATION": f"{name}-short", "TIMEOUT": 0.05}
        caches["default"] = mine
        settings.configure(CACHES=caches, USE_TZ=True)
        package.setup()
    from django.core.cache import caches as all_caches

    return all_caches


@pytest.fixture(params=["locmem", "kvd"])
def backend(request, django):
    """The same tests on Django's own backend and on ours: what they expect is what Django does."""
    for suffix in ("", "-cull", "-zero", "-short"):
        django[request.param + suffix].clear()
    return lambda suffix="": django[request.param + suffix]


class Unpicklable:
    def __getstate__(self):
        raise TypeError("no")


@pytest.mark.filterwarnings("ignore")
def test_django(backend):
    cache = backend()
    cache.set("key", "value")
    assert cache.get("key") == "value" and cache.get("no") is None and cache.get("no", "d") == "d" and "key" in cache
    assert cache.add("key", 2) is False and cache.add("new", 2) is True and cache.get("new") == 2
    assert cache.delete("new") is True and cache.delete("new") is False and not cache.has_key("new")
    cache.set("none", None)
    assert cache.get("none", "d") is None and cache.get_or_set("none", "x") is None and cache.get_or_set("made", lambda: 5) == 5
    cache.set("n", 41)
    assert cache.incr("n") == 42 and cache.incr("n", 8) == 50 and cache.decr("n", 49) == 1
    with pytest.raises(ValueError):
        cache.incr("missing")
    assert cache.set_many({"a": 1, "b": 2}) == [] and cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    cache.delete_many(["a", "b"])
    assert cache.get_many(["a", "b"]) == {}
    mutable = {"x": [1]}
    cache.set("mutable", mutable)
    mutable["x"].append(2)
    assert cache.get("mutable") == {"x": [1]} and cache.get("mutable") is not cache.get("mutable")
    with pytest.raises(TypeError):
        cache.set("bad", Unpicklable())
    cache.set("key:with spaces é", "ü" * 10)
    assert cache.get("key:with spaces é") == "ü" * 10
    cache.clear()
    assert cache.get("key") is None


def test_django_time(backend):
    cache = backend()
    cache.set("short", 1, 0.5)
    cache.set("never", 1, None)
    cache.set("zero", 1, 0)
    cache.set("negative", 1, -5)
    assert cache.get("zero") is None and cache.get("negative") is None and cache.get("short") == 1
    assert cache.touch("short", 100) is True and cache.touch("missing") is False
    cache.add("added", 1, 0.05)
    backend("-short").set("k", 1)
    time.sleep(0.6)
    assert cache.get("short") == 1 and cache.get("never") == 1 and cache.get("added") is None and backend("-short").get("k") is None
    assert cache.touch("short", 0) is True and cache.get("short") is None
    assert cache.touch("never", None) and cache.get("never") == 1


def test_django_versions_and_prefixes(backend):
    cache, other = backend(), backend("-prefix")
    cache.set("k", 1)
    cache.set("k", 2, version=2)
    assert (cache.get("k"), cache.get("k", version=1), cache.get("k", version=2)) == (1, 1, 2)
    assert cache.incr_version("k") == 2 and cache.get("k") is None and cache.get("k", version=2) == 1
    assert cache.decr_version("k", version=2) == 1 and cache.get("k") == 1
    other.set("k", 9)
    assert cache.get("k") == 1 and other.get("k") == 9
    with pytest.raises(ValueError):
        cache.incr_version("missing")


@pytest.mark.parametrize(("suffix", "left"), [("-cull", 29), ("-zero", 19)])
def test_django_culling(backend, suffix, left):
    cache = backend(suffix)
    for i in range(1, 50):
        cache.set(f"cull{i}", "value", 1000)
    assert sum(cache.has_key(f"cull{i}") for i in range(1, 50)) == left


def test_django_asynchronously(backend):
    async def main():
        cache = backend()
        await cache.aset("k", 1)
        assert await cache.aget("k") == 1 and await cache.aincr("k") == 2 and await cache.ahas_key("k") and await cache.adelete("k")
        assert await cache.aget_or_set("k", 3) == 3

    asyncio.run(main())


def test_flask():
    from flask import Flask
    from flask_caching import Cache

    app = Flask("test")
    cache = Cache(app, config={"CACHE_TYPE": "kvd.integrations.flask_caching.KvdCache", "CACHE_DEFAULT_TIMEOUT": 100, "CACHE_THRESHOLD": 3,
                               "CACHE_OPTIONS": {"policy": "sieve"}})  # fmt: skip
    calls = []

    @app.route("/")
    @cache.cached(timeout=50)
    def index():
        calls.append(1)
        return str(len(calls))

    @cache.memoize(50)
    def f(x):
        calls.append(x)
        return x

    with app.app_context():
        client = app.test_client()
        assert client.get("/").data == client.get("/").data == b"1"
        f(1), f(1)
        assert calls == [1, 1]
        cache.delete_memoized(f)
        f(1)
        assert calls == [1, 1, 1]
        cache.clear()
        assert cache.set("a", 1) and not cache.add("a", 2) and cache.has("a") and cache.get_many("a", "b") == [1, None]
        assert cache.set("short", 1, timeout=0.02) and cache.cache.inc("n") == 1 and cache.cache.dec("n") == 0
        time.sleep(0.04)
        assert cache.get("short") is None and cache.delete("a") and cache.get("a") is None
        cache.set_many({str(i): i for i in range(10)})
        assert len(cache.cache._kvd) == 3 and cache.cache._kvd.policy == "sieve"


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
