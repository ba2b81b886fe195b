"""`kvd.Valkey` and `kvd.asyncio.Valkey`: valkey-py's clients on the engine in this process, where that package is installed.

The same as the clients for redis-py (sync.py, aio.py), derived from valkey-py's classes.
"""

from __future__ import annotations

import valkey
import valkey.asyncio
from valkey import exceptions

from kvd.clients import aio, sync
from kvd.clients.links import options_of


class Connection(sync.SyncConnection, valkey.connection.AbstractConnection):
    """A valkey-py connection to a store in this process."""

    _exceptions = exceptions


class ConnectionPool(sync.SyncPool, valkey.ConnectionPool):
    """A valkey-py ConnectionPool whose connections use a store in this process; arguments as for kvd.ConnectionPool."""

    _connection_class = Connection


class Valkey(sync.SyncClient, valkey.Valkey):
    """valkey.Valkey on a store in this process; arguments as for kvd.Redis."""

    _exceptions = exceptions
    _pool_class = ConnectionPool
    _connection_options = options_of(valkey.Connection, valkey.connection.AbstractConnection)


class AsyncConnection(aio.AsyncConnection, valkey.asyncio.connection.AbstractConnection):
    """A valkey-py asyncio connection to a store in this process."""

    _exceptions = exceptions


class AsyncConnectionPool(aio.AsyncPool, valkey.asyncio.ConnectionPool):
    """A valkey-py asyncio ConnectionPool whose connections use a store in this process; arguments as for kvd.ConnectionPool."""

    _connection_class = AsyncConnection


class AsyncValkey(aio.AsyncClient, valkey.asyncio.Valkey):
    """valkey.asyncio.Valkey on a store in this process; arguments as for kvd.Redis."""

    _exceptions = exceptions
    _pool_class = AsyncConnectionPool
    _connection_options = options_of(valkey.asyncio.Connection, valkey.asyncio.connection.AbstractConnection)
