"""A backend for Flask-Caching: CACHE_TYPE = "kvd.integrations.flask_caching.KvdCache".

CACHE_THRESHOLD is the maximum number of entries (0: no limit), CACHE_DEFAULT_TIMEOUT the time to live in seconds (0: no expiry).
CACHE_OPTIONS are passed to kvd.Cache.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_caching.backends.base import BaseCache

from kvd.caching import Cache

_NOTHING: Any = object()


class KvdCache(BaseCache):  # type: ignore[misc]
    def __init__(self, threshold: int = 500, default_timeout: int = 300, **options: Any) -> None:
        super().__init__(default_timeout=default_timeout)
        options.pop("ignore_delete_many_errors", None)  # set by the factory for backends with servers
        self._kvd: Cache[str, Any] = Cache(threshold or None, **options)

    @classmethod
    def factory(cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> KvdCache:
        kwargs.update(threshold=config["CACHE_THRESHOLD"], default_timeout=config["CACHE_DEFAULT_TIMEOUT"])
        return cls(*args, **kwargs)

    def _seconds(self, timeout: Any) -> float | None:
        timeout = self.default_timeout if timeout is None else timeout
        if isinstance(timeout, timedelta):
            timeout = timeout.total_seconds()
        return timeout if timeout > 0 else None

    def get(self, key: str) -> Any:
        return self._kvd.get(key)

    def set(self, key: str, value: Any, timeout: Any = None) -> bool:
        return self._kvd.set(key, value, self._seconds(timeout))

    def add(self, key: str, value: Any, timeout: Any = None) -> bool:
        return self._kvd.add(key, value, self._seconds(timeout))

    def delete(self, key: str) -> bool:
        return self._kvd.delete(key)

    def has(self, key: str) -> bool:
        return key in self._kvd

    def clear(self) -> bool:
        self._kvd.clear()
        return True

    def inc(self, key: str, delta: int = 1) -> Any:
        return self._kvd.incr(key, delta, ttl=self._seconds(None))

    def dec(self, key: str, delta: int = 1) -> Any:
        return self.inc(key, -delta)
