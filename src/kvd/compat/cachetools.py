"""cachetools' classes and decorators based on `kvd.Cache`: `from kvd.compat import cachetools`.

The documented behaviour of cachetools is kept: `maxsize`, `currsize`, `getsizeof`, `__missing__`, ValueError for a value that is
too large, and calls of an overridden `popitem` for every eviction. Differences: expired entries are removed in the background;
the caches are thread-safe, though a given `lock` is used; sizes must be integers.
"""

from __future__ import annotations

import functools
import math
import random
import time
from collections import namedtuple
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from kvd import caching

CacheInfo = namedtuple("CacheInfo", ["hits", "misses", "maxsize", "currsize"])


class Cache(caching.Cache[Any, Any]):
    """A mapping of limited size that evicts the oldest entries first."""

    _policy = "fifo"

    def __init__(self, maxsize: float, getsizeof: Callable[[Any], int] | None = None, **more: Any) -> None:
        if getsizeof is not None:
            self.getsizeof = getsizeof  # type: ignore[method-assign, assignment]
        limit = None if maxsize == math.inf else int(maxsize)
        sized = getsizeof is not None or type(self).getsizeof is not Cache.getsizeof
        self._maxsize = maxsize
        super().__init__(
            None if sized else limit, policy=self._policy, maxweight=limit if sized else None,
            weigher=(lambda key, value: self._size_that_fits(value)) if sized else None, **more,
        )  # fmt: skip

    def _arguments(self) -> tuple[Any, ...]:
        """Arguments that create a cache like this one."""
        return (self._maxsize, self.__dict__.get("getsizeof"))

    def copy(self) -> Any:
        """Return a cache with the same options, entries and deadlines."""
        return _rebuild(type(self), self._arguments(), self._records())

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._arguments(), self._records())

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "popitem" in cls.__dict__ and "__setitem__" not in cls.__dict__:
            cls.__setitem__ = Cache._set_by_popitem  # type: ignore[method-assign, assignment]

    def _size_that_fits(self, value: Any) -> int:
        """Return the size of the value. Raises ValueError, before any change, if it is too large."""
        size = self.getsizeof(value)
        if size > self._maxsize:
            raise ValueError("value too large")
        return size

    def _set_by_popitem(self, key: Any, value: Any) -> None:
        """For classes that override popitem: it evicts entries until the value fits."""
        size = self._size_that_fits(value)
        while self.currsize + size - (self.getsizeof(self.peek(key)) if key in self else 0) > self.maxsize:
            self.popitem()
        caching.Cache.__setitem__(self, key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`. If it is missing, store `default` by `self[key] = default` first."""
        if key in self:
            return self[key]
        self[key] = default
        return default

    @property
    def maxsize(self) -> Any:
        """The maximum size."""
        return self._maxsize

    @property
    def currsize(self) -> int:
        """The current size."""
        len(self)  # removes expired entries
        return self.weight

    @staticmethod
    def getsizeof(value: Any) -> int:
        """The size of a value: 1, unless overridden or given to the constructor."""
        return 1

    def __repr__(self) -> str:
        items = ", ".join(f"{k!r}: {v!r}" for k, v in self.items())
        return f"{type(self).__name__}({{{items}}}, maxsize={self.maxsize!r}, currsize={self.currsize!r})"


def _rebuild(cls: type[Cache], arguments: tuple[Any, ...], records: Any) -> Cache:
    cache = cls(*arguments)
    cache._restore(records)
    return cache


class FIFOCache(Cache):
    """First in, first out. Storing a key again makes it the newest."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in self and self.getsizeof(value) <= self.maxsize:
            del self[key]
        super().__setitem__(key, value)


class LFUCache(Cache):
    """Evicts the least frequently used entry."""

    _policy = "lfu"


class LRUCache(Cache):
    """Evicts the least recently used entry."""

    _policy = "lru"


class RRCache(Cache):
    """Evicts a random entry, or the one that `choice(sequence of keys)` returns."""

    _policy = "random"

    def __init__(
        self, maxsize: float, choice: Callable[[list[Any]], Any] = random.choice, getsizeof: Callable[[Any], int] | None = None
    ) -> None:
        super().__init__(maxsize, getsizeof)
        self._choice = choice

    def _arguments(self) -> tuple[Any, ...]:
        return (self._maxsize, self._choice, self.__dict__.get("getsizeof"))

    @property
    def choice(self) -> Callable[[list[Any]], Any]:
        """The function that selects the entry to evict."""
        return self._choice

    def popitem(self) -> tuple[Any, Any]:
        """Remove the entry that `choice` selects, and return (key, value)."""
        if self._choice is random.choice:
            return super().popitem()
        keys = list(self)
        if not keys:
            raise KeyError(f"{type(self).__name__} is empty")
        key = self._choice(keys)
        return key, self.pop(key)


EPOCH = datetime(1970, 1, 1)


def seconds(moment: Any) -> float:
    """Convert a time or duration to seconds: numbers, datetimes and timedeltas."""
    if isinstance(moment, timedelta):
        return moment.total_seconds()
    if isinstance(moment, datetime):
        return (moment - EPOCH.replace(tzinfo=moment.tzinfo)).total_seconds()
    return float(moment)


class _TimedCache(LRUCache):
    def __init__(self, maxsize: float, timer: Callable[[], Any], getsizeof: Callable[[Any], int] | None, **more: Any) -> None:
        self._timer = timer
        clock = None if timer is time.monotonic else lambda: seconds(timer())
        super().__init__(maxsize, getsizeof, clock=clock, **more)

    @property
    def timer(self) -> Callable[[], Any]:
        """The function that returns the time."""
        return self._timer

    def expire(self, time: Any = None) -> list[tuple[Any, Any]]:
        """Remove entries that have expired by now, or by `time`. Returns a list of (key, value)."""
        gone = self.pop_expired()
        if time is not None:
            ahead = seconds(time) - self.time()
            for key, value, ttl, *_ in self._records():
                if ttl is not None and ttl <= ahead and self.delete(key):
                    gone.append((key, value))
        return gone


class TTLCache(_TimedCache):
    """LRU; entries expire after `ttl` units of the timer."""

    def __init__(
        self, maxsize: float, ttl: Any, timer: Callable[[], Any] = time.monotonic, getsizeof: Callable[[Any], int] | None = None
    ) -> None:
        self._ttl = ttl
        super().__init__(maxsize, timer, getsizeof, ttl=seconds(ttl))

    def _arguments(self) -> tuple[Any, ...]:
        return (self._maxsize, self._ttl, self._timer, self.__dict__.get("getsizeof"))

    @property
    def ttl(self) -> Any:
        """The time to live of entries."""
        return self._ttl


class TLRUCache(_TimedCache):
    """LRU; ttu(key, value, now) returns when an entry expires."""

    def __init__(
        self,
        maxsize: float,
        ttu: Callable[[Any, Any, Any], Any],
        timer: Callable[[], Any] = time.monotonic,
        getsizeof: Callable[[Any], int] | None = None,
    ) -> None:
        self._ttu = ttu
        super().__init__(maxsize, timer, getsizeof)

    def _arguments(self) -> tuple[Any, ...]:
        return (self._maxsize, self._ttu, self._timer, self.__dict__.get("getsizeof"))

    @property
    def ttu(self) -> Callable[[Any, Any, Any], Any]:
        """The function that returns when an entry expires."""
        return self._ttu

    def __setitem__(self, key: Any, value: Any) -> None:
        now = self._timer()
        ends = self._ttu(key, value, now)
        if not now < ends:
            self.pop(key, None)
        elif not self.set(key, value, None if ends == math.inf else seconds(ends - now)):
            raise ValueError("value too large")


# ---- keys -----------------------------------------------------------------------------------------------


class _Key(tuple[Any, ...]):
    """A tuple that stores its hash."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = tuple.__hash__(self)
        return self._hash

    def __add__(self, other: Any) -> _Key:
        return _Key(tuple.__add__(self, other))

    def __getstate__(self) -> dict[str, Any]:
        return {}  # hashes of strings differ from process to process


_MARK = (object,)


def hashkey(*args: Hashable, **kwargs: Hashable) -> tuple[Any, ...]:
    """Return a key for the arguments; the order of keyword arguments does not matter."""
    if not kwargs:
        return _Key(args)
    return _Key((*args, *_MARK, *(part for item in sorted(kwargs.items()) for part in item)))


def methodkey(self: Any, *args: Hashable, **kwargs: Hashable) -> tuple[Any, ...]:
    """As hashkey, without `self`."""
    return hashkey(*args, **kwargs)


def typedkey(*args: Hashable, **kwargs: Hashable) -> tuple[Any, ...]:
    """As hashkey, including the types of the arguments."""
    types = (*map(type, args), *(type(kwargs[name]) for name in sorted(kwargs)))
    return _Key((*hashkey(*args, **kwargs), *types))


def typedmethodkey(self: Any, *args: Hashable, **kwargs: Hashable) -> tuple[Any, ...]:
    """As typedkey, without `self`."""
    return typedkey(*args, **kwargs)


keys = SimpleNamespace(hashkey=hashkey, methodkey=methodkey, typedkey=typedkey, typedmethodkey=typedmethodkey)


# ---- decorators -----------------------------------------------------------------------------------------


def _guard(lock: Any, condition: Any) -> AbstractContextManager[Any]:
    return condition if condition is not None else lock if lock is not None else nullcontext()


def _answer(
    cache: Any, key: Any, guard: Any, condition: Any, pending: set[Any], count: list[int], compute: Callable[[], Any]
) -> Any:
    """Look up a key, or compute it outside of the lock. With a condition, other threads wait for the computation."""
    with guard:
        if condition is not None:
            condition.wait_for(lambda: key not in pending)
        try:
            value = cache[key]
            count[0] += 1
            return value
        except KeyError:
            count[1] += 1
            pending.add(key)
    try:
        value = compute()
        with guard:
            try:
                return cache.setdefault(key, value)
            except ValueError:  # too large
                return value
    finally:
        with guard:
            pending.discard(key)
            if condition is not None:
                condition.notify_all()


def _info(cache: Any, count: list[int]) -> CacheInfo:
    if isinstance(cache, dict):
        return CacheInfo(count[0], count[1], None, len(cache))
    return CacheInfo(count[0], count[1], getattr(cache, "maxsize", None), getattr(cache, "currsize", len(cache)))


def cached(
    cache: Any, key: Callable[..., Any] = hashkey, lock: Any = None, condition: Any = None, info: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Decorator that caches results in `cache`, a mutable mapping or None.

    key: computes the key from the arguments. lock: context manager for each use of the cache. condition: a
    threading.Condition, with which one thread computes a key and the others wait. info: add cache_info() to the function.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        count, pending = [0, 0], set[Any]()
        guard = _guard(lock, condition)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if cache is None:
                count[1] += 1
                return function(*args, **kwargs)
            return _answer(cache, key(*args, **kwargs), guard, condition, pending, count, lambda: function(*args, **kwargs))

        def cache_clear() -> None:
            with guard:
                if cache is not None:
                    cache.clear()
                count[:] = 0, 0

        made: Any = functools.update_wrapper(wrapper, function)
        made.cache, made.cache_key, made.cache_lock, made.cache_condition = cache, key, guard_of(lock, condition), condition
        made.cache_clear = cache_clear
        if info:
            made.cache_info = lambda: _info(cache, count) if cache is not None else CacheInfo(count[0], count[1], 0, 0)
        return made

    return decorate


def guard_of(lock: Any, condition: Any) -> Any:
    return lock if lock is not None else condition


class _Bound:
    """A cached method of one instance."""

    def __init__(self, method: _CachedMethod, instance: Any) -> None:
        self.__self__, self._method = instance, method
        functools.update_wrapper(self, method.function)

    @property
    def cache(self) -> Any:
        return self._method.cache(self.__self__)

    @property
    def cache_lock(self) -> Any:
        return guard_of(self._method.lock_of(self.__self__), self.cache_condition)

    @property
    def cache_condition(self) -> Any:
        return self._method.condition(self.__self__) if self._method.condition is not None else None

    def cache_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._method.key(self.__self__, *args, **kwargs)

    def cache_clear(self) -> None:
        with _guard(self._method.lock_of(self.__self__), self.cache_condition):
            if self.cache is not None:
                self.cache.clear()
            self._method.counts(self.__self__)[0][:] = 0, 0

    def cache_info(self) -> CacheInfo:
        if not self._method.info:
            raise AttributeError("cachedmethod was not called with info=True")
        return _info(self.cache, self._method.counts(self.__self__)[0])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        method, instance = self._method, self.__self__
        cache = method.cache(instance)
        count, pending = method.counts(instance)
        if cache is None:
            count[1] += 1
            return method.function(instance, *args, **kwargs)
        condition = self.cache_condition
        return _answer(
            cache, method.key(instance, *args, **kwargs), _guard(method.lock_of(instance), condition), condition, pending, count,
            lambda: method.function(instance, *args, **kwargs),
        )  # fmt: skip


class _CachedMethod:
    def __init__(self, function: Any, cache: Any, key: Any, lock: Any, condition: Any, info: bool) -> None:
        self.function, self.cache, self.key, self.lock, self.condition, self.info = function, cache, key, lock, condition, info
        self.name = f"_kvd_cachedmethod_{function.__name__}"
        functools.update_wrapper(self, function)

    def lock_of(self, instance: Any) -> Any:
        return self.lock(instance) if self.lock is not None else None

    def counts(self, instance: Any) -> Any:
        """[hits, misses] and the keys being computed, of one instance."""
        return instance.__dict__.setdefault(self.name, ([0, 0], set()))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else _Bound(self, instance)

    def __call__(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        return _Bound(self, instance)(*args, **kwargs)


def cachedmethod(
    cache: Callable[[Any], Any], key: Callable[..., Any] = methodkey, lock: Any = None, condition: Any = None, info: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """As cached, for methods; `cache`, `lock` and `condition` are functions of the instance."""
    return lambda function: _CachedMethod(function, cache, key, lock, condition, info)


# ---- cachetools.func ------------------------------------------------------------------------------------


def _function_cache(make: Callable[[float], Any], maxsize: Any, typed: bool) -> Any:
    def decorate(function: Callable[..., Any], maxsize: Any = maxsize) -> Any:
        import threading

        limit = math.inf if maxsize is None else maxsize
        made = cached(make(limit), key=typedkey if typed else hashkey, condition=threading.Condition(), info=True)(function)
        made.cache_parameters = lambda: {"maxsize": maxsize, "typed": typed}
        if maxsize is None:
            told = made.cache_info
            made.cache_info = lambda: told()._replace(maxsize=None)
        return made

    return decorate(maxsize, 128) if callable(maxsize) else decorate


def fifo_cache(maxsize: Any = 128, typed: bool = False) -> Any:
    """As functools.lru_cache, with first in, first out."""
    return _function_cache(FIFOCache, maxsize, typed)


def lfu_cache(maxsize: Any = 128, typed: bool = False) -> Any:
    """As functools.lru_cache, evicting the least frequently used result."""
    return _function_cache(LFUCache, maxsize, typed)


def lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
    """As functools.lru_cache."""
    return _function_cache(LRUCache, maxsize, typed)


def rr_cache(maxsize: Any = 128, choice: Any = random.choice, typed: bool = False) -> Any:
    """As functools.lru_cache, evicting a random result."""
    return _function_cache(lambda limit: RRCache(limit, choice), maxsize, typed)


def ttl_cache(maxsize: Any = 128, ttl: Any = 600, timer: Callable[[], Any] = time.monotonic, typed: bool = False) -> Any:
    """As functools.lru_cache; results expire after `ttl` seconds."""
    return _function_cache(lambda limit: TTLCache(limit, ttl, timer), maxsize, typed)


func = SimpleNamespace(fifo_cache=fifo_cache, lfu_cache=lfu_cache, lru_cache=lru_cache, rr_cache=rr_cache, ttl_cache=ttl_cache)
