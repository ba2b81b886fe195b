"""An aiocache backend: use `kvd.integrations.aiocache.KvdCache` instead of aiocache.SimpleMemoryCache.

Times are seconds; None: no expiry. Additional arguments: `cache` (the kvd.Cache to use) and `maxsize`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiocache.base import BaseCache
from aiocache.serializers import NullSerializer

from kvd.caching import Cache


class KvdCache(BaseCache):  # type: ignore[misc]
    NAME = "kvd"

    def __init__(
        self, serializer: Any = None, cache: Cache[str, Any] | None = None, maxsize: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(serializer=serializer or NullSerializer(), **kwargs)
        self._kvd: Cache[str, Any] = Cache(maxsize) if cache is None else cache

    @staticmethod
    def _life(ttl: float | None) -> float | None:
        return ttl if ttl else None

    async def _get(self, key: str, encoding: str | None = "utf-8", _conn: Any = None) -> Any:
        return self._kvd.get(key)

    _gets = _get

    async def _multi_get(self, keys: Iterable[str], encoding: str | None = "utf-8", _conn: Any = None) -> list[Any]:
        return [self._kvd.get(key) for key in keys]

    async def _set(self, key: str, value: Any, ttl: float | None = None, _cas_token: Any = None, _conn: Any = None) -> Any:
        if _cas_token is not None:
            return self._kvd.cas(key, _cas_token, value)
        return self._kvd.set(key, value, self._life(ttl))

    async def _multi_set(self, pairs: Iterable[tuple[str, Any]], ttl: float | None = None, _conn: Any = None) -> bool:
        self._kvd.set_many(pairs, self._life(ttl))
        return True

    async def _add(self, key: str, value: Any, ttl: float | None = None, _conn: Any = None) -> bool:
        if not self._kvd.add(key, value, self._life(ttl)):
            raise ValueError(f"Key {key} already exists, use .set to update the value")
        return True

    async def _exists(self, key: str, _conn: Any = None) -> bool:
        return key in self._kvd

    async def _increment(self, key: str, delta: int, _conn: Any = None) -> Any:
        try:
            return self._kvd.incr(key, delta)
        except TypeError:
            raise TypeError("Value is not an integer") from None

    async def _expire(self, key: str, ttl: float, _conn: Any = None) -> bool:
        return self._kvd.touch(key, self._life(ttl))

    async def _delete(self, key: str, _conn: Any = None) -> int:
        return int(self._kvd.delete(key))

    async def _clear(self, namespace: str | None = None, _conn: Any = None) -> bool:
        if namespace:
            self._kvd.delete_prefix(namespace)
        else:
            self._kvd.clear()
        return True

    async def _raw(self, command: str, *args: Any, encoding: str | None = "utf-8", _conn: Any = None, **kwargs: Any) -> Any:
        return getattr(self._kvd, command)(*args, **kwargs)

    async def _redlock_release(self, key: str, value: Any) -> int:
        return int(self._kvd.peek(key) == value and self._kvd.delete(key))

    @classmethod
    def parse_uri_path(cls, path: str) -> dict[str, Any]:
        return {}
