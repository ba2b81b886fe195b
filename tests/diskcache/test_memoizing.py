"""memoize: keys, single calls, early computation."""

import random
import threading
import time

import pytest

from kvd.diskcache.memoizing import Turns


def test_results_are_stored_by_arguments(cache, clock):
    calls = []

    @cache.memoize(expire=10, tag="m")
    def add(a, b=2, *, c=3):
        """Doc."""
        calls.append((a, b, c))
        return None if a is None else a + b + c

    assert add(1) == 6 and add(1) == 6 and add(1, 2) == 6 and len(calls) == 2
    assert add(None) is None and add(None) is None and len(calls) == 3
    assert add.__doc__ == "Doc." and add.__wrapped__(1) == 6
    key = add.__cache_key__(1, c=5)
    assert key[1:] == (1, None, "c", 5) and key[0].endswith("add") and key not in cache
    add(1, c=5)
    assert cache[key] == 8 and cache.get(key, tag=True)[1] == "m"
    clock.advance(10)
    assert key not in cache


def test_names_types_and_ignored_arguments(cache):
    @cache.memoize("n", typed=True, ignore=(0, "log"))
    def f(self, a, log=None):
        return a

    assert f.__cache_key__(object(), 1, log=object()) == ("n", 1, None, "builtins.int")
    assert f(object(), 1) == 1 and f(object(), True) is True and f(object(), 1.0) == 1.0 and len(cache) == 3
    with pytest.raises(TypeError, match="memoize\\(\\)"):
        cache.memoize(f)
    with pytest.raises(ValueError, match="early needs expire"):
        cache.memoize(early=1.0)


def test_nothing_is_stored_for_no_time(cache):
    @cache.memoize(expire=0)
    def f():
        return 1

    assert f() == 1 and len(cache) == 0


def test_concurrent_misses_call_once(cache):
    calls = []
    started = threading.Barrier(4)

    @cache.memoize()
    def slow(x):
        calls.append(x)
        time.sleep(0.05)
        return x

    def ask():
        started.wait()
        assert slow(1) == 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]


def test_recursion_and_exceptions(cache):
    @cache.memoize()
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(60) == 1548008755920
    calls = []

    @cache.memoize("own")
    def own():
        calls.append(1)
        if len(calls) == 1:
            return own() + 1
        return 1

    assert own() == 2

    @cache.memoize("bad")
    def bad():
        calls.append(2)
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            bad()
    assert calls.count(2) == 2


def test_calls_that_wait_for_each_other_do_not_hang(cache):
    meet = threading.Barrier(2)

    @cache.memoize("f")
    def f(x, depth=0):
        if depth == 0:
            meet.wait()
            return g(1 - x) + 1
        return 0

    @cache.memoize("g")
    def g(x):
        return f(x, 1)

    results = []
    threads = [threading.Thread(target=lambda x=x: results.append(f(x))) for x in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [1, 1]


def test_turns_refuse_to_close_a_cycle():
    turns = Turns()
    done = []
    assert turns.take(b"a") and not turns.take(b"a")
    holds = threading.Event()

    def other():
        assert turns.take(b"b")
        holds.set()
        done.append(turns.take(b"a"))
        turns.give(b"a")
        turns.give(b"b")

    thread = threading.Thread(target=other)
    thread.start()
    holds.wait()
    while thread.ident not in turns._waits:
        time.sleep(0.001)
    assert not turns.take(b"b")
    turns.give(b"a")
    thread.join()
    assert done == [True] and turns.take(b"a") and turns.take(b"b")


def test_early_results_are_computed_in_the_background(cache, clock, monkeypatch):
    calls = []

    @cache.memoize("f", expire=100, early=1.0)
    def f(x):
        calls.append(threading.current_thread())
        return len(calls)

    assert f(1) == 1 and f(1) == 1
    clock.advance(99.9)
    monkeypatch.setattr(random, "random", lambda: 0.999999)
    cache.set(f.__cache_key__(1), (1, 10.0), expire=0.1)
    assert f(1) == 1  # the old one
    deadline = time.time() + 20
    while cache.get(f.__cache_key__(1))[0] == 1 and time.time() < deadline:
        time.sleep(0.005)
    assert f(1) == 2 and len(calls) == 2 and calls[1] is not threading.main_thread()


def test_a_call_inside_a_transaction_does_not_wait_for_one_that_waits_for_the_transaction(cache):
    started, opened = threading.Event(), threading.Event()

    @cache.memoize("f")
    def f():
        started.set()
        opened.wait(20)
        return 1

    other = threading.Thread(target=f)
    other.start()
    started.wait(20)
    with cache.transact():
        opened.set()
        assert f() == 1
    other.join(20)
    assert not other.is_alive() and cache[f.__cache_key__()] == 1
