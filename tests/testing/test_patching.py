"""The patch: every way to make a client reaches the store in this process, until it ends."""

import asyncio
import inspect
import subprocess
import sys
from unittest.mock import AsyncMock

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

import kvd
import kvd.asyncio
from kvd.testing import patch


def originals():
    classes = [redis.connection.AbstractConnection, redis.connection.Connection, redis.connection.UnixDomainSocketConnection,
               redis.asyncio.connection.AbstractConnection, redis.asyncio.connection.Connection]  # fmt: skip
    return [dict(vars(c)) for c in classes]


def test_the_patch_reaches_every_way_to_make_a_client():
    before = originals()
    early = redis.Redis(host="early", port=1)
    with patch() as fake:
        early.set("k", "early")
        for client in (redis.Redis(), redis.StrictRedis(port=6379), redis.from_url("redis://127.0.0.1:6379/0"), redis.Redis.from_url("redis://localhost"),
                       redis.Redis(connection_pool=redis.ConnectionPool(host="localhost"))):  # fmt: skip
            assert client.incr("n") and isinstance(client, redis.Redis)
        assert fake.store().get("n") == b"5" and fake.store("early", 1).get("k") == b"early" and fake.store("other").get("n") is None
        assert redis.Redis(db=1).get("n") is None and redis.Redis(unix_socket_path="/tmp/s").set("k", "v") and fake.store("/tmp/s", 0).get("k") == b"v"
        assert redis.Redis(decode_responses=True, protocol=3).get("n") == "5"
        listener = redis.Redis().pubsub()
        listener.subscribe("c")
        assert listener.get_message(timeout=1)["type"] == "subscribe" and redis.Redis().publish("c", "m") == 1

        async def run():
            client = redis.asyncio.Redis()
            async with client.pipeline() as pipe:
                assert await pipe.incr("n").get("n").execute() == [6, b"6"]
            assert await client.blpop("none", timeout=0.01) is None
            await client.aclose()

        asyncio.run(run())
    assert originals() == before
    with pytest.raises(redis.ConnectionError):
        early.get("k")


def test_the_patch_decorates():
    store = kvd.Store()
    store.set("k", "v")

    @patch({("localhost", 6379): store})
    def sync():
        return redis.Redis().get("k")

    @patch({("localhost", 6379): store})
    async def coroutine():
        return await redis.asyncio.Redis().get("k")

    before = originals()
    assert sync() == b"v" and asyncio.run(coroutine()) == b"v" and originals() == before
    with pytest.raises(ZeroDivisionError), patch():
        1 / 0  # noqa: B018
    assert originals() == before


def test_a_connection_that_is_real_stays_real():
    with kvd.Store().serve() as server:
        client = redis.Redis(port=server.port, single_connection_client=True)
        client.set("k", "real")
        with patch() as fake:
            assert client.get("k") == b"real" and fake.stores == {}
            redis.Redis(port=server.port).set("k", "fake")
        assert client.get("k") == b"real"
        client.close()


def test_it_imports_neither_pytest_nor_the_command_line():
    code = "import kvd.testing, kvd.testing.fakeredis, sys; assert not {'pytest', 'click', 'kvd.cli'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_patched_asyncio_connections_can_be_mocked():
    before = {name for name, _ in inspect.getmembers(redis.asyncio.Connection, inspect.iscoroutinefunction)}
    with patch():
        assert before <= {name for name, _ in inspect.getmembers(redis.asyncio.Connection, inspect.iscoroutinefunction)}
        assert inspect.iscoroutinefunction(AsyncMock(spec=redis.asyncio.Connection).send_command)
