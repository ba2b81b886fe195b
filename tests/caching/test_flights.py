"""Loads that wait for each other in a cycle: one loads the key itself, nothing hangs, nothing stays behind."""

import asyncio
import contextvars
import threading

import pytest

import kvd

LONG = 30  # seconds after which a test has hung


class Threads:
    """Functions that run at once, each in a thread; an outcome is a value or an exception."""

    def __init__(self, *functions):
        self.outcomes = [None] * len(functions)
        self.threads = [threading.Thread(target=self.run, args=(i, f), daemon=True) for i, f in enumerate(functions)]

    def run(self, i, function):
        try:
            self.outcomes[i] = function()
        except BaseException as error:
            self.outcomes[i] = error

    def join(self):
        for t in self.threads:
            t.start()
        for t in self.threads:
            t.join(LONG)
        assert not any(t.is_alive() for t in self.threads), "the loads wait for each other"
        return self.outcomes


def ring(n, ask, meet):
    """Loaders of n keys, each of which asks for the next key when all have begun."""

    def start(i):
        def loader():
            meet()
            return ask((i + 1) % n, lambda: 100) + 1

        return lambda: ask(i, loader)

    return [start(i) for i in range(n)]


@pytest.mark.parametrize("n", [2, 3, 7])
def test_threads_whose_loaders_ask_for_each_others_keys(n):
    cache, gate = kvd.Cache(), threading.Barrier(n)
    out = Threads(*ring(n, cache.get_or_set, lambda: gate.wait(LONG))).join()
    assert all(isinstance(v, int) for v in out) and 101 in out
    assert set(cache) == set(range(n)) and not cache.loading.flights


@pytest.mark.parametrize("n", [2, 3, 7])
def test_caches_of_their_own_make_no_difference(n):
    caches, gate = [kvd.Cache() for _ in range(n)], threading.Barrier(n)
    ask = lambda key, loader: caches[key].get_or_set(key, loader)  # noqa: E731
    out = Threads(*ring(n, ask, lambda: gate.wait(LONG))).join()
    assert all(isinstance(v, int) for v in out)
    assert not any(c.loading.flights for c in caches)


def test_cached_functions_that_call_each_other():
    gate = threading.Barrier(2)

    @kvd.cached(key=lambda n, deep: n)
    def odd(n, deep):
        if not deep:
            gate.wait(LONG)
            return by_n(n, True)
        return 2

    @kvd.cached(key=lambda n, deep: n)
    def by_n(n, deep):
        if not deep:
            gate.wait(LONG)
            return odd(n, True)
        return 3

    out = Threads(lambda: odd(5, False), lambda: by_n(5, False)).join()
    assert set(out) <= {2, 3} and odd(5, True) in (2, 3)
    assert not odd.plan.cache.loading.flights and not by_n.plan.cache.loading.flights


def test_a_cached_function_and_get_or_set():
    cache, gate = kvd.Cache(), threading.Barrier(2)

    @kvd.cached(key=lambda deep: "f")
    def f(deep):
        if deep:
            return "plain"
        gate.wait(LONG)
        return cache.get_or_set("k", lambda: "inner")

    def loader():
        gate.wait(LONG)
        return f(True)

    out = Threads(lambda: f(False), lambda: cache.get_or_set("k", loader)).join()
    assert set(out) <= {"plain", "inner"} and not cache.loading.flights


def test_a_circle_that_no_load_can_leave_is_an_error_in_every_thread():
    cache, gate = kvd.Cache(), threading.Barrier(2)
    met = set()

    def load(key):
        if key not in met:
            met.add(key)
            gate.wait(LONG)
        return get("b" if key == "a" else "a")

    def get(key):
        return cache.get_or_set(key, lambda: load(key))

    out = Threads(lambda: get("a"), lambda: get("b")).join()
    assert all(isinstance(e, RuntimeError) and "asks for" in str(e) for e in out)
    assert not cache.loading.flights and cache.get_or_set("a", 1) == 1


def test_several_keys_at_once():
    cache, gate = kvd.Cache(), threading.Barrier(2)

    def first(keys):
        gate.wait(LONG)
        return {k: cache.get_or_set(20, lambda: "plain") for k in keys}

    def second(keys):
        gate.wait(LONG)
        return {k: cache.get_many_or_set([10, 11], lambda ks: dict.fromkeys(ks, "inner"))[10] for k in keys}

    out = Threads(lambda: cache.get_many_or_set([10, 11], first), lambda: cache.get_many_or_set([20, 21], second)).join()
    assert set(out[0]) == {10, 11} and set(out[1]) == {20, 21} and not cache.loading.flights


@pytest.mark.parametrize("n", [2, 3, 7])
def test_tasks_whose_loaders_ask_for_each_others_keys(n):
    async def main():
        cache, begun, all_begun = kvd.Cache(), [], asyncio.Event()

        def start(i):
            async def loader():
                begun.append(i)
                if len(begun) == n:
                    all_begun.set()
                await all_begun.wait()
                return await cache.get_or_set_async((i + 1) % n, lambda: 100) + 1

            return cache.get_or_set_async(i, loader)

        out = await asyncio.wait_for(asyncio.gather(*[start(i) for i in range(n)]), LONG)
        assert all(isinstance(v, int) for v in out) and not cache.loading.flights

    asyncio.run(main())


@pytest.mark.parametrize("split", ["gather", "create_task", "wait_for"])
def test_tasks_that_a_loader_starts_belong_to_its_load(split):
    async def ask(cache, key, value):
        asking = cache.get_or_set_async(key, lambda: value)
        if split == "gather":
            return (await asyncio.gather(asking))[0]
        if split == "create_task":
            return await asyncio.create_task(asking)
        return await asyncio.wait_for(asking, LONG)

    async def main():
        cache, gate = kvd.Cache(), asyncio.Event()

        async def loader(other):
            if len(cache.loading.flights) == 2:
                gate.set()
            await gate.wait()
            return await ask(cache, other, "plain")

        out = await asyncio.wait_for(
            asyncio.gather(
                cache.get_or_set_async("a", lambda: loader("b")), cache.get_or_set_async("b", lambda: loader("a"))
            ),
            LONG,
        )
        assert out == ["plain", "plain"] and not cache.loading.flights

    asyncio.run(main())


def test_a_task_and_a_thread():
    cache, gate = kvd.Cache(), threading.Barrier(2)

    async def in_loop():
        async def loader():
            await asyncio.to_thread(gate.wait, LONG)
            return await cache.get_or_set_async("thread", lambda: "plain")

        return await cache.get_or_set_async("task", loader)

    def in_thread():
        def loader():
            gate.wait(LONG)
            return cache.get_or_set("task", lambda: "plain")

        return cache.get_or_set("thread", loader)

    assert Threads(lambda: asyncio.run(in_loop()), in_thread).join() == ["plain", "plain"]


def test_a_loader_that_blocks_its_event_loop():
    """The thread waits for the task, and the loop that has to go on with the task for the thread."""
    cache, begun, asked, gate = kvd.Cache(), threading.Event(), threading.Event(), threading.Barrier(2)

    async def in_loop():
        async def slow():
            begun.set()
            await asyncio.to_thread(gate.wait, LONG)
            return "slow"

        task = asyncio.create_task(cache.get_or_set_async("task", slow))
        await asyncio.to_thread(asked.wait, LONG)
        blocked = cache.get_or_set("thread", lambda: "mine")  # this blocks the loop
        return blocked, await task

    def in_thread():
        begun.wait(LONG)

        def loader():
            asked.set()
            gate.wait(LONG)
            return cache.get_or_set("task", lambda: "plain")

        return cache.get_or_set("thread", loader)

    out = Threads(lambda: asyncio.run(in_loop()), in_thread).join()
    assert out[1] in ("plain", "slow") and out[0][0] in ("mine", out[1]) and out[0][1] == "slow"
    assert not cache.loading.flights


def test_coroutine_functions_that_are_cached():
    async def main():
        gate = asyncio.Event()

        @kvd.cached(key=lambda deep: "f")
        async def f(deep):
            if deep:
                return "plain"
            await gate.wait()
            return await g(True)

        @kvd.cached(key=lambda deep: "g")
        async def g(deep):
            if deep:
                return "plain"
            gate.set()
            return await f(True)

        assert await asyncio.wait_for(asyncio.gather(f(False), g(False)), LONG) == ["plain", "plain"]

    asyncio.run(main())


def test_a_task_whose_child_asks_for_what_it_loads_is_an_error():
    async def main():
        cache = kvd.Cache()

        async def loader():
            return (await asyncio.gather(cache.get_or_set_async("k", 1)))[0]

        with pytest.raises(RuntimeError, match="asks for"):
            await asyncio.wait_for(cache.get_or_set_async("k", loader), LONG)
        assert not cache.loading.flights

    asyncio.run(main())


def test_a_load_that_asks_for_itself_in_another_context_is_an_error():
    cache = kvd.Cache()

    def loader():
        return contextvars.Context().run(cache.get_or_set, "k", 1)

    with pytest.raises(RuntimeError, match="asks for"):
        cache.get_or_set("k", loader)


def test_tasks_that_outlive_a_load_wait_as_others_do():
    async def main():
        cache, later = kvd.Cache(), []

        async def loader():
            later.append(asyncio.create_task(after()))
            return 1

        async def after():
            await started.wait()
            return await cache.get_or_set_async("slow", lambda: "not this one")

        async def slow():
            started.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return "slow"

        started = asyncio.Event()
        assert await cache.get_or_set_async("k", loader) == 1
        assert await cache.get_or_set_async("slow", slow) == "slow" and await later[0] == "slow"

    asyncio.run(main())


def test_many_threads_over_few_keys_never_hang():
    """Every loader asks for other keys, in an order of its own."""
    import random

    cache = kvd.Cache(maxsize=3)

    def work(seed):
        rng = random.Random(seed)

        def load(key, depth):
            if depth == 0:
                return key
            others = rng.sample([k for k in range(6) if k != key], 2)
            return max(get(k, depth - 1) for k in others)

        def get(key, depth):
            try:
                return cache.get_or_set(key, lambda: load(key, depth))
            except RuntimeError as error:
                assert "asks for" in str(error)
                return key

        for _ in range(300):
            get(rng.randrange(6), 3)

    out = Threads(*[lambda s=seed: work(s) for seed in range(6)]).join()
    assert out == [None] * 6 and not cache.loading.flights
