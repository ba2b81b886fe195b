"""redis-py's asyncio client on a store in this process; see kvd.clients.aio. `Valkey` requires valkey-py."""

from typing import Any

from kvd.clients.aio import Connection, ConnectionPool, Redis, StrictRedis, from_url

__all__ = ["Connection", "ConnectionPool", "Redis", "StrictRedis", "from_url"]


def __getattr__(name: str) -> Any:
    if name == "Valkey":
        from kvd.clients.valkey import AsyncValkey

        return AsyncValkey
    raise AttributeError(f"module 'kvd.asyncio' has no attribute {name!r}")
