"""The names of fakeredis, on kvd: `from kvd.testing import fakeredis` is the one line that changes.

Clients without a server have data of their own; those of one FakeServer share it; `server.connected = False` cuts them off.
"""

from __future__ import annotations

from typing import Any

from kvd.clients import aio, sync
from kvd.clients.links import POSITIONAL
from kvd.clients.stores import address_of
from kvd.embedded import Store
from kvd.testing.faults import Faults

OUTAGE = "FakeRedis is emulating a connection error."
_by_address: dict[str, FakeServer] = {}  # of clients that name a host: one server each, as long as the process lives


class FakeServer:
    """Data that several clients share. version and server_type are kept for those who ask; kvd behaves as Redis 7.4 does."""

    def __init__(
        self, version: Any = (7,), server_type: str = "redis", config: dict[Any, Any] | None = None, connected: bool = True
    ) -> None:
        self.version = version
        self.server_type = server_type
        self.store = Store()
        for name, value in (config or {}).items():
            self.store.config_set(name, value)
        self._faults: Faults | None = None
        self.connected = connected

    @property
    def connected(self) -> bool:
        """False: every client of the server gets a ConnectionError."""
        return self._faults is None

    @connected.setter
    def connected(self, value: bool) -> None:
        if self._faults is not None:
            self._faults.stop()
        self._faults = None if value else Faults(self.store, refuse=OUTAGE)


def _server(options: dict[str, Any]) -> FakeServer:
    server = options.pop("server", None)
    version, kind, connected = options.pop("version", (7,)), options.pop("server_type", "redis"), options.pop("connected", True)
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
    """Stands before a connection class. Without a server it shares that of its address."""

    def __init__(self, *args: Any, **options: Any) -> None:
        if "store" not in options:
            options.setdefault("host", "localhost")
            options["store"] = _server(options).store
        super().__init__(**options)


class FakeConnection(_FakeConnection, sync.Connection):
    """A connection for redis.ConnectionPool(connection_class=FakeConnection, server=...)."""


class FakeAsyncConnection(_FakeConnection, aio.Connection):
    """The same for redis.asyncio.ConnectionPool."""


FakeRedisConnection = FakeConnection
FakeAsyncRedisConnection = FakeAsyncConnection


def _from_url(url: str, options: dict[str, Any]) -> dict[str, Any]:
    from redis.connection import parse_url

    found = {"host": "localhost", **parse_url(url.replace("valkey://", "redis://", 1)), **options}
    found.pop("connection_class", None)
    return found


class _Fake:
    """Stands before the client class that it makes a fake of."""

    def __init__(self, *address: Any, **options: Any) -> None:
        options.update(zip(POSITIONAL, address, strict=False))
        if options.get("connection_pool") is not None:
            super().__init__(**options)
            return
        self.fake_server = _server(options)
        super().__init__(self.fake_server.store, **options)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """A client for a redis:// URL; those of one host and port share their data."""
        return cls(**_from_url(url, options))


class FakeRedis(_Fake, sync.Redis):
    """redis.Redis without a server. server: a FakeServer, or None for data of its own. connected: False raises ConnectionError."""


class FakeAsyncRedis(_Fake, aio.Redis):
    """The same for redis.asyncio.Redis."""


FakeStrictRedis = FakeRedis
try:
    from kvd.clients.valkey import AsyncValkey, Valkey
except ImportError:  # without valkey-py its names stand for redis-py's classes
    FakeValkey: Any = FakeRedis
    FakeAsyncValkey: Any = FakeAsyncRedis
else:

    class FakeValkey(_Fake, Valkey):  # type: ignore[no-redef]
        """The same for valkey.Valkey."""

    class FakeAsyncValkey(_Fake, AsyncValkey):  # type: ignore[no-redef]
        """The same for valkey.asyncio.Valkey."""


FakeStrictValkey = FakeValkey


class TcpFakeServer:
    """A real server on a TCP port, for clients that insist on one: `TcpFakeServer(("127.0.0.1", 0))`.

    serve_forever() waits until shutdown(); the server answers from the moment it is made."""

    def __init__(
        self,
        server_address: tuple[Any, int],
        bind_and_activate: bool = True,
        server_type: str = "redis",
        server_version: Any = (7,),
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
