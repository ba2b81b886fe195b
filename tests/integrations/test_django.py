"""The backend for Django, beside Django's own."""

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
        caches["disk"] = {"BACKEND": "kvd.integrations.django.DiskCacheBackend", "LOCATION": "", "OPTIONS": {"size_limit": 10**7}}
        caches["disk-bad"] = {"BACKEND": "kvd.integrations.django.DiskCacheBackend", "OPTIONS": {"MAX_ENTRIES": 5}}
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


def test_the_disk_backend(django):
    cache = django["disk"]
    cache.clear()
    cache.set("key", {"a": (1, None)}, tag="t")
    assert cache.get("key") == {"a": (1, None)} and cache.get("no", "d") == "d" and "key" in cache
    assert cache.get("key", version=2) is None
    assert cache.add("key", 2) is False and cache.add("new", None, tag="t") is True and cache.get("new", "d") is None
    assert cache.get_or_set("made", lambda: 5) == 5 and cache.incr("made") == 6 and cache.decr("made", 2) == 4
    with pytest.raises(ValueError):
        cache.incr("missing")
    assert cache.set_many({"a": 1, "b": 2}) == [] and cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert cache.delete("a") is True and cache.delete("a") is False and not cache.has_key("a") and cache.pop("b") == 2
    cache.set("gone", 1, timeout=0)
    assert cache.get("gone") is None and cache.touch("key", 100) is True and cache.touch("no") is False
    with pytest.raises(TypeError, match="register"):
        cache.set("x", object())
    assert cache.evict("t") == 2 and cache.get("key") is None
    cache.close()
    assert cache.get("made") == 4
    assert asyncio.run(cache.aget("made")) == 4


def test_the_disk_backend_refuses_limits_of_other_backends(django):
    from django.core.exceptions import ImproperlyConfigured

    with pytest.raises(ImproperlyConfigured, match="size_limit"):
        django["disk-bad"]
