"""pytest's fixtures: `kvd_store`, `redis_client`, `async_redis_client`, `kvd_server`, `redis_url`.

    def test_it(redis_client):
        redis_client.set("k", "v")

`@pytest.mark.kvd(config={"maxmemory": "10mb"}, version="7.2")` sets options of the test's store, and the server that it emulates. Every test has its own data, because it makes
a new store (tens of microseconds); workers of pytest-xdist share nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "kvd(config, version, server_type): options of the store of this test, as in a redis.conf, and the server that it emulates",
    )


@pytest.fixture
def kvd_store(request: pytest.FixtureRequest) -> Any:
    """A new kvd.Store, with the options and the version of the marker `kvd`; the closest marker counts."""
    from kvd.embedded import Store
    from kvd.testing.versions import emulated

    options: dict[str, Any] = {}
    for marker in request.node.iter_markers("kvd"):
        if "version" in marker.kwargs or "server_type" in marker.kwargs:
            options.setdefault("emulate", emulated(marker.kwargs.get("version"), marker.kwargs.get("server_type", "redis")))
        for name, value in marker.kwargs.get("config", {}).items():
            options.setdefault(name.replace("-", "_"), value)
    return Store(**options)


@pytest.fixture
def redis_client(kvd_store: Any) -> Iterator[Any]:
    """A redis.Redis whose data is kvd_store, without a socket."""
    from kvd.clients.sync import Redis

    client = Redis(kvd_store)
    yield client
    client.close()


@pytest.fixture
def async_redis_client(kvd_store: Any) -> Any:
    """A redis.asyncio.Redis whose data is kvd_store, without a socket; it works in any event loop."""
    from kvd.clients.aio import Redis

    return Redis(kvd_store)


@pytest.fixture
def kvd_server(kvd_store: Any) -> Iterator[Any]:
    """A server for kvd_store on a free port: `.url`, `.port`, `.store`."""
    with kvd_store.serve() as server:
        yield server


@pytest.fixture(scope="session")
def _session_server() -> Iterator[Any]:
    from kvd.embedded import Store

    with Store().serve() as server:
        yield server


@pytest.fixture
def redis_url(_session_server: Any) -> str:
    """The URL of one server for the whole session; each test starts with its data deleted."""
    _session_server.store.flushall()
    url: str = _session_server.url
    return url
