"""Single flight, staleness, errors, cancellation."""

import asyncio
import threading
import time

import pytest

import kvd


def run_together(n, function):
    """What n threads that start at once got: values, and exceptions."""
    gate, out = threading.Barrier(n), []

    def work():
        gate.wait()
        try:
            out.append(function())
        except BaseException as error:
            out.append(error)

    threads = [threading.Thread(target=work) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def test_a_value_a_factory_and_what_is_there():
    cache = kvd.Cache()
    assert cache.get_or_set("a", 5) == 5 and cache.get_or_set("a", lambda: 6) == 5
    assert cache.get_or_set("b", lambda: 7) == 7 and cache["b"] == 7


def test_one_load_however_many_threads_ask():
    cache, calls = kvd.Cache(), []

    def factory():
        calls.append(1)
        time.sleep(0.05)
        return object()

    out = run_together(20, lambda: cache.get_or_set("k", factory))
    assert len(calls) == 1 and len(set(map(id, out))) == 1
    stats = cache.stats()
    assert (stats.loads, stats.load_failures) == (1, 0) and stats.load_seconds >= 0.05


def test_all_who_wait_get_the_exception_and_it_is_not_kept():
    cache, calls = kvd.Cache(), []

    def factory():
        calls.append(1)
        time.sleep(0.05)
        raise LookupError("no such thing")

    out = run_together(8, lambda: cache.get_or_set("k", factory))
    assert len(calls) == 1 and all(isinstance(e, LookupError) for e in out)
    assert cache.get_or_set("k", 3) == 3 and cache.stats().load_failures == 1


def test_an_interrupted_loader_hands_over():
    cache, calls = kvd.Cache(), []

    def factory():
        calls.append(1)
        if len(calls) == 1:
            time.sleep(0.05)
            raise KeyboardInterrupt
        return "second"

    out = run_together(5, lambda: cache.get_or_set("k", factory))
    assert len(calls) == 2
    assert sorted(map(repr, out)) == ["'second'"] * 4 + ["KeyboardInterrupt()"]


def test_a_load_that_asks_for_itself_is_an_error_not_a_hang():
    cache = kvd.Cache()
    with pytest.raises(RuntimeError, match="asks for"):
        cache.get_or_set("k", lambda: cache.get_or_set("k", 1))
    assert cache.get_or_set("k", 2) == 2
    assert cache.get_or_set("outer", lambda: cache.get_or_set("inner", 1) + 1) == 2


def test_errors_are_kept_for_error_ttl(clock):
    cache, calls = kvd.Cache(clock=clock), []

    def factory():
        calls.append(1)
        raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            cache.get_or_set("k", factory, error_ttl=5)
    assert len(calls) == 1
    assert cache.get("k") is None and "k" not in cache
    clock.now += 5
    with pytest.raises(LookupError):
        cache.get_or_set("k", factory, error_ttl=5)
    assert len(calls) == 2
    assert cache.get_or_set("other", 1, error_ttl=5) == 1


def test_what_is_stored(clock):
    cache = kvd.Cache(clock=clock, ttl=10)
    cache.get_or_set("none", lambda: None, cache_none=False)
    cache.get_or_set("odd", lambda: 3, condition=lambda v: v % 2 == 0)
    cache.get_or_set("even", lambda: 4, condition=lambda v: v % 2 == 0)
    cache.get_or_set("long", lambda: 70, ttl=lambda v: v)
    cache.get_or_set("tagged", 1, tags="t", ttl=None)
    assert set(cache) == {"even", "long", "tagged"}
    assert [cache.ttl(k) for k in ("even", "long", "tagged")] == [10, 70, None] and cache.tags_of("tagged") == {"t"}


def wait_for(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_stale_while_revalidate(clock):
    cache, calls, gate = kvd.Cache(clock=clock), [], threading.Event()

    def factory():
        calls.append(1)
        if len(calls) > 1:
            gate.wait(5)
        return len(calls)

    def ask():
        return cache.get_or_set("k", factory, ttl=10, stale_ttl=5)

    assert ask() == 1
    clock.now += 9.9
    assert ask() == 1 and len(calls) == 1
    clock.now += 1
    assert [ask() for _ in range(10)] == [1] * 10  # stale, and one load is under way
    wait_for(lambda: len(calls) == 2)
    gate.set()
    wait_for(lambda: cache.peek("k") == 2)
    assert ask() == 2 and cache.ttl("k") == pytest.approx(15, abs=0.1)
    clock.now += 16
    assert ask() == 3  # past the stale time nobody gets the old value


def test_refresh_after_keeps_the_value_when_the_load_fails(clock):
    cache, calls = kvd.Cache(clock=clock), []

    def factory():
        calls.append(1)
        if len(calls) > 1:
            raise OSError
        return "old"

    def ask():
        return cache.get_or_set("k", factory, ttl=100, refresh_after=1)

    assert ask() == "old"
    clock.now += 2
    assert ask() == "old"
    wait_for(lambda: cache.stats().load_failures == 1)
    wait_for(lambda: not cache.loading.flights)
    assert ask() == "old" and len(calls) == 2  # not again at once
    clock.now += 2
    assert ask() == "old"
    wait_for(lambda: len(calls) == 3)


def test_early_refresh_is_earlier_the_longer_a_load_took(clock):
    cache = kvd.Cache(clock=clock)
    options = kvd.caching.LoadOptions(ttl=100.0, early=1.0)
    stale = {}
    for seconds in (0.0, 1.0, 20.0):
        at = []
        for i in range(300):
            cache.loading.keep(i, "v", seconds, options)
            step = 100.0
            low = 0.0
            while step > 0.1:  # when does it become stale?
                step /= 2
                clock.now += low + step
                low = low + step if not cache._fetch_fresh(i)[1] else low
                clock.now = 1000.0
            at.append(low)
        stale[seconds] = sum(at) / len(at)
    assert stale[0.0] > 99.5 and 97 < stale[1.0] < 99.7 and 70 < stale[20.0] < 90


def test_jitter_spreads_deadlines(clock):
    cache = kvd.Cache(clock=clock, ttl=100, jitter=0.2)
    for i in range(500):
        cache[i] = i
    ttls = [cache.ttl(i) for i in range(500)]
    assert 80 <= min(ttls) < 83 and 97 < max(ttls) <= 100 and 88 < sum(ttls) / 500 < 92


def test_many_keys_with_one_call():
    cache, calls = kvd.Cache(), []
    cache["a"] = 1

    def loader(keys):
        calls.append(keys)
        return {k: k * 2 for k in keys if k != "gone"}

    assert cache.get_many_or_set(["a", "b", "gone", "c", "b"], loader, ttl=50) == {"a": 1, "b": "bb", "c": "cc"}
    assert calls == [["b", "gone", "c"]] and set(cache) == {"a", "b", "c"}
    assert cache.get_many_or_set(["a", "b"], loader) == {"a": 1, "b": "bb"} and len(calls) == 1
    with pytest.raises(ZeroDivisionError):
        cache.get_many_or_set(["x"], lambda keys: 1 / 0)
    assert not cache.loading.flights and cache.get_or_set("x", 1) == 1


def test_many_keys_do_not_load_what_another_thread_loads():
    cache, calls = kvd.Cache(), []

    def loader(keys):
        calls.extend(keys)
        time.sleep(0.05)
        return {k: -k for k in keys}

    sets = iter([[1, 2, 3], [2, 3, 4], [3, 4, 5]])
    out = run_together(3, lambda: cache.get_many_or_set(next(sets), loader))
    assert sorted(calls) == [1, 2, 3, 4, 5]
    assert sorted(map(sorted, out)) == [[1, 2, 3], [2, 3, 4], [3, 4, 5]]


# ---- tasks ----------------------------------------------------------------------------------------


def test_one_load_among_tasks_threads_and_loops():
    cache, calls = kvd.Cache(), []

    async def factory():
        calls.append(1)
        await asyncio.sleep(0.05)
        return object()

    async def many():
        return await asyncio.gather(*[cache.get_or_set_async("k", factory) for _ in range(10)])

    def slow():
        calls.append(1)
        time.sleep(0.05)
        return object()

    out = run_together(6, lambda: asyncio.run(many()) if threading.get_ident() % 2 else cache.get_or_set("k", slow))
    got = [v for part in out for v in (part if isinstance(part, list) else [part])]
    assert len(calls) == 1 and len(set(map(id, got))) == 1


def test_plain_factories_and_values_for_tasks():
    async def main():
        cache = kvd.Cache()
        assert await cache.get_or_set_async("a", 1) == 1
        assert await cache.get_or_set_async("b", lambda: 2) == 2
        with pytest.raises(LookupError):
            await cache.get_or_set_async("c", failing)
        assert await cache.get_or_set_async("c", 3) == 3

    async def failing():
        raise LookupError

    asyncio.run(main())


def test_a_cancelled_loader_hands_over_and_a_cancelled_waiter_harms_nobody():
    async def main():
        cache, calls = kvd.Cache(), []

        async def factory():
            calls.append(1)
            await asyncio.sleep(0.05)
            return len(calls)

        tasks = [asyncio.create_task(cache.get_or_set_async("k", factory)) for _ in range(5)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        tasks[3].cancel()
        out = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(out[0], asyncio.CancelledError) and isinstance(out[3], asyncio.CancelledError)
        assert [out[i] for i in (1, 2, 4)] == [2, 2, 2] and len(calls) == 2
        assert not cache.loading.flights

    asyncio.run(main())


def test_all_cancelled_leaves_nothing_behind():
    async def main():
        cache = kvd.Cache()
        tasks = [asyncio.create_task(cache.get_or_set_async("k", lambda: asyncio.sleep(10))) for _ in range(3)]
        await asyncio.sleep(0.01)
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not cache.loading.flights and await cache.get_or_set_async("k", 1) == 1

    asyncio.run(main())


def test_a_thread_that_waits_for_a_loop_that_is_closed_takes_over():
    cache = kvd.Cache()
    started = threading.Event()

    async def factory():
        started.set()
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(cache.get_or_set_async("k", factory))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    loop = threading.Thread(target=lambda: asyncio.run(main()))
    loop.start()
    started.wait()
    assert cache.get_or_set("k", "mine") == "mine"
    loop.join()


def test_a_task_that_asks_for_what_it_loads_is_an_error():
    async def main():
        cache = kvd.Cache()

        async def factory():
            return await cache.get_or_set_async("k", 1)

        with pytest.raises(RuntimeError, match="asks for"):
            await cache.get_or_set_async("k", factory)

    asyncio.run(main())


def test_sync_call_in_the_loop_that_loads_does_not_hang():
    async def main():
        cache = kvd.Cache()
        task = asyncio.create_task(cache.get_or_set_async("k", lambda: asyncio.sleep(0.02, "async")))
        await asyncio.sleep(0.005)
        assert cache.get_or_set("k", lambda: "sync") == "sync"
        assert await task == "async"

    asyncio.run(main())


def test_stale_values_are_refreshed_by_a_task(clock):
    async def main():
        cache, calls = kvd.Cache(clock=clock), []

        async def factory():
            calls.append(1)
            await asyncio.sleep(0.01)
            return len(calls)

        def ask():
            return cache.get_or_set_async("k", factory, ttl=10, refresh_after=1)

        assert await ask() == 1
        clock.now += 2
        assert [await ask() for _ in range(5)] == [1] * 5
        await asyncio.sleep(0.05)
        assert await ask() == 2 and len(calls) == 2

    asyncio.run(main())
