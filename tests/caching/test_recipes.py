import threading
import time

import pytest

import kvd


def test_throttle(clock):
    calls = []

    @kvd.throttle(10, clock=clock)
    def f(x, *, y=0):
        """Doc."""
        calls.append((x, y))
        return x

    assert [f(1), f(1), f(2), f(1, y=3)] == [1, None, 2, 1]
    clock.now += 10
    assert f(1) == 1 and len(calls) == 4 and f.__doc__ == "Doc."


def test_barrier_excludes_by_key():
    locks, inside, most, others = kvd.barrier(), [], [], []

    def work(key):
        for _ in range(20):
            with locks(key):
                inside.append(key)
                most.append(inside.count(key))
                others.append(len(inside))
                time.sleep(0.0005)
                inside.remove(key)

    threads = [threading.Thread(target=work, args=(k,)) for k in "aaabbb"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert max(most) == 1 and max(others) == 2 and locks._locks == {}
    with locks("a"):
        with pytest.raises(TimeoutError), locks("a", timeout=0.01):
            pass
        with locks("b", timeout=0):
            pass
    with locks("a"):
        pass


def test_rate_limiter(clock):
    limiter = kvd.RateLimiter(3, 6.0, clock=clock)
    assert [limiter.allow("k") for _ in range(5)] == [True] * 3 + [False] * 2 and limiter.allow("other")
    assert limiter.retry_after("k") == pytest.approx(2)
    clock.now += 2
    assert limiter.retry_after("k") == 0 and limiter.allow("k") and not limiter.allow("k")
    clock.now += 100
    assert limiter.allow("k", 3) and not limiter.allow("k")
    limiter.reset("k")
    assert limiter.allow("k", 2)
    for wrong in (0, 4):
        with pytest.raises(ValueError):
            limiter.allow("k", wrong)
    with pytest.raises(ValueError):
        kvd.RateLimiter(0, 1)
    passed = 0
    for _ in range(600):
        clock.now += 0.1
        passed += limiter.allow("rate")
    assert 30 <= passed <= 33
