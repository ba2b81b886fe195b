"""The operations of `kvd.Cache` under pytest-benchmark: `pytest benchmarks/test_caches.py`. Beside peers: caches.py."""

from __future__ import annotations

from typing import Any

import pytest

import kvd

N = 10_000


@pytest.fixture(params=["lru", "lfu", "fifo", "tinylfu", "s3fifo", "sieve", "random", "ttl"])
def cache(request: Any) -> Any:
    made = kvd.Cache[str, int](N, ttl=1000) if request.param == "ttl" else kvd.Cache[str, int](N, policy=request.param)
    made.set_many({f"key:{i}": i for i in range(N)})
    return made


def test_get_hit(benchmark: Any, cache: Any) -> None:
    assert benchmark(cache.get, "key:5000") == 5000


def test_get_miss(benchmark: Any, cache: Any) -> None:
    assert benchmark(cache.get, "nothing") is None


def test_set_existing(benchmark: Any, cache: Any) -> None:
    benchmark(cache.__setitem__, "key:5000", 1)


def test_set_evicting(benchmark: Any, cache: Any) -> None:
    fresh = iter(range(1 << 60))
    benchmark(lambda: cache.__setitem__(next(fresh), 1))


def test_cached_hit(benchmark: Any) -> None:
    function = kvd.cached(lambda x: x)
    assert benchmark(function, 5) == 5
