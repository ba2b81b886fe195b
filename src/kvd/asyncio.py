"""redis-py's asyncio client on the engine in this process; see kvd.clients.aio."""

from kvd.clients.aio import Connection, ConnectionPool, Redis, StrictRedis, from_url

__all__ = ["Connection", "ConnectionPool", "Redis", "StrictRedis", "from_url"]
