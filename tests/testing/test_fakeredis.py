"""kvd.testing.fakeredis: the names and behaviour of the package fakeredis."""

import asyncio

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

from kvd.testing import fakeredis

from .waits import NO_RETRY, wait_for_blocked, waiting


def test_names_of_fakeredis():
    one, other = fakeredis.FakeRedis(), fakeredis.FakeStrictRedis(version=6)
    one.set("k", "v")
    assert one.get("k") == b"v" and other.get("k") is None and isinstance(one, redis.Redis)
    server = fakeredis.FakeServer(version=(7, 2), server_type="valkey")
    a, b = fakeredis.FakeRedis(server=server, decode_responses=True), fakeredis.FakeStrictRedis(server=server, db=0)
    a.set("k", "shared")
    assert b.get("k") == b"shared" and a.get("k") == "shared"
    server.connected = False
    for client in (a, b):
        with pytest.raises(redis.ConnectionError, match="emulating a connection error"):
            client.get("k")
    server.connected = True
    assert a.get("k") == "shared"
    with pytest.raises(redis.ConnectionError):
        fakeredis.FakeRedis(connected=False).ping()
    assert fakeredis.FakeRedis.from_url("redis://a:1").set("k", 1) and fakeredis.FakeRedis.from_url("redis://a:1").get("k") == b"1"
    assert fakeredis.FakeRedis.from_url("redis://a:2").get("k") is None
    pool = redis.ConnectionPool(connection_class=fakeredis.FakeConnection, server=server)
    assert redis.Redis(connection_pool=pool).get("k") == b"shared"

    async def run():
        client = fakeredis.FakeAsyncRedis(server=server)
        assert await client.get("k") == b"shared"
        pool = redis.asyncio.ConnectionPool(connection_class=fakeredis.FakeAsyncConnection, server=server)
        assert await redis.asyncio.Redis(connection_pool=pool).get("k") == b"shared"

    asyncio.run(run())
    with fakeredis.TcpFakeServer(("127.0.0.1", 0)) as tcp:
        assert redis.Redis(port=tcp.server_address[1]).set("k", "v") is True


def test_a_fake_server_that_goes_down_cuts_commands_that_wait():
    server = fakeredis.FakeServer()
    client = fakeredis.FakeRedis(server=server, retry=NO_RETRY)
    thread, ended = waiting(server.store, lambda: client.blpop("l", timeout=60))
    wait_for_blocked(server.store)
    server.connected = False
    thread.join(20)
    assert isinstance(ended[0], redis.ConnectionError)


def test_fake_clients_of_one_address_share_their_data():
    one = fakeredis.FakeRedis(host="h")
    one.set("k", "v")
    assert fakeredis.FakeRedis(host="h", port=6379).get("k") == fakeredis.FakeRedis.from_url("redis://h").get("k") == b"v"
    assert fakeredis.FakeRedis("h").get("k") == b"v" and asyncio.run(fakeredis.FakeAsyncRedis(host="h").get("k")) == b"v"
    assert fakeredis.FakeRedis(host="h", port=1).get("k") is None and fakeredis.FakeRedis().get("k") is None
    pool = redis.ConnectionPool(host="h", connection_class=fakeredis.FakeConnection)
    assert redis.Redis(connection_pool=pool).get("k") == b"v"
