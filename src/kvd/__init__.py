"""kvd: an in-process cache and key-value store that speaks the Redis protocol.

    import kvd
    store = kvd.Store()
    store.set("greeting", "hello", ex=60)
    store.get("greeting")

`Store` is the engine in this process; `Store.serve` and `kvd serve` serve Redis clients. `Cache` stores any Python objects:
`kvd.Cache(10_000, ttl=60)`. `@kvd.cached` caches the results of a function. `DiskCache` keeps objects in a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvd.commands.info import VERSION as _VERSION
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
    from kvd.diskcache import DiskCache
    from kvd.errors import (
        AuthenticationError,
        BusyLoadingError,
        ClosedError,
        ConfigError,
        DataError,
        ExecAbortError,
        FileError,
        KvdError,
        NoAuthError,
        NoScriptError,
        OutOfMemoryError,
        ReadOnlyError,
        ResponseError,
        ServerError,
        WrongTypeError,
    )
    from kvd.tls import TLS

__version__ = _VERSION

_SOURCES = {  # names that are imported on first use, so that `import kvd` is fast
    "kvd.caching": ("Cache", "CacheStats", "caches"),
    "kvd.caching.memoize": ("cached", "lru_cache"),
    "kvd.caching.metrics": ("prometheus",),
    "kvd.caching.recipes": ("RateLimiter", "barrier", "throttle"),
    "kvd.caching.snapshot": ("SnapshotError",),
    "kvd.clients.sync": ("ConnectionPool", "Redis", "StrictRedis", "from_url"),
    "kvd.clients.valkey": ("Valkey",),
    "kvd.diskcache": ("DiskCache",),
    "kvd.errors": (
        "AuthenticationError", "BusyLoadingError", "ClosedError", "ConfigError", "DataError", "ExecAbortError", "FileError", "KvdError",
        "NoAuthError", "NoScriptError", "OutOfMemoryError", "ReadOnlyError", "ResponseError", "ServerError", "WrongTypeError",
    ),
    "kvd.tls": ("TLS",),
}  # fmt: skip
_LAZY = {name: module for module, names in _SOURCES.items() for name in names}
_MODULES = ("asyncio", "compat", "errors", "testing")

__all__ = [
    "AuthenticationError", "BusyLoadingError", "Cache", "CacheStats", "ClosedError", "ConfigError", "ConnectionPool", "DataError", "DiskCache", "ExecAbortError", "FileError", "KvdError", "NoAuthError",
    "NoScriptError", "OutOfMemoryError", "RateLimiter", "ReadOnlyError", "Redis", "ResponseError", "Server", "ServerError", "Session",
    "SnapshotError", "Store", "StrictRedis", "TLS", "WrongTypeError", "barrier", "cached", "caches", "from_url", "lru_cache", "prometheus", "throttle",
    "total_memory",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a name or module on first use. Exceptions are subclasses of redis-py's, whose import is slow."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"kvd.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'kvd' has no attribute {name!r}")
    try:
        value = getattr(import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("kvd"):
            raise
        raise AttributeError(f"kvd.{name} needs the package {error.name}") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, including those not imported yet."""
    from importlib.util import find_spec

    return sorted([*__all__, *_MODULES, *(["Valkey"] if find_spec("valkey") else [])])
