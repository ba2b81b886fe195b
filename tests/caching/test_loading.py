"""Single flight, staleness, errors, cancellation."""

import asyncio
import gc
import threading
import time
import traceback
import weakref
from datetime import timedelta
from typing import Any

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


def waiting(cache):
    """How many threads and tasks wait for loads."""
    return sum(len(f.callbacks) for f in list(cache.loading.flights.values()))


def test_a_value_a_factory_and_what_is_there():
    cache = kvd.Cache()
    assert cache.get_or_set("a", 5) == 5 and cache.get_or_set("a", lambda: 6) == 5
    assert cache.get_or_set("b", lambda: 7) == 7 and cache["b"] == 7


def test_one_load_however_many_threads_ask():
    cache, calls = kvd.Cache(), []

    def factory():
        calls.append(1)
        wait_for(lambda: waiting(cache) == 19)
        return object()

    out = run_together(20, lambda: cache.get_or_set("k", factory))
    assert len(calls) == 1 and len(set(map(id, out))) == 1
    stats = cache.stats()
    assert (stats.loads, stats.load_failures) == (1, 0) and stats.load_seconds > 0


def test_all_who_wait_get_the_exception_and_it_is_not_kept():
    cache, calls = kvd.Cache(), []

    def factory():
        calls.append(1)
        wait_for(lambda: waiting(cache) == 7)
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
    end = time.monotonic() + 30
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


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_keys_of_an_interrupted_loader_are_loaded_with_one_call_and_stored(interrupt):
    cache, calls, begun = kvd.Cache(), [], threading.Event()

    def interrupted(keys):
        begun.set()
        wait_for(lambda: waiting(cache))
        raise interrupt

    def loader(keys):
        calls.append(sorted(keys))
        return {k: -k for k in keys}

    def first():
        with pytest.raises(interrupt):
            cache.get_many_or_set([1, 2, 3], interrupted)

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait(5)
    assert cache.get_many_or_set([1, 2, 3, 4], loader) == {1: -1, 2: -2, 3: -3, 4: -4}
    thread.join()
    assert calls == [[4], [1, 2, 3]] and dict(cache) == {1: -1, 2: -2, 3: -3, 4: -4}
    assert not cache.loading.flights


def test_errors_of_many_keys_are_remembered_too(clock):
    cache, calls = kvd.Cache(clock=clock), []

    def loader(keys):
        calls.append(keys)
        raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            cache.get_many_or_set(["a", "b"], loader, error_ttl=5)
    assert calls == [["a", "b"]]


# ---- errors that are remembered -------------------------------------------------------------------


def test_remembered_errors_do_not_grow_and_keep_no_frame_alive():
    class Local:
        pass

    cache, locals_seen = kvd.Cache(), []

    def ask():
        local = Local()
        locals_seen.append(weakref.ref(local))
        cache.get_or_set("k", lambda: 1 / 0, error_ttl=1000)

    lengths = set()
    for _ in range(50):
        try:
            ask()
        except ZeroDivisionError as error:
            lengths.add(len(traceback.extract_tb(error.__traceback__)))
    assert len(lengths) == 2  # of the call, and of every repetition
    gc.collect()
    assert all(ref() is None for ref in locals_seen)


def test_frames_of_a_loader_that_raised_are_freed_without_the_collector():
    class Local:
        pass

    cache, seen = kvd.Cache(), []

    def loader():
        local = Local()
        seen.append(weakref.ref(local))
        raise LookupError

    gc.disable()
    try:
        for _ in range(2):
            with pytest.raises(LookupError):
                cache.get_or_set("k", loader)
            assert seen[-1]() is None
    finally:
        gc.enable()


class Peculiar(Exception):
    def __init__(self, code, *, detail):
        super().__init__(f"code {code}")
        self.code, self.detail = code, detail


def raised(error):
    def loader():
        try:
            raise KeyError("the cause")
        except KeyError as cause:
            raise error from cause

    return loader


@pytest.mark.parametrize(
    "error",
    [ValueError("x", 1), Peculiar(7, detail="d"), OSError(2, "no", "file"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
     ImportError("no", name="n", path="p"), StopIteration(5), RuntimeError()],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
def test_a_remembered_error_is_like_the_first(error):
    cache, caught = kvd.Cache(), []
    for _ in range(3):
        try:
            cache.get_or_set("k", raised(error), error_ttl=100)
        except Exception as e:
            caught.append(e)
    first, again = caught[0], caught[2]
    assert again is not first and caught[1] is not again
    assert type(again) is type(first) and again.args == first.args and str(again) == str(first) and vars(again) == vars(first)
    assert [getattr(again, n, None) for n in ("errno", "filename", "name", "path", "value", "start")] == [
        getattr(first, n, None) for n in ("errno", "filename", "name", "path", "value", "start")
    ]
    assert isinstance(again.__cause__, KeyError) and again.__cause__.args == ("the cause",)


def test_clearing_and_tags_forget_errors(clock):
    cache, calls = kvd.Cache(clock=clock), []

    def factory():
        calls.append(1)
        raise LookupError

    def ask():
        with pytest.raises(LookupError):
            cache.get_or_set("k", factory, error_ttl=50, tags="t")

    ask(), ask()
    assert len(calls) == 1
    cache.clear()
    ask(), ask()
    assert len(calls) == 2
    cache.invalidate_tag("t")
    ask()
    assert len(calls) == 3
    held = cache.loading.errors
    clock.now += 50
    assert len(held) == 0


def test_remembered_errors_leave_memory_when_they_expire():
    cache = kvd.Cache()
    with pytest.raises(ZeroDivisionError):
        cache.get_or_set("k", lambda: 1 / 0, error_ttl=0.01)
    wait_for(lambda: cache.loading.errors._figures()[3]["expired"] == 1)


# ---- arguments ------------------------------------------------------------------------------------


def test_times_may_be_timedeltas(clock):
    cache = kvd.Cache(clock=clock, ttl=timedelta(minutes=1), tti=timedelta(hours=1))
    cache["a"] = 1
    cache.set("b", 1, timedelta(seconds=5))
    cache.add("c", 1, ttl=timedelta(milliseconds=1500), tti=timedelta(days=1))
    cache.get_or_set("d", 1, timedelta(seconds=7))
    cache.get_or_set("e", 1, lambda v: timedelta(seconds=8))
    cache.get_or_set("f", 1, refresh_after=timedelta(seconds=2), stale_ttl=timedelta(seconds=30))
    cache.set_many({"g": 1}, timedelta(seconds=9))
    cache.incr("h", ttl=timedelta(seconds=10))
    cache.touch("a", timedelta(seconds=4))
    assert [cache.ttl(k) for k in "abcdefgh"] == [4, 5, 1.5, 7, 8, 90, 9, 10]
    assert "ttl=datetime.timedelta(seconds=60)" in repr(cache) and cache.copy().ttl("b") == 5

    @kvd.cached(ttl=timedelta(seconds=3), clock=clock)
    def f(x):
        return x

    f(1)
    assert f.plan.cache.ttl(f.cache_key(1)) == 3
    with pytest.raises(ZeroDivisionError):
        cache.get_or_set("z", lambda: 1 / 0, error_ttl=timedelta(seconds=1))
    assert cache.loading.errors.ttl("z") == 1
    assert kvd.RateLimiter(1, timedelta(seconds=2), clock=clock).allow("x")
    assert kvd.throttle(timedelta(seconds=2), clock=clock)(lambda: 1)() == 1


Cache: Any = kvd.Cache  # without key and value types

USES = {
    "ttl": [lambda v: Cache(ttl=v), lambda v: Cache().set("k", 1, v), lambda v: Cache().add("k", 1, ttl=v),
            lambda v: Cache().replace("k", 1, ttl=v), lambda v: Cache().set_many({"k": 1}, v), lambda v: Cache().touch("k", v),
            lambda v: Cache().incr("k", ttl=v), lambda v: Cache().get_or_set("k", 1, v), lambda v: kvd.cached(ttl=v)(len),
            lambda v: Cache().get_many_or_set(["k"], dict.fromkeys, v), lambda v: kvd.cached(cache=Cache(), ttl=v)(len)],
    "tti": [lambda v: Cache(tti=v), lambda v: Cache().set("k", 1, tti=v), lambda v: Cache().get_or_set("k", 1, tti=v)],
}  # fmt: skip


@pytest.mark.parametrize(("name", "use"), [(name, use) for name, uses in USES.items() for use in uses])
def test_a_time_that_is_none_is_an_error_that_names_the_argument(name, use):
    for value in (0, -1, 0.0, timedelta(0), timedelta(seconds=-1), float("-inf"), -(10**400)):
        with pytest.raises(ValueError, match=f"^{name} must be positive, got "):
            use(value)
    with pytest.raises(ValueError, match=f"^{name} must be a number, got nan"):
        use(float("nan"))
    for value in ("5", [1], object()):
        with pytest.raises(TypeError, match=f"^{name} must be a number of seconds, a timedelta or None, not "):
            use(value)


@pytest.mark.parametrize("value", [float("inf"), 1e300, 10**400, timedelta.max])
def test_a_time_beyond_all_clocks_is_for_ever(value):
    cache = kvd.Cache()
    cache.set("k", 1, value)
    assert cache.ttl("k") is None


def test_the_shortest_time_is_a_microsecond(clock):
    cache = kvd.Cache(clock=clock)
    assert cache.set("k", 1, 1e-12) and cache["k"] == 1
    clock.now += 0.000002
    assert "k" not in cache


@pytest.mark.parametrize("name", ["refresh_after", "stale_ttl", "error_ttl"])
def test_other_times_may_be_zero_and_not_negative(name):
    cache, calls = kvd.Cache(ttl=50), []
    assert cache.get_or_set("k", 1, **{name: 0}) == 1
    with pytest.raises(ValueError, match=f"^{name} must not be negative, got -1"):
        cache.get_or_set("l", lambda: calls.append(1), **{name: -1})
    with pytest.raises(TypeError, match=f"^{name} must be a number of seconds"):
        cache.get_or_set("l", lambda: calls.append(1), **{name: "1"})
    assert not calls  # refused before anything was loaded


def test_a_result_whose_own_ttl_is_over_is_returned_and_not_stored():
    cache = kvd.Cache()
    for ttl in (0, -3, timedelta(0), timedelta(seconds=-1)):
        assert cache.get_or_set("k", lambda: 5, lambda v, ttl=ttl: ttl) == 5 and "k" not in cache
    with pytest.raises(TypeError, match="^ttl must be"):
        cache.get_or_set("k", lambda: 5, lambda v: "soon")
    assert not cache.loading.flights


async def coroutine_function():
    return 1


async def async_generator():
    yield 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factory", [coroutine_function, lambda: coroutine_function(), lambda: (x for x in "ab"), async_generator])
def test_what_can_be_used_only_once_is_not_stored(factory):
    cache = kvd.Cache()
    with pytest.raises(TypeError, match="which can be used only once"):
        cache.get_or_set("k", factory)
    with pytest.raises(TypeError, match="which can be used only once"):
        cache.get_many_or_set(["k"], lambda keys: factory())
    for single_flight in (True, False):
        with pytest.raises(TypeError, match="which can be used only once"):
            kvd.cached(single_flight=single_flight)(lambda: factory())()
    assert len(cache) == 0 and not cache.loading.flights


def test_generators_of_tags_serve_every_key():
    cache = kvd.Cache()
    cache.get_many_or_set([1, 2], lambda keys: dict.fromkeys(keys, 0), tags=(t for t in ["a", "b"]))
    cache.set_many({3: 0, 4: 0}, tags=(t for t in ["a", "b"]))
    assert [cache.tags_of(k) for k in (1, 2, 3, 4)] == [{"a", "b"}] * 4


def test_a_stack_that_is_used_up_leaves_nothing_behind():
    cache = kvd.Cache()

    def deep(n):
        return cache.get_or_set(n, lambda: deep(n + 1))

    for _ in range(3):
        with pytest.raises(RecursionError):
            deep(0)
        assert not cache.loading.flights
    assert cache.get_or_set(3, lambda: "now it works") == "now it works"


class Touchy:
    """A key whose comparison fails while it is told to."""

    angry = False

    def __hash__(self):
        return 1

    def __eq__(self, other):
        if Touchy.angry:
            raise ZeroDivisionError
        return self is other


def test_a_key_that_cannot_be_compared_for_a_while_hangs_nobody():
    cache = kvd.Cache()
    one, two = Touchy(), Touchy()

    def loader():
        Touchy.angry = True
        return 1

    gate, begun = threading.Event(), threading.Event()
    other = threading.Thread(target=lambda: cache.get_or_set(one, lambda: begun.set() or gate.wait(30)))
    other.start()
    begun.wait(5)
    try:
        assert cache.get_or_set(two, loader) == 1
        assert len(cache.loading.flights) == 2  # its own could not be removed
    finally:
        Touchy.angry = False
        gate.set()
        other.join()
    cache.clear()
    assert cache.get_or_set(two, lambda: 2) == 2 and not cache.loading.flights


def test_the_first_load_of_a_cache_is_one_load_too():
    for _ in range(50):
        cache, calls = kvd.Cache(), []
        run_together(4, lambda cache=cache, calls=calls: cache.get_or_set("k", lambda: calls.append(1) or time.sleep(0.001)))
        assert len(calls) == 1


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
