"""Tools based on caches: locks per key, throttled functions, a rate limiter."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from kvd.caching import Cache
from kvd.doors.spans import seconds_of

P = ParamSpec("P")
R = TypeVar("R")


class barrier:
    """Locks per key: `with locks("user:42"): ...` excludes other threads with the same key.

    A lock exists only while a thread holds it or waits for it.

    >>> locks = barrier()
    >>> with locks("user:42", timeout=1):
    ...     print("alone with user 42")
    alone with user 42
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[Hashable, tuple[threading.Lock, int]] = {}

    @contextmanager
    def __call__(self, key: Hashable, timeout: float = -1) -> Iterator[None]:
        """Hold the lock of the key. timeout: seconds to wait for it, -1: no limit. Raises TimeoutError."""
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = lock, users + 1
        try:
            if not lock.acquire(timeout=timeout):
                raise TimeoutError(f"timed out waiting for the lock on {key!r}")
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = lock, users - 1


def throttle(
    seconds: float | timedelta, *, clock: Callable[[], float] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R | None]]:
    """Decorator that limits calls with the same arguments to one per `seconds` (or timedelta). Further calls return None."""

    span = seconds_of("seconds", seconds)

    def decorate(function: Callable[P, R]) -> Callable[P, R | None]:
        called: Cache[Any, bool] = Cache(ttl=span, clock=clock)

        @functools.wraps(function)
        def throttled(*args: P.args, **kwargs: P.kwargs) -> R | None:
            if called.add((args, tuple(sorted(kwargs.items()))), True):
                return function(*args, **kwargs)
            return None

        return throttled

    return decorate


class RateLimiter:
    """Limits each key to `limit` requests per `period` (seconds or timedelta) on average, with bursts of up to `limit` (GCRA).

    Stores one number per recently used key. Thread-safe.

    >>> limiter = RateLimiter(2, period=60)
    >>> [limiter.allow("10.0.0.1") for _ in range(3)]
    [True, True, False]
    """

    def __init__(self, limit: int, period: float | timedelta, *, clock: Callable[[], float] | None = None) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self.limit, self.period = limit, seconds_of("period", period)
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._full_at: Cache[Hashable, float] = Cache(clock=self._clock)  # when the allowance of a key is fully restored

    def allow(self, key: Hashable, cost: int = 1) -> bool:
        """Return whether a request is allowed now, and count it if it is. cost: how many requests it counts as."""
        return self.retry_after(key, cost, take=True) == 0.0

    def retry_after(self, key: Hashable, cost: int = 1, *, take: bool = False) -> float:
        """Return the seconds until a request is allowed, 0.0 if it is now; with `take` it is then counted."""
        if not 0 < cost <= self.limit:
            raise ValueError(f"cost must be between 1 and {self.limit}, got {cost}")
        step = self.period / self.limit
        with self._lock:
            now = self._clock()
            full_at = max(now, self._full_at.get(key, now)) + cost * step
            wait = full_at - now - self.period
            if wait > 1e-9:
                return wait
            if take:
                self._full_at.set(key, full_at, full_at - now)
            return 0.0

    def reset(self, key: Hashable) -> None:
        """Restore the full allowance of the key."""
        self._full_at.delete(key)
