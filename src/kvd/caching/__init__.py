"""`Cache`: the in-process cache of Python objects.

    import kvd
    cache = kvd.Cache(10_000, ttl=60)
    cache["user:42"] = user
    cache.get_or_set("user:43", lambda: load_user(43))

Storage, policies and expiry are compiled (kvd.doors.cache). This class adds the views of a mapping, and uses the modules for
loading (loading), files (snapshot), statistics (metrics) and background expiry (kvd.janitor).
"""

from __future__ import annotations

import reprlib
from collections.abc import (
    Awaitable,
    Callable,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from kvd import janitor
from kvd.caching.loading import Loading, LoadOptions, Span
from kvd.caching.metrics import CacheStats
from kvd.doors import cache as compiled
from kvd.doors.cache import UNSET

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")

SHOWN = 20  # entries in a repr


class _Keys(KeysView[K]):
    def __reversed__(self) -> Iterator[K]:
        return reversed(self._mapping._list(0))  # type: ignore[attr-defined]


class _Values(ValuesView[V]):
    def __iter__(self) -> Iterator[V]:
        return iter(self._mapping._list(1))  # type: ignore[attr-defined]

    def __contains__(self, value: object) -> bool:
        return any(v is value or v == value for v in self)

    def __reversed__(self) -> Iterator[V]:
        return reversed(self._mapping._list(1))  # type: ignore[attr-defined]


class _Items(ItemsView[K, V]):
    def __iter__(self) -> Iterator[tuple[K, V]]:
        return iter(self._mapping._list(2))  # type: ignore[attr-defined]

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        found = self._mapping.peek(item[0], UNSET)  # type: ignore[attr-defined]
        return found is not UNSET and (found is item[1] or found == item[1])

    def __reversed__(self) -> Iterator[tuple[K, V]]:
        return reversed(self._mapping._list(2))  # type: ignore[attr-defined]


class Cache(compiled.Cache[K, V]):
    """A mapping with eviction by size or weight and expiry by time. Keys must be hashable. Thread-safe.

    Times are seconds or timedeltas, and must be positive.

    maxsize: maximum number of entries; None: no limit, 0: the cache stores nothing.
    ttl: time to live of an entry; None: no expiry. Each entry may have its own.
    tti: time to idle, since the last use of an entry.
    policy: which entry is evicted: lru, lfu, fifo, tinylfu, s3fifo, sieve or random.
    maxweight: maximum total weight of the entries.
    weigher: weigher(key, value) -> int, the weight of an entry; without one each entry weighs 1.
    on_evict: on_evict(key, value, cause), called after an entry was removed; cause is size, expired, idle, replaced,
        deleted or cleared. Its exceptions are passed to sys.unraisablehook.
    clock: a function that returns seconds, in place of the monotonic clock. Expired entries are then removed when they are
        accessed, not in the background.
    name: shown in stats, repr and Prometheus metrics.
    ordered: keep keys sorted, for irange and a faster delete_prefix; the keys must be comparable.
    weak_values: hold values by weak references; an entry is removed with its value.
    jitter: shorten each ttl by a random share of up to this (0 to 1), so that entries do not expire together.

    Iteration uses a snapshot in eviction order, and does not count as use.
    >>> cache = Cache(2, ttl=60)
    >>> cache["a"], cache["b"] = 1, 2
    >>> cache["a"]
    1
    >>> cache["c"] = 3
    >>> cache
    Cache({'a': 1, 'c': 3}, maxsize=2, ttl=60, policy='lru')

    Operations on one entry are O(1) with every policy. Raises ValueError for a negative limit, a time that is not positive or
    an unknown policy, and TypeError for arguments of other types.
    """

    __slots__ = ("__dict__",)

    name: str | None
    _loading: Loading | None = None

    def __init__(
        self,
        maxsize: int | None = None,
        *,
        ttl: Span | None = None,
        tti: Span | None = None,
        policy: str = "lru",
        maxweight: int | None = None,
        weigher: Callable[[K, V], int] | None = None,
        on_evict: Callable[[K, V, str], object] | None = None,
        clock: Callable[[], float] | None = None,
        name: str | None = None,
        ordered: bool = False,
        weak_values: bool = False,
        jitter: float = 0.0,
    ) -> None:
        super().__init__(
            maxsize, ttl=ttl, tti=tti, policy=policy, maxweight=maxweight, weigher=weigher, on_evict=on_evict, clock=clock,
            ordered=ordered, weak_values=weak_values, jitter=jitter, planner=janitor.Plan(self),
        )  # fmt: skip
        self.name = name
        janitor.enroll(self)

    # ---- the mapping -----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[K]:
        return iter(self._list(0))

    def __reversed__(self) -> Iterator[K]:
        return reversed(self._list(0))

    def keys(self) -> KeysView[K]:
        """A view of the keys."""
        return _Keys(self)

    def values(self) -> ValuesView[V]:
        """A view of the values. Reading it does not count as use."""
        return _Values(self)

    def items(self) -> ItemsView[K, V]:
        """A view of the entries. Reading it does not count as use."""
        return _Items(self)

    def update(self, other: Mapping[K, V] | Iterable[tuple[K, V]] = (), /, **more: V) -> None:
        """Store all items of a mapping or of pairs, and the keyword arguments. O(items)."""
        self.set_many(other)
        self.set_many(more)

    def __ior__(self, other: Mapping[K, V] | Iterable[tuple[K, V]]) -> Cache[K, V]:
        self.update(other)
        return self

    def __or__(self, other: Mapping[K, V]) -> Cache[K, V]:
        if not isinstance(other, Mapping):
            return NotImplemented
        union = self.copy()
        union.update(other)
        return union

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        shown = ", ".join(f"{k!r}: {v!r}" for k, v in islice(self.items(), SHOWN))
        more = ", ..." if len(self) > SHOWN else ""
        about = [
            f"{what}={self._options[what]!r}"
            for what in ("maxsize", "maxweight", "ttl", "tti")
            if self._options[what] is not None
        ]
        if self.name is not None:
            about.insert(0, f"name={self.name!r}")
        return f"{type(self).__name__}({', '.join([f'{{{shown}{more}}}', *about, f'policy={self.policy!r}'])})"

    def copy(self) -> Cache[K, V]:
        """Return a cache with the same options, entries, deadlines, tags and order. O(n)."""
        other = type(self)._made_with(self._options)
        other._restore(self._records())
        return other

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._options | {"name": self.name}, self._records())

    @classmethod
    def _made_with(cls, options: Mapping[str, Any]) -> Cache[K, V]:
        return cls(**options)

    def _records(self) -> list[tuple[K, V, float | None, float | None, int | None, tuple[Any, ...]]]:
        """All entries, each with its remaining time to live in seconds, its tti, weight and tags."""
        return self._list(3)

    def _restore(self, records: Iterable[tuple[K, V, float | None, float | None, int | None, tuple[Any, ...]]]) -> None:
        for key, value, ttl, tti, weight, tags in records:
            if ttl is None or ttl > 0:
                self.set(key, value, ttl, tti=tti, weight=weight, tags=tags or None)

    def clear(self) -> None:
        """Remove all entries and all remembered exceptions. O(n)."""
        super().clear()
        if self._loading is not None and self._loading.errors is not None:
            self._loading.errors.clear()

    def invalidate_tag(self, *tags: Hashable) -> int:
        """Remove all entries with one of these tags, and return their number. O(entries removed)."""
        if self._loading is not None and self._loading.errors is not None:
            self._loading.errors.invalidate_tag(*tags)
        return super().invalidate_tag(*tags)

    # ---- loading ---------------------------------------------------------------------------------

    @property
    def loading(self) -> Loading:
        """The loads in progress; see kvd.caching.loading."""
        return self._loading or self.__dict__.setdefault("_loading", Loading(self))  # atomic: of two threads, one creates it

    def get_or_set(
        self,
        key: K,
        default: V | Callable[[], V],
        ttl: Span | None | Callable[[V], Span | None] = UNSET,
        *,
        tti: Span | None = UNSET,
        tags: Any = None,
        weight: int | None = None,
        refresh_after: Span | None = None,
        stale_ttl: Span | None = None,
        early: float = 0.0,
        error_ttl: Span | None = None,
        cache_none: bool = True,
        condition: Callable[[V], bool] | None = None,
    ) -> V:
        """Return the value of `key`. If it is missing, store `default`, or the result of calling it, and return that.

        Concurrent misses for one key trigger a single call; other threads wait for its value or its exception. If the
        call is interrupted, one of them calls instead.

        default: a value, or a function without arguments. A coroutine function is a TypeError; see get_or_set_async.
        ttl: time to live, None for no expiry, or a function of the value that returns one; by default the cache's. If the
            function returns 0 or less, the value is returned and not stored.
        tti, weight, tags: as in set.
        refresh_after: time after which the value is stale: it is still returned while one thread reloads it.
        stale_ttl: time after its ttl for which a stale value may be returned while it is reloaded. Other methods treat
            such a value like any other.
        early: refresh before the value is stale, the earlier the longer its load took; 1 is a good value.
        error_ttl: time for which an exception is remembered. Each caller gets a copy of it, without a call.
        cache_none: whether None is stored. condition: condition(value) returns whether the value is stored.

        Raises RuntimeError if the call loads the same key again. If loads would wait for each other in a cycle, one of them
        calls `default` instead of waiting.

        >>> cache = Cache()
        >>> cache.get_or_set("three", lambda: 1 + 2), cache.get_or_set("three", lambda: 4)
        (3, 3)
        """
        found = self._fetch_fresh(key)
        if found is not None and not found[1]:
            return found[0]
        options = LoadOptions(
            ttl, tti, tags, weight, refresh_after, stale_ttl, early, error_ttl, cache_none, condition
        )  # fmt: skip
        factory: Callable[[], V] = default if callable(default) else lambda: default
        if found is None:
            return self.loading.load(key, factory, options)
        self.loading.refresh(key, factory, options)
        return found[0]

    async def get_or_set_async(
        self,
        key: K,
        default: V | Callable[[], V | Awaitable[V]],
        ttl: Span | None | Callable[[V], Span | None] = UNSET,
        *,
        tti: Span | None = UNSET,
        tags: Any = None,
        weight: int | None = None,
        refresh_after: Span | None = None,
        stale_ttl: Span | None = None,
        early: float = 0.0,
        error_ttl: Span | None = None,
        cache_none: bool = True,
        condition: Callable[[V], bool] | None = None,
    ) -> V:
        """As get_or_set, for coroutines: the result of `default` is awaited if it is awaitable.

        Concurrent misses trigger one call in all threads and event loops."""
        found = self._fetch_fresh(key)
        if found is not None and not found[1]:
            return found[0]
        options = LoadOptions(
            ttl, tti, tags, weight, refresh_after, stale_ttl, early, error_ttl, cache_none, condition
        )  # fmt: skip
        factory: Callable[[], Any] = default if callable(default) else lambda: default
        if found is None:
            return await self.loading.load_async(key, factory, options)
        self.loading.refresh_async(key, factory, options)
        return found[0]

    def get_many_or_set(
        self,
        keys: Iterable[K],
        loader: Callable[[list[K]], Mapping[K, V]],
        ttl: Span | None | Callable[[V], Span | None] = UNSET,
        *,
        tags: Any = None,
        error_ttl: Span | None = None,
        cache_none: bool = True,
        condition: Callable[[V], bool] | None = None,
    ) -> dict[K, V]:
        """Return a dict with the values of `keys`. Missing ones are loaded and stored by one call of loader(missing) -> mapping.

        Keys that the loader does not return are not in the result. Keys that another thread is loading are waited for; if its
        load is interrupted, they are loaded by one more call.

        ttl, tags, error_ttl, cache_none, condition: as in get_or_set.
        """
        keys = list(keys)
        found = self.get_many(keys)
        missing = [key for key in keys if key not in found]
        if missing:
            options = LoadOptions(ttl=ttl, tags=tags, error_ttl=error_ttl, cache_none=cache_none, condition=condition)
            found.update(self.loading.load_many(missing, loader, options))
        return {key: found[key] for key in keys if key in found}

    # ---- files and figures -----------------------------------------------------------------------

    def dump(self, path: Any, *, serializer: Any = "pickle") -> int:
        """Write all entries to the file `path`, atomically, and return their number. See kvd.caching.snapshot. O(n).

        serializer: "pickle", "json", or an object with dumps and loads. Raises TypeError for a key that the serializer would not
        restore; JSON restores its own types and tuples.
        """
        from kvd.caching import snapshot

        return snapshot.dump(self, path, serializer)

    @classmethod
    def load(cls, path: Any, *, serializer: Any = "pickle", **options: Any) -> Cache[K, V]:
        """Return a new cache with the entries of the file `path` and `options` as of the constructor.

        Remaining lifetimes continue, less the time since the dump. Raises kvd.SnapshotError if the file is damaged, truncated or
        not a snapshot. **Loading a pickle executes its contents: load only files you trust**; serializer="json" is safe.
        """
        from kvd.caching import snapshot

        cache = cls(**options)
        cache._restore(snapshot.load(path, serializer))
        return cache

    def stats(self) -> CacheStats:
        """Return statistics since creation or reset_stats. O(1)."""
        size = len(self)  # first, because it removes expired entries
        hits, misses, refused, evictions = self._figures()
        loading = self._loading
        return CacheStats(
            name=self.name, hits=hits, misses=misses, refused=refused, evictions=evictions, size=size, weight=self.weight,
            maxsize=self.maxsize, maxweight=self.maxweight, nbytes=self.nbytes,
            loads=loading.loads if loading else 0, load_failures=loading.failures if loading else 0,
            load_seconds=loading.seconds if loading else 0.0,
        )  # fmt: skip

    def reset_stats(self) -> None:
        """Reset the statistics."""
        self._reset_figures()
        if self._loading is not None:
            self._loading.loads = self._loading.failures = 0
            self._loading.seconds = 0.0


MutableMapping.register(Cache)
compiled.give_get(Cache)


def _rebuild(cls: type[Cache[Any, Any]], options: Mapping[str, Any], records: Iterable[Any]) -> Cache[Any, Any]:
    cache = cls._made_with(options)
    cache._restore(records)
    return cache


def caches() -> list[Cache[Any, Any]]:
    """Return all existing `Cache` objects of the process."""
    return janitor.live()


if TYPE_CHECKING:
    __all__ = ["Cache", "CacheStats", "caches"]
