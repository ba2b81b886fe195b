"""Caching of function results in a `DiskCache`.

Concurrent misses for one key trigger a single call in this process: callers of the same key take turns, and all but the first
find its result. A call whose function, in the same thread, asks for its own key again calls itself as it would without a cache, and
so does one that would wait for a thread that waits for it, and one inside a transaction, for which others wait.

With `early`, an entry holds the result and how long it took, and is computed anew in a background thread before it expires, with
a probability that grows towards the end: -seconds * early * log(random) is compared with the time left (XFetch, Vattani and others,
"Optimal Probabilistic Cache Stampede Prevention", 2015).
"""

from __future__ import annotations

import functools
import math
import random
import threading
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Any, ParamSpec, Protocol, TypeVar

from kvd.diskcache.base import Base, Expire, milliseconds

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

MISSING: Any = object()
RENEWAL = 60.0  # seconds after which a computation in the background counts as lost


class Memoized(Protocol[P, R_co]):
    """A function with a cache."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the cached result, or call the function."""

    def __cache_key__(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, ...]:
        """Return the key of a call."""


class Turns:
    """Locks per key that a thread does not wait for if that would be a deadlock."""

    def __init__(self) -> None:
        self._guard = threading.Condition()
        self._holders: dict[bytes, int] = {}  # key: the thread whose turn it is
        self._waits: dict[int, bytes] = {}  # sleeping thread: the key it waits for

    def take(self, key: bytes) -> bool:
        """Wait for the turn of the key. Returns False at once if that thread is this one or waits for it."""
        me = threading.get_ident()
        with self._guard:
            while key in self._holders:
                if self._would_hang(key, me):
                    return False
                self._waits[me] = key
                try:
                    self._guard.wait()
                finally:
                    del self._waits[me]
            self._holders[key] = me
            return True

    def _would_hang(self, key: bytes, me: int) -> bool:
        seen: set[bytes] = set()
        while key in self._holders and key not in seen:
            seen.add(key)
            holder = self._holders[key]
            if holder == me:
                return True
            if holder not in self._waits:
                return False
            key = self._waits[holder]
        return False

    def give(self, key: bytes) -> None:
        """End the turn."""
        with self._guard:
            del self._holders[key]
            self._guard.notify_all()


class Memoizing(Base):
    """memoize."""

    def memoize(
        self,
        name: str | None = None,
        typed: bool = False,
        expire: Expire = None,
        tag: Any = None,
        ignore: Collection[int | str] = (),
        *,
        early: float = 0.0,
    ) -> Callable[[Callable[P, R]], Memoized[P, R]]:
        """Decorator that caches the results of a function by its arguments, which must be possible keys. The parentheses are needed.

        name: of the function in the keys; by default its module and qualified name. typed: the types of arguments are part of the
        key; types that the safe codec tells apart always are. expire, tag: as for set; nothing is stored if expire is not
        positive. ignore: positions and names of arguments that are not part of the key. early: compute results anew before they
        expire, the earlier the longer they take; 1 is a good value (diskcache's memoize_stampede).

        f.__cache_key__(*args, **kwargs) returns the key of a call, f.__wrapped__ is the function. Concurrent misses with the same
        arguments call the function once. Raises TypeError for a function in place of the name.

        >>> from kvd.diskcache import DiskCache
        >>> cache = DiskCache()
        >>> @cache.memoize(expire=60)
        ... def square(x):
        ...     print("squaring", x)
        ...     return x * x
        >>> square(3)
        squaring 3
        9
        >>> square(3)
        9
        >>> del cache[square.__cache_key__(3)]
        """
        if callable(name):
            raise TypeError("name cannot be callable: write @cache.memoize()")
        if early and expire is None:
            raise ValueError("early needs expire")

        def decorate(function: Callable[P, R]) -> Memoized[P, R]:
            base = f"{function.__module__}.{function.__qualname__}" if name is None else name
            calls = Calls(self, function, expire, tag, early)

            def key_of(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
                return key_of_call(base, args, kwargs, typed, frozenset(ignore))

            @functools.wraps(function)
            def memoized(*args: P.args, **kwargs: P.kwargs) -> R:
                result: R = calls.result(key_of(*args, **kwargs), functools.partial(function, *args, **kwargs))
                return result

            memoized.__cache_key__ = key_of  # type: ignore[attr-defined]
            return memoized  # type: ignore[return-value]

        return decorate

    @property
    def _turns(self) -> Turns:
        """One for all functions: they may call each other."""
        return self.__dict__.setdefault("_made_turns", Turns())


class Calls:
    """The calls of one function: their results, and how they are stored."""

    def __init__(self, cache: Memoizing, function: Callable[..., Any], expire: Expire, tag: Any, early: float) -> None:
        self.cache: Any = cache
        self.function, self.expire, self.tag, self.early = function, expire, tag, early
        self.turns = cache._turns
        self.span = None if (span := milliseconds(expire)) is None else span / 1000

    def result(self, key: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """The stored result, or that of the call."""
        found = self.stored(key, call)
        if found is not MISSING:
            return found
        name = self.cache._name(key)
        if self.cache._mine() is not None or not self.turns.take(name):
            return self.compute(key, call)
        try:
            found = self.stored(key, None)
            return self.compute(key, call) if found is MISSING else found
        finally:
            self.turns.give(name)

    def stored(self, key: tuple[Any, ...], call: Callable[[], Any] | None) -> Any:
        """The stored result, or MISSING. call: computes it anew in the background, if it is time."""
        if not self.early:
            return self.cache.get(key, MISSING)
        found, expires = self.cache.get(key, MISSING, expire_time=True)
        if found is MISSING:
            return MISSING
        value, seconds = found
        if call is not None and expires is not None:
            left = expires - self.cache._space.now() / 1000
            if -seconds * self.early * math.log(1 - random.random()) >= left:
                self.renew(key, call)
        return value

    def renew(self, key: tuple[Any, ...], call: Callable[[], Any]) -> None:
        """Compute a result in the background, unless that is under way: an entry of its own says so to all."""
        if self.cache.add((*key, "renewing"), None, expire=min(self.span or RENEWAL, RENEWAL)):
            threading.Thread(target=self._renew, args=(key, call), daemon=True).start()

    def _renew(self, key: tuple[Any, ...], call: Callable[[], Any]) -> None:
        try:
            self.compute(key, call)
        finally:
            self.cache.delete((*key, "renewing"))

    def compute(self, key: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """Call the function and store its result."""
        begun = perf_counter()
        value = call()
        if self.span is None or self.span > 0:
            self.cache.set(key, (value, perf_counter() - begun) if self.early else value, self.expire, tag=self.tag)
        return value


def key_of_call(
    base: str, args: tuple[Any, ...], kwargs: dict[str, Any], typed: bool, ignore: frozenset[int | str]
) -> tuple[Any, ...]:
    """The key of a call: the name, the arguments, None, the keyword arguments by name, and the names of the types if typed."""
    args = tuple(arg for at, arg in enumerate(args) if at not in ignore)
    named = [item for item in sorted(kwargs.items()) if item[0] not in ignore]
    key = (base, *args, None, *(word for item in named for word in item))
    if not typed:
        return key
    return (*key, *(f"{type(v).__module__}.{type(v).__qualname__}" for v in (*args, *(value for _, value in named))))
