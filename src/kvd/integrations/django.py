"""Cache backends for Django: "kvd.integrations.django.KvdCache" in memory, "kvd.integrations.django.DiskCacheBackend" in a file.

    CACHES = {"default": {"BACKEND": "kvd.integrations.django.KvdCache", "LOCATION": "sessions", "OPTIONS": {"policy": "tinylfu"}}}

KvdCache behaves as Django's local-memory backend, and is faster: values are pickled, so that callers cannot modify cached objects; TIMEOUT,
MAX_ENTRIES, CULL_FREQUENCY, versions and key functions work. Expired entries are removed in the background. Backends with the same
LOCATION share a cache for the life of the process. OPTIONS accepts `policy`, and `"pickle": False` to store objects directly.

    CACHES = {"default": {"BACKEND": "kvd.integrations.django.DiskCacheBackend", "LOCATION": "/var/tmp/app.kvd",
                          "OPTIONS": {"size_limit": 2**30, "codec": "pickle", "key": secret}}}

DiskCacheBackend is a kvd.DiskCache, which survives restarts and belongs to one process: a second one that opens the same LOCATION gets
an error. OPTIONS are arguments of kvd.DiskCache. Values are encoded by the safe codec unless OPTIONS say otherwise; it refuses
model instances and other classes. An empty LOCATION is a cache in memory. MAX_ENTRIES and CULL_FREQUENCY are refused: size_limit
and eviction bound the cache.
"""

from __future__ import annotations

import pickle
from threading import Lock
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.exceptions import ImproperlyConfigured

from kvd.caching import Cache
from kvd.diskcache import DiskCache

_DISKS: dict[str, DiskCache] = {}
_OPENING = Lock()
_CACHES: dict[str, Cache[str, Any]] = {}


class KvdCache(BaseCache):  # type: ignore[misc]
    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params.get("OPTIONS", {})
        self._pickles = options.get("pickle", True)
        if name not in _CACHES:
            _CACHES[name] = Cache(policy=options.get("policy", "lru"), name=f"django:{name}")
        self._cache = _CACHES[name]

    def _pack(self, value: Any) -> Any:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL) if self._pickles else value

    def _unpack(self, value: Any) -> Any:
        return pickle.loads(value) if self._pickles else value

    def _seconds(self, timeout: Any) -> float | None:
        """Convert a timeout of Django: None means no expiry, 0 or less immediate expiry."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else max(0.0, float(timeout))

    def _store(self, key: str, value: Any, seconds: float | None) -> None:
        """Store a value. One that expires immediately is not stored, but replaces the old value."""
        packed = self._pack(value)
        if seconds == 0:
            self._cache.delete(key)
            return
        self._cull(key)
        self._cache.set(key, packed, seconds)

    def _cull(self, key: str) -> None:
        """Evict entries according to MAX_ENTRIES and CULL_FREQUENCY."""
        cache = self._cache
        if self._max_entries and key not in cache and len(cache) >= self._max_entries:
            if self._cull_frequency == 0:
                cache.clear()
            for _ in range(len(cache) // self._cull_frequency if self._cull_frequency else 0):
                cache.popitem()

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        key = self.make_and_validate_key(key, version=version)
        if key in self._cache:
            return False
        seconds = self._seconds(timeout)
        packed = self._pack(value)
        if seconds == 0:
            return True  # stored and expired
        self._cull(key)
        return self._cache.add(key, packed, seconds)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        found = self._cache.get(self.make_and_validate_key(key, version=version), _NOTHING)
        return default if found is _NOTHING else self._unpack(found)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._store(self.make_and_validate_key(key, version=version), value, self._seconds(timeout))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        key, seconds = self.make_and_validate_key(key, version=version), self._seconds(timeout)
        return self._cache.delete(key) if seconds == 0 else self._cache.touch(key, seconds)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        key = self.make_and_validate_key(key, version=version)
        while True:
            old = self._cache.peek(key, _NOTHING)
            if old is _NOTHING:
                raise ValueError(f"Key '{key}' not found")
            new = self._unpack(old) + delta
            if self._cache.cas(key, old, self._pack(new)):
                return new

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self.make_and_validate_key(key, version=version) in self._cache

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._cache.delete(self.make_and_validate_key(key, version=version))

    def clear(self) -> None:
        self._cache.clear()


class DiskCacheBackend(BaseCache):  # type: ignore[misc]
    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = dict(params.get("OPTIONS", {}))
        for name in ("MAX_ENTRIES", "CULL_FREQUENCY"):
            if name in options or name in params:
                raise ImproperlyConfigured(f"{name}: a DiskCache is bounded by the options size_limit and eviction")
        with _OPENING:  # Django makes a backend for each thread
            if location not in _DISKS or _DISKS[location].store.closed:
                _DISKS[location] = DiskCache(location or None, **options)
            self.cache = _DISKS[location]

    def _seconds(self, timeout: Any) -> float | None:
        """Convert a timeout of Django: None means no expiry, 0 or less immediate expiry."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else max(0.0, float(timeout))

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, tag: Any = None) -> bool:
        """As Django's; tag: for evict."""
        return self.cache.add(self.make_and_validate_key(key, version=version), value, self._seconds(timeout), tag=tag)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self.cache.get(self.make_and_validate_key(key, version=version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, tag: Any = None) -> None:
        """As Django's; tag: for evict."""
        self.cache.set(self.make_and_validate_key(key, version=version), value, self._seconds(timeout), tag=tag)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self.cache.touch(self.make_and_validate_key(key, version=version), self._seconds(timeout))

    def pop(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Remove a key and return its value."""
        return self.cache.pop(self.make_and_validate_key(key, version=version), default)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        try:
            return self.cache.incr(self.make_and_validate_key(key, version=version), delta, default=None)
        except KeyError:
            raise ValueError(f"Key '{key}' not found") from None

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self.make_and_validate_key(key, version=version) in self.cache

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self.cache.delete(self.make_and_validate_key(key, version=version))

    def evict(self, tag: Any) -> int:
        """Remove all entries with a tag, of all versions and prefixes, and return their number."""
        return self.cache.evict(tag)

    def clear(self) -> None:
        self.cache.clear()


_NOTHING: Any = object()
