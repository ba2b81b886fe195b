"""@cached on everything that can be called, and lru_cache beside functools'."""

import asyncio
import copy
import functools
import gc
import inspect
import multiprocessing
import os
import pickle
import random
import threading
import time
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

CALLS: list = []


@pytest.fixture(autouse=True)
def calls():
    CALLS.clear()
    return CALLS


def test_functions_with_and_without_parentheses():
    @kvd.cached
    def plain(x, *, y=1):
        """Doc."""
        CALLS.append((x, y))
        return x + y

    @kvd.cached(maxsize=2, ttl=100)
    def limited(x):
        CALLS.append(x)
        return x

    assert plain(1) == plain(1) == 2 and plain(1, y=2) == 3 and len(CALLS) == 2
    assert plain.__name__ == "plain" and plain.__doc__ == "Doc." and list(inspect.signature(plain).parameters) == ["x", "y"]
    assert plain.cache_info() == (1, 2, 1024, 2) and plain.cache_parameters() == {"maxsize": 1024, "typed": False}
    for i in (1, 2, 3, 1):
        limited(i)
    assert CALLS[2:] == [1, 2, 3, 1]
    plain.cache_clear()
    assert plain.cache_info() == (0, 0, 1024, 0)


def test_controls():
    @kvd.cached
    def f(x):
        CALLS.append(x)
        return len(CALLS)

    assert f(1) == f(1) == 1
    assert f.cache_key(1) in f.plan.cache
    assert f.invalidate(1) is True and f.invalidate(1) is False and f(1) == 2
    assert f.refresh(1) == 3 and f(1) == 3
    assert f.bypass(1) == 4 and f(1) == 3


class Shop:
    def __init__(self):
        self.calls = 0

    @kvd.cached
    def method(self, x, y=0):
        self.calls += 1
        return x + y

    @kvd.cached(per_instance=True, maxsize=2)
    def own(self, x):
        self.calls += 1
        return x

    @classmethod
    @kvd.cached
    def outside(cls, x):
        CALLS.append(x)
        return cls, x

    @kvd.cached
    @classmethod
    def inside(cls, x):
        CALLS.append(x)
        return cls, x

    @staticmethod
    @kvd.cached
    def static(x):
        CALLS.append(x)
        return x

    @property
    @kvd.cached
    def prop(self):
        self.calls += 1
        return self.calls

    @kvd.cached  # type: ignore[prop-decorator]
    @property
    def other_prop(self):
        self.calls += 1
        return self.calls

    @kvd.cached
    def odd_name(this, x):  # noqa: N805
        this.calls += 1
        return x

    @kvd.cached
    async def later(self, x):
        self.calls += 1
        await asyncio.sleep(0.01)
        return x


class Branch(Shop):
    pass


def test_methods_are_cached_by_instance():
    a, b = Shop(), Shop()
    for shop in (a, b):
        assert [shop.method(1), shop.method(1), shop.method(1, y=2), Shop.method(shop, 1)] == [1, 1, 3, 1]
        assert shop.calls == 2
    assert a.method.invalidate(1) and a.method(1) == 1 and (a.calls, b.calls) == (3, 2)
    assert a.method == a.method and a.method != b.method and a.method.__self__ is a
    assert a.method.refresh(1) == 1 and a.calls == 4 and a.method.bypass(5) == 5 and a.calls == 5


def test_other_kinds_of_methods():
    a = Shop()
    assert [a.own(i) for i in (1, 2, 3, 1)] == [1, 2, 3, 1] and a.calls == 4
    assert Shop().own(1) == 1
    assert Shop.outside(1) == Shop.outside(1) == a.outside(1) == (Shop, 1) and Branch.outside(1) == (Branch, 1)
    assert Shop.inside(2) == a.inside(2) == (Shop, 2) and Branch.inside(2) == (Branch, 2)
    assert CALLS == [1, 1, 2, 2]
    assert Shop.static(3) == a.static(3) == 3 and CALLS == [1, 1, 2, 2, 3]
    b = Shop()
    assert b.prop == b.prop == 1 and b.other_prop == b.other_prop == 2
    assert b.odd_name(1) == b.odd_name(1) == 1 and b.calls == 3


@pytest.mark.parametrize("use", [lambda s: s.method(1), lambda s: s.own(1), lambda s: s.prop, lambda s: s.odd_name(1)])
def test_instances_are_not_kept_alive_and_their_entries_go(use):
    before = Shop.method.cache_info().currsize, Shop.odd_name.cache_info().currsize
    shop = Shop()
    use(shop)
    alive = weakref.ref(shop)
    del shop
    assert alive() is None
    assert (Shop.method.cache_info().currsize, Shop.odd_name.cache_info().currsize) == before
    assert Shop.own.memo.owners == {}


def test_an_instance_with_slots_stands_for_itself():
    class Tight:
        __slots__ = ("n",)

        @kvd.cached
        def f(self, x):
            CALLS.append(x)
            return x

    t = Tight()
    assert t.f(1) == t.f(1) == 1 and CALLS == [1]
    assert Tight().f(1) == 1 and CALLS == [1, 1]


def test_instances_that_compare_equal_are_still_two():
    class Same:
        def __init__(self, n):
            self.n = n

        def __eq__(self, other):
            return True

        __hash__ = None

        @kvd.cached
        def f(self):
            return self.n

    a, b = Same(1), Same(2)
    assert (a.f(), b.f()) == (1, 2)


async def coroutine(x):
    return x


def test_coroutine_functions():
    @kvd.cached(ttl=50)
    async def f(x):
        CALLS.append(x)
        await asyncio.sleep(0.01)
        if x < 0:
            raise ValueError(x)
        return x

    async def main():
        assert await asyncio.gather(*[f(1) for _ in range(10)]) == [1] * 10 and CALLS == [1]
        for _ in range(2):
            with pytest.raises(ValueError):
                await f(-1)
        assert CALLS == [1, -1, -1]
        assert await f.refresh(1) == 1 and await f.bypass(1) == 1 and f.invalidate(1) and len(CALLS) == 5
        shop = Shop()
        assert await asyncio.gather(shop.later(2), shop.later(2)) == [2, 2] and shop.calls == 1
        assert shop.later.invalidate(2) and await shop.later(2) == 2 and shop.calls == 2
        alive = weakref.ref(shop)
        del shop
        gc.collect()
        assert alive() is None

    asyncio.run(main())
    assert asyncio.iscoroutinefunction(f) and inspect.iscoroutinefunction(f) and inspect.iscoroutinefunction(Shop().later)
    assert asyncio.iscoroutinefunction(Shop().later) and not inspect.iscoroutinefunction(Shop().method)
    assert inspect.iscoroutinefunction(kvd.cached(functools.partial(coroutine, 1)))


def test_keys():
    @kvd.cached(typed=True)
    def typed(x):
        CALLS.append(x)

    @kvd.cached(key=lambda user, request: user["id"])
    def by_key(user, request):
        CALLS.append(user["id"])

    @kvd.cached(ignore=["session", "more"])
    def ignoring(session, x, y=2, **more):
        CALLS.append((x, y))

    typed(1), typed(1.0), typed(1)
    by_key({"id": 7}, []), by_key({"id": 7}, {})
    ignoring(object(), 1), ignoring(object(), x=1, y=2, z=5), ignoring([], 1, 3)
    assert CALLS == [1, 1.0, 7, (1, 2), (1, 3)]
    with pytest.raises(ValueError, match="no parameter"):
        kvd.cached(ignore=["nope"])(lambda x: x)
    with pytest.raises(TypeError, match="generator"):

        @kvd.cached
        def generator():
            yield 1


def test_options_of_results(clock):
    @kvd.cached(ttl=lambda result: result, clock=clock, condition=lambda result: result < 100, cache_none=False)
    def f(x):
        CALLS.append(x)
        return x

    f(1), f(1), f(5), f(100), f(100), f(None) if False else None
    assert CALLS == [1, 5, 100, 100]
    clock.now += 2
    f(1), f(5)
    assert CALLS == [1, 5, 100, 100, 1]


def test_a_shared_cache():
    shared = kvd.Cache(100)

    @kvd.cached(cache=shared, tags="people")
    def one(x):
        CALLS.append(("one", x))
        return "one"

    @kvd.cached(cache=shared, ttl=50)
    def two(x):
        CALLS.append(("two", x))
        return "two"

    assert [one(1), two(1), one(1), two(1)] == ["one", "two", "one", "two"] and len(shared) == 2 and len(CALLS) == 2
    assert shared.ttl(two.cache_key(1)) == pytest.approx(50, abs=1) and shared.ttl(one.cache_key(1)) is None
    kvd.cached(cache=shared, tti=20)(len)("abc")
    assert 19 < shared.ttl(list(shared)[-1]) <= 20
    one.cache_clear()
    assert two(1) == "two" and len(CALLS) == 2 and one(1) == "one" and len(CALLS) == 3
    assert shared.invalidate_tag("people") == 1


def test_threads_run_a_function_once():
    @kvd.cached
    def f(x):
        CALLS.append(x)
        time.sleep(0.02)
        return x

    threads = [threading.Thread(target=f, args=(1,)) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert CALLS == [1]


def test_recursion():
    @kvd.cached
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(80) == 23416728348467685


@settings(max_examples=60, deadline=None)
@given(maxsize=st.sampled_from([None, 0, 1, 3, 8]), typed=st.booleans(), seed=st.integers(0, 10**6))
def test_lru_cache_answers_as_functools(maxsize, typed, seed):
    def f(*args, **kwargs):
        log.append((args, kwargs))
        return args, tuple(kwargs.items())

    theirs, ours = functools.lru_cache(maxsize, typed)(f), kvd.lru_cache(maxsize, typed)(f)
    rng, log = random.Random(seed), []
    values = [0, 1, 2, 1.0, "a", "b", (1,), True, None]
    for _ in range(60):
        args = tuple(rng.choice(values) for _ in range(rng.randrange(3)))
        kwargs = {k: rng.choice(values) for k in rng.sample(["x", "y"], rng.randrange(3))}
        log.clear()
        expected = theirs(*args, **kwargs)
        calls = len(log)
        assert ours(*args, **kwargs) == expected and len(log) == 2 * calls
        if rng.random() < 0.02:
            theirs.cache_clear()
            ours.cache_clear()
        assert ours.cache_info() == theirs.cache_info()
    assert ours.cache_parameters() == theirs.cache_parameters()


def test_lru_cache_forms():
    @kvd.lru_cache
    def bare(x):
        return x

    assert bare(1) == 1 and bare.cache_parameters() == {"maxsize": 128, "typed": False} and bare.__wrapped__(2) == 2
    assert kvd.lru_cache(maxsize=-5)(len).cache_parameters()["maxsize"] == 0
    with pytest.raises(TypeError, match="unhashable"):
        bare([])


@kvd.cached(ttl=50)
def at_module_level(x):
    return os.getpid(), x


@kvd.cached
async def async_at_module_level(x):
    return x


def test_cached_functions_are_pickled_by_name_and_copied_as_functions_are():
    for function in (at_module_level, async_at_module_level, Shop.method, Shop.later):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.copy(function) is function and copy.deepcopy(function) is function
    assert copy.deepcopy({"f": at_module_level})["f"] is at_module_level
    local = kvd.cached(lambda x: x)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


class Counter:
    def __init__(self, n):
        self.n = n

    @kvd.cached
    def plus(self, x, *, y: int = 0):
        return self.n + x + y


def test_bound_methods_are_pickled_with_their_instance():
    counter = Counter(5)
    bound = pickle.loads(pickle.dumps(counter.plus))
    assert bound(1) == 6 and bound.__self__ is not counter
    assert copy.copy(counter.plus) == counter.plus and copy.deepcopy(counter.plus).__self__.n == 5
    assert list(inspect.signature(counter.plus).parameters) == ["x", "y"]
    assert list(inspect.signature(Counter.plus).parameters) == ["self", "x", "y"]


def test_cached_functions_go_to_a_pool_of_processes():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        ((pid, x),) = pool.map(at_module_level, [3])
        assert x == 3 and pid != os.getpid()
        assert pool.map(Counter(5).plus, [1, 2]) == [6, 7]


def test_recursion_goes_as_deep_as_with_functools():
    def deepest(decorate):
        @decorate
        def f(n):
            nonlocal reached
            reached = n
            return f(n + 1)

        reached = 0
        with pytest.raises(RecursionError):
            f(0)
        return reached

    theirs = deepest(functools.lru_cache(None))
    assert deepest(kvd.cached) >= theirs - 10 and deepest(kvd.lru_cache(None)) >= theirs - 10


def test_a_recursion_that_is_too_deep_leaves_nothing_behind():
    @kvd.cached
    def f(n):
        return 0 if n == 0 else f(n - 1) + 1

    for _ in range(3):
        with pytest.raises(RecursionError):
            f(1_000_000)
        assert not f.plan.cache.loading.flights
    assert f(50) == 50

    @kvd.cached
    async def g(n):
        return 0 if n == 0 else await g(n - 1) + 1

    with pytest.raises(RecursionError):
        asyncio.run(g(1_000_000))
    assert not g.plan.cache.loading.flights and asyncio.run(g(100)) == 100
