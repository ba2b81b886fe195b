"""The names of fakeredis, implemented by kvd: `from kvd.testing import fakeredis` is the only line to change.

A client without a server has its own data; clients of one FakeServer share theirs; after `server.connected = False` they get
ConnectionErrors.
"""

from __future__ import annotations

from typing import Any

from kvd.clients import aio, sync
from kvd.clients.links import POSITIONAL
from kvd.clients.stores import address_of
from kvd.embedded import Store
from kvd.testing.faults import Faults
from kvd.testing.versions import emulated

OUTAGE = "FakeRedis is emulating a connection error."
_by_address: dict[str, FakeServer] = {}  # servers of clients that name a host, until the process ends


class FakeServer:
    """Data that several clients share.

    version, server_type: the server whose commands, options and error texts it has, as `(7, 2)` and "redis" or "valkey"; without
    them it has all that kvd has. config: options by directive name. connected: False makes every client raise ConnectionError.
    Raises ValueError if kvd does not emulate that server.
    """

    def __init__(
        self, version: Any = None, server_type: str = "redis", config: dict[Any, Any] | None = None, connected: bool = True
    ) -> None:
        self.version = version
        self.server_type = server_type
        self.store = Store(emulate=emulated(version, server_type))
        for name, value in (config or {}).items():
            self.store.config_set(name, value)
        self._faults: Faults | None = None
        self.connected = connected

    @property
    def connected(self) -> bool:
        """Whether clients reach the server; False makes them raise ConnectionError."""
        return self._faults is None

    @connected.setter
    def connected(self, value: bool) -> None:
        if self._faults is not None:
            self._faults.stop()
        self._faults = None if value else Faults(self.store, refuse=OUTAGE)


def _server(options: dict[str, Any]) -> FakeServer:
    server = options.pop("server", None)
    version, kind, connected = options.pop("version", None), options.pop("server_type", "redis"), options.pop("connected", True)
    options.pop("lua_modules", None)
    address = address_of(options)
    if server is not None:
        return server
    if address is None:
        return FakeServer(version, kind, connected=connected)
    if address not in _by_address:
        _by_address[address] = FakeServer(version, kind)
    if not connected:
        _by_address[address].connected = False
    return _by_address[address]


class _FakeConnection:
    """Base listed before a connection class. Without a server it uses the server of its address."""

    def __init__(self, *args: Any, **options: Any) -> None:
        if "store" not in options:
            options.setdefault("host", "localhost")
            options["store"] = _server(options).store
        super().__init__(**options)


class FakeConnection(_FakeConnection, sync.Connection):
    """A connection for redis.ConnectionPool(connection_class=FakeConnection, server=...)."""


class FakeAsyncConnection(_FakeConnection, aio.Connection):
    """A connection for redis.asyncio.ConnectionPool(connection_class=FakeAsyncConnection, server=...)."""


FakeRedisConnection = FakeConnection
FakeAsyncRedisConnection = FakeAsyncConnection


def _from_url(url: str, options: dict[str, Any]) -> dict[str, Any]:
    from redis.connection import parse_url

    found = {"host": "localhost", **parse_url(url.replace("valkey://", "redis://", 1)), **options}
    found.pop("connection_class", None)
    return found


class _Fake:
    """Base listed before the client class that it imitates."""

    def __init__(self, *address: Any, **options: Any) -> None:
        options.update(zip(POSITIONAL, address, strict=False))
        if options.get("connection_pool") is not None:
            super().__init__(**options)
            return
        self.fake_server = _server(options)
        super().__init__(self.fake_server.store, **options)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """Return a client for a redis:// URL; clients of one host and port share their data."""
        return cls(**_from_url(url, options))


class FakeRedis(_Fake, sync.Redis):
    """redis.Redis without a server.

    server: a FakeServer, or None for private data. connected: False makes it raise ConnectionError. Other arguments: those of
    redis.Redis.
    """


class FakeAsyncRedis(_Fake, aio.Redis):
    """redis.asyncio.Redis without a server; arguments as for FakeRedis."""


FakeStrictRedis = FakeRedis
try:
    from kvd.clients.valkey import AsyncValkey, Valkey
except ImportError:  # without valkey-py these names are those of redis-py's classes
    FakeValkey: Any = FakeRedis
    FakeAsyncValkey: Any = FakeAsyncRedis
else:

    class FakeValkey(_Fake, Valkey):  # type: ignore[no-redef]
        """valkey.Valkey without a server; arguments as for FakeRedis."""

    class FakeAsyncValkey(_Fake, AsyncValkey):  # type: ignore[no-redef]
        """valkey.asyncio.Valkey without a server; arguments as for FakeRedis."""


FakeStrictValkey = FakeValkey


class TcpFakeServer:
    """A server on a TCP port, for clients that need one: `TcpFakeServer(("127.0.0.1", 0))`.

    The server answers as soon as the object exists; serve_forever() only waits until shutdown() is called.
    """

    def __init__(
        self,
        server_address: tuple[Any, int],
        bind_and_activate: bool = True,
        server_type: str = "redis",
        server_version: Any = None,
    ) -> None:
        from threading import Event

        self.fake_server = FakeServer(server_version, server_type)
        self._over = Event()
        self._server = self.fake_server.store.serve(server_address[1], host=str(server_address[0]))
        self.server_address = (server_address[0], self._server.port)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        self._over.wait()

    def shutdown(self) -> None:
        self._over.set()
        self._server.stop()

    server_close = shutdown

    def __enter__(self) -> TcpFakeServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()


__all__ = [
    "FakeAsyncConnection", "FakeAsyncRedis", "FakeAsyncRedisConnection", "FakeAsyncValkey", "FakeConnection", "FakeRedis",
    "FakeRedisConnection", "FakeServer", "FakeStrictRedis", "FakeStrictValkey", "FakeValkey", "TcpFakeServer",
]  # fmt: skip
