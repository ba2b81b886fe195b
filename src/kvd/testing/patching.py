"""`patch`: connects redis-py's own clients to stores in this process, wherever the code under test makes them.

The patch replaces the methods of redis-py's connection classes that connect, send and read. It therefore does not matter how a
client was made (Redis, StrictRedis, from_url, a pool, before or after the patch), and isinstance and all options work as
usual. A connection that already has a socket when the patch starts keeps it.
"""

from __future__ import annotations

import inspect
import weakref
from contextlib import ContextDecorator
from typing import Any

import redis.asyncio.connection
import redis.connection
import redis.exceptions

from kvd.clients import aio, sync
from kvd.clients.links import decodes_itself
from kvd.doors.link import Link
from kvd.embedded import Store
from kvd.testing.versions import emulated

SYNC = ("send_packed_command", "send_command", "can_read", "read_response", "pack_command", "pack_commands", "disconnect",
        "activate_maint_notifications_handling_if_enabled", "_wait", "_read", "_decoded")  # fmt: skip
ASYNC = ("send_packed_command", "send_command", "can_read_destructive", "can_read", "read_response", "pack_command", "pack_commands",
         "disconnect", "activate_maint_notifications_handling_if_enabled", "_wait", "_read", "_ready", "_close", "_decoded", "is_connected", "__del__")  # fmt: skip


def _address(connection: Any) -> tuple[str, int]:
    path = getattr(connection, "path", None)
    if path:
        return str(path), 0
    return str(getattr(connection, "host", "localhost")).replace("127.0.0.1", "localhost"), int(
        getattr(connection, "port", 6379) or 0
    )


def _has_socket(connection: Any) -> bool:
    """Whether the connection was connected before the patch, to a real server."""
    sock = getattr(connection, "_sock", None) or getattr(connection, "_reader", None)
    return sock is not None and not isinstance(sock, Link)


def _redirected(original: Any, ours: Any) -> Any:
    if isinstance(ours, property):
        return property(lambda self: original.fget(self) if _has_socket(self) else ours.fget(self))

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        chosen = original if original is not None and _has_socket(self) else ours
        return chosen(self, *args, **kwargs)

    async def coroutine(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await method(self, *args, **kwargs)

    return coroutine if inspect.iscoroutinefunction(ours) else method


class Patch(ContextDecorator):
    """The patch that `patch` returns. stores: the store of each (host, port), or of (path, 0) for a unix socket."""

    def __init__(
        self, stores: dict[tuple[str, int], Store] | None = None, version: Any = None, server_type: str = "redis"
    ) -> None:
        self.stores = {} if stores is None else stores
        self._version, self._server_type = version, server_type
        self._emulates = emulated(version, server_type)
        self._saved: list[tuple[type, str, Any]] = []
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()

    def store(self, host: str = "localhost", port: int = 6379) -> Store:
        """Return the store that clients of this address use; the first call makes it."""
        key = (host.replace("127.0.0.1", "localhost"), port)
        if key not in self.stores:
            self.stores[key] = Store(emulate=self._emulates)
        return self.stores[key]

    def _prepare(self, connection: Any) -> Store:
        host, port = _address(connection)
        connection.store = self.store(host, port)
        connection._native = decodes_itself(connection.encoder)
        connection._patience = connection.socket_timeout
        self._made.add(connection)
        store: Store = connection.store
        return store

    def _put(self, owner: type, name: str, value: Any) -> None:
        self._saved.append((owner, name, owner.__dict__.get(name)))
        setattr(owner, name, value)

    def start(self) -> Patch:
        """Start the patch; `stop` ends it."""
        patch_of = self

        def connect(self: Any) -> Any:
            patch_of._prepare(self)
            return sync.Connection._connect(self)

        async def connect_async(self: Any) -> None:
            patch_of._prepare(self)
            await aio.Connection._connect(self)

        for module, base, ours, names, opener in (
            (redis.connection, redis.connection.AbstractConnection, sync.Connection, SYNC, connect),
            (redis.asyncio.connection, redis.asyncio.connection.AbstractConnection, aio.Connection, ASYNC, connect_async),
        ):
            for name in names:
                self._put(base, name, _redirected(getattr(base, name, None), inspect.getattr_static(ours, name)))
            self._put(base, "_exceptions", redis.exceptions)
            for name in ("Connection", "SSLConnection", "UnixDomainSocketConnection"):
                owner = getattr(module, name)
                self._put(owner, "_connect", opener)
        self._put(redis.asyncio.connection.AbstractConnection, "_link", None)
        return self

    def stop(self) -> None:
        """End the patch and close the connections that were made during it."""
        for connection in list(self._made):
            for name in ("_sock", "_reader"):
                link = getattr(connection, name, None)
                if isinstance(link, Link):
                    link.close()
            for name in ("_sock", "_reader", "_writer", "_link"):
                if name in connection.__dict__:
                    setattr(connection, name, None)
        while self._saved:
            owner, name, value = self._saved.pop()
            if value is None:
                delattr(owner, name)
            else:
                setattr(owner, name, value)

    def __enter__(self) -> Patch:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _again(self) -> Patch:
        """Another patch with these stores: calls of a coroutine function may overlap."""
        return Patch(self.stores, self._version, self._server_type)

    def __call__(self, func: Any) -> Any:
        if not inspect.iscoroutinefunction(func):
            return super().__call__(func)
        from functools import wraps

        @wraps(func)
        async def patched(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return await func(*args, **kwargs)

        return patched


def patch(stores: dict[tuple[str, int], Store] | None = None, version: Any = None, server_type: str = "redis") -> Patch:
    """Connect redis-py's clients to stores in this process; a context manager, and a decorator of functions and coroutines.

        with kvd.testing.patch() as fake:
            code_under_test()
            assert fake.store("cache.example", 6379).get("k") == b"v"

    stores: stores by (host, port), for data that exists beforehand. Other addresses get an empty store. version, server_type: the
    server that these emulate, as `(7, 2)` and "redis" or "valkey"; without them they have all that kvd has.
    """
    return Patch(stores, version, server_type)
