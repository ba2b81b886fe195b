"""`kvd.Valkey` and `kvd.asyncio.Valkey`: valkey-py's clients on the engine in this process, where that package is installed.

All of it is what redis-py's clients are (sync.py, aio.py), on valkey-py's classes.
"""

from __future__ import annotations

import valkey
import valkey.asyncio
from valkey import exceptions

from kvd.clients import aio, sync
from kvd.clients.links import options_of


class Connection(sync.SyncConnection, valkey.connection.AbstractConnection):
    """One of valkey-py's connections to a store in this process."""

    _exceptions = exceptions


class ConnectionPool(sync.SyncPool, valkey.ConnectionPool):
    """A valkey-py ConnectionPool whose connections lead to a store in this process; arguments as kvd.ConnectionPool's."""

    _connection_class = Connection


class Valkey(sync.SyncClient, valkey.Valkey):
    """valkey.Valkey on a store in this process; arguments as kvd.Redis's."""

    _exceptions = exceptions
    _pool_class = ConnectionPool
    _connection_options = options_of(valkey.Connection, valkey.connection.AbstractConnection)


class AsyncConnection(aio.AsyncConnection, valkey.asyncio.connection.AbstractConnection):
    """The same for asyncio."""

    _exceptions = exceptions


class AsyncConnectionPool(aio.AsyncPool, valkey.asyncio.ConnectionPool):
    """The same for asyncio."""

    _connection_class = AsyncConnection


class AsyncValkey(aio.AsyncClient, valkey.asyncio.Valkey):
    """valkey.asyncio.Valkey on a store in this process; arguments as kvd.Redis's."""

    _exceptions = exceptions
    _pool_class = AsyncConnectionPool
    _connection_options = options_of(valkey.asyncio.Connection, valkey.asyncio.connection.AbstractConnection)
