"""What compiled caches are known to fall into: Python code in the middle of an operation, cycles, threads, falsy values."""

import gc
import os
import random
import sys
import threading
import time
import weakref

import pytest

import kvd

POLICIES = ["lru", "lfu", "fifo", "tinylfu", "s3fifo", "sieve", "random"]


class Meddler:
    """A key whose __eq__, __hash__ and __del__ use the cache they are keys of."""

    cache: "kvd.Cache | None" = None
    depth = 0

    def __init__(self, n):
        self.n = n

    def meddle(self):
        cls = type(self)
        if cls.cache is None or cls.depth > 2 or random.random() > 0.1:  # more, and lookups never end, as with dict
            return
        cls.depth += 1
        try:
            step = random.randrange(8)
            key = Meddler(random.randrange(30))
            if step == 0:
                cls.cache[key] = key
            elif step == 1:
                cls.cache.pop(key, None)
            elif step == 2:
                cls.cache.get(key)
            elif step == 3 and random.random() < 0.02:
                cls.cache.clear()
            elif step == 4:
                cls.cache.set(key, 1, ttl=random.choice([None, 0.0005, 5]), tags="t")
            elif step == 5:
                cls.cache.invalidate_tag("t")
        finally:
            cls.depth -= 1

    def __hash__(self):
        self.meddle()
        return self.n % 7  # many collisions, so that __eq__ is asked

    def __eq__(self, other):
        self.meddle()
        return isinstance(other, Meddler) and self.n == other.n

    def __del__(self):
        self.meddle()


@pytest.mark.parametrize("policy", POLICIES)
def test_keys_listeners_and_weighers_that_use_the_cache(policy):
    random.seed(policy)

    def weigher(key, value):
        Meddler.cache and Meddler.depth < 1 and Meddler.cache.get(Meddler(1))
        return 1

    def listener(key, value, cause):
        if Meddler.cache is not None and Meddler.depth < 1:
            Meddler.cache.get(key)

    cache = kvd.Cache(20, policy=policy, weigher=weigher, maxweight=15, on_evict=listener)
    Meddler.cache = cache
    try:
        for i in range(3000):
            key = Meddler(random.randrange(30))
            step = i % 6
            if step < 2:
                cache[key] = key
            elif step == 2:
                cache.get(key)
            elif step == 3:
                cache.pop(key, None)
            elif step == 4:
                cache.add(key, None, ttl=0.001)
            else:
                cache.peek(key)
            if i % 100 == 0:
                cache._check()
        assert len(cache) <= 15
    finally:
        Meddler.cache = None
    cache._check()
    cache.clear()
    assert len(cache) == 0 and cache.weight == 0


@pytest.mark.parametrize("listing", [lambda c: list(c.items()), lambda c: list(c.values()), lambda c: c._records()])
def test_a_finalizer_in_the_middle_of_a_listing_may_clear_the_cache(listing):
    class Cyclic:
        def __init__(self):
            self.me = self

        def __del__(self):
            cache.clear()

    cache = kvd.Cache(ttl=50)
    for key in range(3000):
        cache.set(key, [key], tags="t")
    before = gc.get_threshold()
    Cyclic()
    gc.set_threshold(1)
    try:
        listed = listing(cache)
    finally:
        gc.set_threshold(*before)
    assert len(listed) in (0, 3000)  # as it was before the finalizer or after it, never half of it
    cache._check()


class Angry:
    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return 1

    def __eq__(self, other):
        if self.n < 0 or other.n < 0:
            raise ZeroDivisionError
        return self.n == other.n


def test_an_eq_that_raises_leaves_the_cache_whole():
    cache = kvd.Cache(4)
    for n in range(3):
        cache[Angry(n)] = n
    for call in (lambda: cache.get(Angry(-1)), lambda: cache.set(Angry(-1), 1), lambda: cache.pop(Angry(-1)), lambda: Angry(-1) in cache):
        with pytest.raises(ZeroDivisionError):
            call()
    cache._check()
    assert [cache.get(Angry(n)) for n in range(3)] == [0, 1, 2]


def test_a_cache_that_was_never_initialised_is_empty_and_one_is_initialised_once():
    bare = kvd.Cache.__new__(kvd.Cache)
    assert bare.get(1) is None and list(bare) == [] and 1 not in bare and len(bare) == 0
    bare[1] = 2
    assert dict(bare) == {1: 2}
    with pytest.raises(TypeError, match="once"):
        bare.__init__(3, policy="lfu")
    cache = kvd.Cache(2)
    with pytest.raises(TypeError, match="once"):
        cache.__init__(3)


def test_unhashable_keys_are_refused():
    cache = kvd.Cache()
    for call in (lambda: cache.get([]), lambda: cache.set([], 1), lambda: cache[[]], lambda: [] in cache, lambda: cache.delete([])):
        with pytest.raises(TypeError, match="unhashable"):
            call()
    assert len(cache) == 0


def test_a_listener_that_raises_is_reported_and_loses_nothing(monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reported.append(args.exc_value))

    def listener(key, value, cause):
        raise RuntimeError(key, cause)

    cache = kvd.Cache(2, on_evict=listener)
    for i in range(4):
        cache[i] = i
    cache[3] = "new"
    del cache[2]
    assert dict(cache) == {3: "new"}
    assert [e.args for e in reported] == [(0, "size"), (1, "size"), (3, "replaced"), (2, "deleted")]


def test_cycles_through_a_cache_are_collected():
    class Node:
        def method(self, *event):
            pass

    node, key = Node(), Node()
    cache = kvd.Cache(10, on_evict=node.method)
    node.cache, key.cache = cache, cache
    cache["self"] = cache
    cache["node"] = node
    cache.set(key, 1, tags=("t",))
    alive = weakref.ref(node), weakref.ref(key), weakref.ref(cache)
    del node, key, cache
    gc.collect()
    assert [ref() for ref in alive] == [None, None, None]


def test_reference_counts_are_exact():
    key, value, other = "".join(["a", "key"]), object(), object()
    before = [sys.getrefcount(x) for x in (key, value, other)]
    cache = kvd.Cache(3, ttl=50)
    cache[key] = value
    cache.get(key)
    cache.get(key, default=other)
    cache.get("missing", other)
    cache.set(key, other, tags=["t"])
    cache.set(key, value)
    cache.peek(key), cache.get_many([key, "no"]), cache.setdefault(key, other), cache.cas(key, value, other), list(cache.items())
    cache.popitem()
    cache[key] = value
    for i in range(5):
        cache[str(i)] = other
    cache[key] = value
    cache.pop(key)
    cache[key] = value
    assert [sys.getrefcount(x) for x in (key, value)] == [before[0] + 1, before[1] + 1]
    cache.clear()
    assert [sys.getrefcount(x) for x in (key, value, other)] == before
    cache[key] = value
    del cache
    gc.collect()
    assert [sys.getrefcount(x) for x in (key, value, other)] == before


@pytest.mark.parametrize("value", [None, 0, "", False, (), float("nan")])
def test_falsy_values_are_values(value):
    cache, calls = kvd.Cache(10), []
    cache["k"] = value
    assert "k" in cache and cache.get("k", "missing") is value and cache.pop("k", "missing") is value
    assert cache.setdefault("k", value) is value
    for _ in range(3):
        assert cache.get_or_set("l", lambda: calls.append(1) or value) is value
    assert calls == [1]


def test_an_own_ttl_keeps_the_order():
    cache = kvd.Cache(3, clock=lambda: 0.0)
    cache.set("a", 1, ttl=1000)
    cache.set("b", 2, ttl=10)
    cache.set("c", 3)
    cache.get("a")
    cache["d"] = 4
    assert list(cache) == ["c", "a", "d"]


@pytest.mark.parametrize("policy", POLICIES)
def test_threads(policy):
    """Eight threads on one cache, with deadlines, tags, listeners and resizing."""
    heard = []
    cache = kvd.Cache(200, policy=policy, on_evict=lambda *event: heard.append(event[2]))
    errors = []

    def work(seed):
        rng = random.Random(seed)
        try:
            for _ in range(4000):
                key = rng.randrange(400)
                step = rng.random()
                if step < 0.5:
                    assert cache.get(key) in (None, key)
                elif step < 0.8:
                    cache.set(key, key, ttl=rng.choice([None, 0.001, 5]), tags=f"t{key % 3}")
                elif step < 0.9:
                    cache.pop(key, None)
                elif step < 0.99:
                    cache.get_or_set(key, lambda key=key: key)
                else:
                    cache.invalidate_tag("t1")
                    len(cache), list(cache.items())
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
    time.sleep(0.05)
    cache._check()
    assert len(cache) <= 200
    assert sum(cache.stats().evictions.values()) == len(heard)


def test_incr_loses_nothing_among_threads():
    cache = kvd.Cache()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [cache.incr("n") for _ in range(5000)]) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert cache["n"] == 30000


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
@pytest.mark.parametrize("policy", POLICIES)
def test_memory_stays_flat(policy):
    cache = kvd.Cache(1000, policy=policy, ttl=60)

    def churn(n):
        for i in range(n):
            cache[i * 7919 % 50_000] = i
            cache.get(i * 31 % 50_000)
            if i % 5 == 0:
                cache.set(i, None, ttl=0.01 * (1 + i % 7), tags=f"t{i % 100}")
            if i % 11 == 0:
                cache.pop(i, None)

    churn(50_000)
    own, before = cache.nbytes, resident()
    churn(200_000 if os.environ.get("KVDDEV_LONG") is None else 10_000_000)
    assert cache.nbytes < own * 1.6 + 65536
    if "ASAN_OPTIONS" not in os.environ:  # the sanitizer keeps what was freed
        assert resident() - before < 6 << 20


def test_memory_goes_back_when_entries_leave():
    cache = kvd.Cache()
    for i in range(100_000):
        cache.set(i, i, ttl=1000)
    assert cache.nbytes > 5_000_000
    cache.clear()
    assert cache.nbytes < 100_000
    cache._check()
    cache["again"] = 1
    assert dict(cache) == {"again": 1}


def test_memory_goes_back_while_some_entries_stay(clock):
    cache = kvd.Cache(clock=clock)
    for i in range(100_000):
        cache.set(i, i, ttl=None if i % 20_000 == 0 else 10, weight=None)
    whole = cache.nbytes
    clock.now += 10
    assert len(cache) == 5 and cache.nbytes < whole * 0.35  # the cells stay
    cache._check()
    cache.update(dict.fromkeys(range(50_000)))
    cache._check()
    assert len(cache) == 50_002


def test_weak_values():
    class Thing:
        pass

    cache = kvd.Cache(10, weak_values=True)
    thing, other = Thing(), Thing()
    cache["a"], cache["b"] = thing, other
    assert cache["a"] is thing and cache.get("a") is thing and list(cache.values()) == [other, thing]
    del thing
    gc.collect()
    assert "a" not in cache and cache.get("a", 1) == 1 and list(cache.items()) == [("b", other)] and len(cache) == 1
    with pytest.raises(TypeError, match="weak reference"):
        cache["c"] = 5
    cache["b"] = other
    assert cache.pop("b") is other


def test_names_of_causes():
    heard, now = [], [0.0]
    cache = kvd.Cache(2, clock=lambda: now[0], on_evict=lambda *event: heard.append(event))
    cache["a"] = 1
    cache["a"] = 2
    cache["b"] = 3
    cache["c"] = 4
    cache.set("d", 5, ttl=1)
    now[0] = 1
    assert cache.get("d") is None
    cache.set("e", 6, tti=1)
    now[0] = 2
    assert cache.get("e") is None
    del cache["c"]
    cache["f"] = 7
    cache.clear()
    assert heard == [
        ("a", 1, "replaced"), ("a", 2, "size"), ("b", 3, "size"), ("d", 5, "expired"), ("e", 6, "idle"), ("c", 4, "deleted"),
        ("f", 7, "cleared"),
    ]  # fmt: skip
