"""Opening, settings, the size limit and transactions."""

import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import kvd


def test_arguments_are_checked():
    store = kvd.Store()
    for wrong in (
        {"path": "x", "store": store},
        {"store": kvd.Store(decode_responses=True)},
        {"store": kvd.Store(databases=1)},
        {"store": store, "synchronous": "full"},
        {"size_limit": 0},
        {"size_limit": -5},
        {"size_limit": "1gb"},
        {"eviction": "fifo"},
        {"synchronous": "always"},
        {"codec": "yaml"},
        {"key": b"short"},
    ):
        with pytest.raises(ValueError):
            kvd.DiskCache(**wrong)
    with pytest.raises(TypeError):
        kvd.DiskCache(codec=5)


def test_close_leaves_a_given_store_open():
    store = kvd.Store()
    with kvd.DiskCache(store=store) as cache:
        cache["a"] = 1
    assert not store.closed and kvd.DiskCache(store=store)["a"] == 1


def test_a_cache_cannot_be_pickled(cache):
    with pytest.raises(TypeError, match="belongs to one process"):
        pickle.dumps(cache)


def test_settings_can_be_read_and_changed(cache):
    assert (cache.size_limit, cache.eviction_policy, cache.tag_index, cache.statistics) == (None, "lru", True, False)
    assert cache.reset("size_limit", 10**6) == 10**6 and cache.size_limit == 10**6
    assert cache.reset("eviction_policy", "lfu") == "lfu" and cache.eviction_policy == "lfu"
    assert cache.reset("statistics", 1) == 1 and cache.statistics is True
    for setting, value in (("cull_limit", 5), ("size_limit", -1), ("eviction_policy", "x")):
        with pytest.raises(ValueError):
            cache.reset(setting, value)


def test_hits_and_misses_are_counted_when_asked(cache):
    cache["a"] = 1
    cache["a"], cache.get("b")
    assert cache.stats() == (0, 0)
    cache["a"], cache.get("b"), cache.get("a", tag=True), cache.get("c", expire_time=True)
    assert cache.stats(reset=True) == (2, 2) and cache.stats(enable=False) == (0, 0)
    cache["a"]
    assert cache.stats(enable=False) == (0, 0)


LIMIT = 300_000
ONE = 1000  # bytes by which the last write may exceed the limit


@pytest.mark.parametrize("eviction, kept", [("lru", True), ("least-recently-used", True), ("lfu", True), ("least-frequently-used", True), ("least-recently-stored", False), ("ttl", None), ("random", None)])
def test_entries_leave_at_the_limit(eviction, kept):
    cache = kvd.DiskCache(size_limit=LIMIT, eviction=eviction)
    cache.store.clock.freeze()  # idle times are in seconds
    for n in range(5000):
        cache.set(n, "x" * 100, expire=10**6 if n % 7 == 0 else None)
        cache.get(0)
        cache.store.clock.advance(1)
    assert cache.volume() <= LIMIT + ONE and len(cache) < 2500 and 4999 in cache or eviction in ("ttl", "random")
    if kept is not None:
        assert (0 in cache) is kept
    if eviction == "ttl":
        assert not any(n % 7 == 0 for n in cache)


def test_without_eviction_the_limit_is_not_enforced():
    cache = kvd.DiskCache(size_limit=50_000, eviction="none")
    for n in range(1000):
        cache[n] = "x" * 100
    assert len(cache) == 1000 and cache.cull() == 0


def test_a_limit_that_comes_later_evicts_what_was_stored_without():
    store = kvd.Store()
    cache = kvd.DiskCache(store=store)
    for n in range(5000):
        cache.set(n, "x" * 100, tag="t" if n == 7 else None)
    cache.set("short", 1, expire=1000)
    expires = cache.get("short", expire_time=True)
    again = kvd.DiskCache(store=store, size_limit=LIMIT)
    assert again.volume() <= LIMIT and 0 < len(again) < 2500
    for n in range(5000, 10_000):
        again[n] = "x" * 100
    assert again.volume() <= LIMIT + ONE
    assert "short" not in again or again.get("short", expire_time=True) == expires
    assert again.reset("size_limit", LIMIT // 2) and again.volume() <= LIMIT // 2


def test_entries_that_do_not_expire_say_so_with_a_limit_too():
    cache = kvd.DiskCache(size_limit=10**6)
    cache["a"] = 1
    cache.set("b", 1, expire=60)
    assert cache.get("a", expire_time=True) == (1, None) and cache.touch("b") and cache.get("b", expire_time=True) == (1, None)
    assert cache.expire(now=cache.store.clock.now + 10**9) == 0
    cache.incr("a")
    assert cache.get("a", expire_time=True) == (2, None)


def test_a_value_that_is_too_large_is_refused_and_nothing_changes():
    cache = kvd.DiskCache(size_limit=100_000)
    cache.set("a", 1, tag="t")
    with pytest.raises(kvd.OutOfMemoryError), cache.transact():
        for n in range(3000):
            cache[n] = "x" * 100
        cache["a"] = 2
    assert cache.get("a", 1) == 1 and len(cache) <= 1


# -- transactions


def test_writes_of_a_transaction_take_effect_together(cache):
    cache.set("a", 1, tag="t")
    seen = []

    def look():
        seen.append((cache.get("a"), "b" in cache, len(cache), list(cache), cache.get("a", tag=True)))

    with cache.transact():
        cache.set("a", 2, tag="u")
        cache["b"] = 1
        del cache["b"]
        cache["b"] = 2
        assert cache["a"] == 2 and "b" in cache and len(cache) == 2 and list(cache) == ["a", "b"]
        assert cache.incr("n") == 1 and cache.incr("n") == 2 and cache.pop("n") == 2
        assert cache.add("b", 5) is False and cache.peekitem() == ("b", 2)
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert seen == [(1, False, 1, ["a"], (1, "t"))]
    assert cache["a"] == 2 and cache["b"] == 2 and "n" not in cache and cache.evict("t") == 0 and cache.evict("u") == 1


def test_an_exception_discards_all_writes(cache):
    cache.set("a", 1, tag="t")
    with pytest.raises(ZeroDivisionError), cache.transact():
        cache["a"] = 2
        with cache.transact():
            cache["b"] = 3
        assert cache.evict("t") == 0 and cache.clear() == 2 and len(cache) == 0 and list(cache) == []
        cache["c"] = 1
        1 / 0  # noqa: B018
    assert list(cache) == ["a"] and cache["a"] == 1 and cache.evict("t") == 1


def test_a_commit_that_is_refused_leaves_everything(cache, broken):
    cache.set("a", 1, tag="t")
    broken()
    with pytest.raises(kvd.OutOfMemoryError), cache.transact():
        cache["a"] = 2
        cache["b"] = 2
    assert list(cache) == ["a"] and cache["a"] == 1
    cache["b"] = 3
    assert cache["b"] == 3


def test_clear_and_evict_inside_a_transaction(cache):
    for n in range(5):
        cache.set(n, n, tag="t")
    with cache.transact():
        cache.set(9, 9, tag="t")
        del cache[0]
        assert cache.evict("t") == 5
        cache.set(10, 10, tag="t")
    assert list(cache) == [10] and cache.tagged("t") == [10]
    with cache.transact():
        assert cache.clear() == 1
        cache.set("new", 1, tag="t")
    assert list(cache) == ["new"] and cache.evict("t") == 1


def test_expiry_and_touch_inside_a_transaction(cache, clock):
    cache.set("a", 1, expire=5, tag="t")
    with cache.transact():
        cache.incr("a")
        assert cache.get("a", expire_time=True) == (2, pytest.approx(clock.now + 5, abs=0.002))
        cache["b"] = 1
        assert cache.touch("b", 3) and cache.touch("no", 3) is False and cache.touch("a", 0) and "a" not in cache
        cache.set("c", 1, expire=1)
        clock.advance(1)
        assert "c" not in cache and cache.get("b", expire_time=True) == (1, pytest.approx(clock.now + 2, abs=0.002))
    assert list(cache) == ["b"]
    clock.advance(2)
    assert "b" not in cache


@pytest.mark.parametrize("what", ["close", "cull", "expire", "check"])
def test_what_is_not_possible_in_a_transaction_says_so(cache, what):
    with cache.transact(), pytest.raises(RuntimeError, match="inside a transaction"):
        getattr(cache, what)()


def test_threads_count_without_loss(cache):
    def work(n):
        for _ in range(200):
            with cache.transact():
                cache["x"] = cache.get("x", 0) + 1
            cache.incr("y")
            cache.push(n)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert cache["x"] == 800 and cache["y"] == 800
    assert sum(1 for _ in iter(lambda: cache.pull(), (None, None))) == 800


def test_readers_never_see_half_a_transaction(cache):
    cache["a"] = cache["b"] = 0
    stop = threading.Event()
    wrong = []

    def write():
        for n in range(1, 300):
            with cache.transact():
                cache["a"] = n
                cache["b"] = n
        stop.set()

    def read():
        while not stop.is_set():
            b = cache["b"]
            a = cache["a"]  # read later, so never older
            if a < b:
                wrong.append((a, b))

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore")
def test_a_child_process_does_not_wait_for_threads_of_its_parent(cache):
    cache["a"] = 1
    inside, leave = threading.Event(), threading.Event()

    def block():
        with cache.transact():
            cache["a"] = 2
            cache._space.writer.execute("MULTI")
            inside.set()
            leave.wait(20)
            cache._space.writer.execute("DISCARD")

    thread = threading.Thread(target=block)
    thread.start()
    inside.wait(20)
    child = os.fork()
    if not child:
        try:
            cache.set("b", 1, tag="t")
            os._exit(0 if cache["a"] == 1 and cache.evict("t") == 1 else 1)
        finally:
            os._exit(2)
    leave.set()
    thread.join(20)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and cache["a"] == 2
