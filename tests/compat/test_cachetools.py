"""kvd.compat.cachetools beside cachetools itself: the same steps, the same answers."""

import copy
import math
import pickle
import random
import threading
from datetime import datetime, timedelta

import cachetools
import cachetools.func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.compat import cachetools as ours


class Timer:
    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


def make(module, name, maxsize, timer, getsizeof):
    if name == "TTLCache":
        return module.TTLCache(maxsize, 5, timer, getsizeof)
    if name == "TLRUCache":
        return module.TLRUCache(maxsize, lambda key, value, now: now + value % 4, timer, getsizeof)
    if name == "RRCache":
        return module.RRCache(maxsize, min, getsizeof)
    return getattr(module, name)(maxsize, getsizeof)


def outcome(function, *args):
    try:
        return function(*args)
    except (KeyError, ValueError) as error:
        return type(error), str(error) if isinstance(error, ValueError) else error.args


STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "get", "getitem", "pop", "del", "in", "setdefault", "popitem", "wait", "expire", "clear"]),
              st.integers(0, 9), st.integers(0, 6)), max_size=60,
)  # fmt: skip


@settings(deadline=None)
@given(steps=STEPS, maxsize=st.sampled_from([1, 3, 5, math.inf]), sized=st.booleans())
@pytest.mark.parametrize("name", ["LRUCache", "FIFOCache", "RRCache", "TTLCache", "TLRUCache"])
def test_the_same_steps_and_the_same_answers(name, steps, maxsize, sized):
    timer = Timer()
    theirs, mine = [make(m, name, maxsize, timer, (lambda value: value) if sized else None) for m in (cachetools, ours)]
    assert (theirs.maxsize, theirs.currsize) == (mine.maxsize, mine.currsize)
    calls = {
        "set": lambda c, k, v: c.__setitem__(k, v), "get": lambda c, k, v: c.get(k, v), "getitem": lambda c, k, v: c[k],
        "pop": lambda c, k, v: c.pop(k, v) if v % 2 else c.pop(k), "del": lambda c, k, v: c.__delitem__(k),
        "in": lambda c, k, v: k in c, "setdefault": lambda c, k, v: c.setdefault(k, v),
        "popitem": lambda c, k, v: c.popitem(), "clear": lambda c, k, v: c.clear() if v == 0 else None,
        "wait": lambda c, k, v: None, "expire": lambda c, k, v: sorted(c.expire() or ()) if hasattr(c, "expire") else None,
    }  # fmt: skip
    for step, key, value in steps:
        if step == "wait":
            timer.now += value
        expected, answer = outcome(calls[step], theirs, key, value), outcome(calls[step], mine, key, value)
        if step == "popitem" and isinstance(expected, tuple) and expected[0] is KeyError:
            assert answer[0] is KeyError
        else:
            assert answer == expected, step
        assert dict(mine.items()) == {k: theirs[k] for k in list(theirs) if k in theirs} if name == "FIFOCache" else set(mine) == set(theirs)
        assert len(mine) == len(theirs) and mine.currsize == theirs.currsize


def test_documented_hooks():
    gone = []

    class Told(ours.LRUCache):
        def popitem(self):
            item = super().popitem()
            gone.append(item)
            return item

        def __missing__(self, key):
            self[key] = key * 2
            return self[key]

    cache = Told(maxsize=2)
    cache["a"], cache["b"] = 1, 2
    cache["c"] = 3
    assert gone == [("a", 1)] and cache[5] == 10 and gone == [("a", 1), ("b", 2)]

    class Sized(ours.LRUCache):
        @staticmethod
        def getsizeof(value):
            return len(value)

    sized = Sized(10)
    sized["a"], sized["b"] = "xxx", "x" * 6
    assert sized.currsize == 9
    with pytest.raises(ValueError, match="value too large"):
        sized["c"] = "x" * 11
    sized["c"] = "xx"
    assert dict(sized) == {"b": "x" * 6, "c": "xx"} and repr(ours.FIFOCache(3)) == repr(cachetools.FIFOCache(3))


def never(key, value, now):
    return now + 1000


@pytest.mark.parametrize("how", [copy.copy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize(
    "cache", [ours.Cache(5), ours.LRUCache(5, len), ours.LFUCache(5), ours.FIFOCache(5), ours.RRCache(5), ours.TTLCache(5, 100),
              ours.TLRUCache(5, never)], ids=lambda c: type(c).__name__,
)  # fmt: skip
def test_copies(cache, how):
    cache["a"], cache["b"] = "1", "2"
    other = how(cache)
    assert type(other) is type(cache) and other == cache and (other.maxsize, other.currsize) == (5, 2)
    other["c"] = "3"
    assert "c" not in cache


def test_timers_of_dates():
    now = [datetime(2026, 1, 1)]
    cache = ours.TLRUCache(5, ttu=lambda key, value, now: now + timedelta(hours=value), timer=lambda: now[0])
    cache["one"], cache["two"] = 1, 2
    now[0] += timedelta(hours=1)
    assert dict(cache) == {"two": 2} and cache.expire() == [("one", 1)] and cache.expire(now[0] + timedelta(hours=5)) == [("two", 2)]
    ttl = ours.TTLCache(5, ttl=timedelta(hours=1), timer=lambda: now[0])
    ttl["a"] = 1
    assert ttl.ttl == timedelta(hours=1) and ttl["a"] == 1
    now[0] += timedelta(hours=1)
    assert "a" not in ttl and ttl.timer() == now[0]


@pytest.mark.parametrize("module", [cachetools, ours], ids=["cachetools", "kvd"])
def test_decorators(module):
    cache, calls = {}, []

    @module.cached(cache, info=True)
    def f(x, y=0):
        """Doc."""
        calls.append((x, y))
        return x

    assert [f(1), f(1), f(1, y=2), f(1, y=2)] == [1] * 4 and calls == [(1, 0), (1, 2)]
    assert f.cache is cache and f.cache_key(1) in cache and f.cache_lock is None and tuple(f.cache_info()) == (2, 2, None, 2)
    assert f.__wrapped__(5) == 5 and f.__doc__ == "Doc."
    f.cache_clear()
    assert not cache and f.cache_info().hits == 0

    lock = threading.RLock()

    @module.cached(module.LRUCache(maxsize=2), key=module.keys.typedkey, lock=lock)
    def h(x):
        calls.append(x)
        return x

    h(1), h(1.0), h(1)
    assert calls[-2:] == [1, 1.0] and h.cache_lock is lock

    class Thing:
        def __init__(self):
            self.cache = module.LRUCache(maxsize=3)

        @module.cachedmethod(lambda self: self.cache)
        def m(self, x):
            calls.append(("m", x))
            return x

    a, b = Thing(), Thing()
    assert [a.m(1), a.m(1), b.m(1)] == [1, 1, 1] and calls.count(("m", 1)) == 2
    assert a.m.cache is a.cache and len(a.cache) == 1
    a.m.cache_clear()
    assert len(a.cache) == 0

    @module.func.ttl_cache(maxsize=2, ttl=100) if hasattr(module, "func") else None
    def timed(x):
        calls.append(("t", x))
        return x

    timed(1), timed(1), timed(2)
    assert calls.count(("t", 1)) == 1 and tuple(timed.cache_info()) == (1, 2, 2, 2)
    assert timed.cache_parameters() == {"maxsize": 2, "typed": False}


def test_a_condition_makes_others_wait():
    calls, condition = [], threading.Condition()
    slow = threading.Event()

    @ours.cached({}, condition=condition)
    def f(x):
        calls.append(x)
        slow.wait(0.05)
        return x

    threads = [threading.Thread(target=f, args=(1,)) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert calls == [1]


def test_keys():
    for name in ("hashkey", "typedkey", "methodkey", "typedmethodkey"):
        theirs, mine = getattr(cachetools.keys, name), getattr(ours.keys, name)
        rng = random.Random(1)
        for _ in range(300):
            a, b = [([rng.choice([1, 1.0, "a"]) for _ in range(rng.randrange(1, 3))], {k: rng.choice([1, 1.0]) for k in rng.sample("xy", rng.randrange(3))})
                    for _ in range(2)]  # fmt: skip
            same = theirs(*a[0], **a[1]) == theirs(*b[0], **b[1])
            assert (mine(*a[0], **a[1]) == mine(*b[0], **b[1])) == same
            assert hash(mine(*a[0], **a[1])) == hash(mine(*a[0], **a[1]))
