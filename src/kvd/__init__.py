"""kvd: an in-process cache and key-value store that speaks the Redis protocol.

    import kvd
    store = kvd.Store()
    store.set("greeting", "hello", ex=60)
    store.get("greeting")

`Store` is the engine in this process; `Store.serve` or `kvd serve` lets Redis clients in. `Cache` keeps any Python
object: `kvd.Cache(10_000, ttl=60)`, and `@kvd.cached` remembers what a function returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvd.doors.server import Server
from kvd.doors.session import Session
from kvd.doors.store import total_memory
from kvd.embedded import Store

if TYPE_CHECKING:
    from kvd.caching import Cache, CacheStats, caches
    from kvd.caching.memoize import cached, lru_cache
    from kvd.caching.metrics import prometheus
    from kvd.caching.recipes import RateLimiter, barrier, throttle
    from kvd.caching.snapshot import SnapshotError
    from kvd.clients.sync import ConnectionPool, Redis, StrictRedis, from_url
    from kvd.errors import (
        AuthenticationError,
        BusyLoadingError,
        ConfigError,
        ExecAbortError,
        KvdError,
        NoAuthError,
        NoScriptError,
        OutOfMemoryError,
        ReadOnlyError,
        ResponseError,
        ServerError,
        WrongTypeError,
    )

__version__ = "0.1.0"

_LAZY = {  # where names live that are imported when first asked for, to keep `import kvd` quick
    "Cache": "kvd.caching", "CacheStats": "kvd.caching", "caches": "kvd.caching", "cached": "kvd.caching.memoize",
    "lru_cache": "kvd.caching.memoize", "prometheus": "kvd.caching.metrics", "SnapshotError": "kvd.caching.snapshot",
    "Redis": "kvd.clients.sync", "StrictRedis": "kvd.clients.sync", "ConnectionPool": "kvd.clients.sync", "from_url": "kvd.clients.sync",
    "Valkey": "kvd.clients.valkey",
    "RateLimiter": "kvd.caching.recipes", "barrier": "kvd.caching.recipes", "throttle": "kvd.caching.recipes",
}  # fmt: skip
_ERRORS = (
    "AuthenticationError", "BusyLoadingError", "ConfigError", "ExecAbortError", "KvdError", "NoAuthError",
    "NoScriptError", "OutOfMemoryError", "ReadOnlyError", "ResponseError", "ServerError", "WrongTypeError",
)  # fmt: skip

__all__ = [
    "AuthenticationError", "BusyLoadingError", "Cache", "CacheStats", "ConfigError", "ConnectionPool", "ExecAbortError", "KvdError", "NoAuthError",
    "NoScriptError", "OutOfMemoryError", "RateLimiter", "ReadOnlyError", "Redis", "ResponseError", "Server", "ServerError", "Session",
    "SnapshotError", "Store", "StrictRedis", "WrongTypeError", "barrier", "cached", "caches", "from_url", "lru_cache", "prometheus", "throttle",
    "total_memory",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Errors are subclasses of redis-py's, whose import is slow: it happens when one is first named."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    if name in _ERRORS:
        from kvd import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'kvd' has no attribute {name!r}")
