"""kvd.testing: the patch, faults, fakeredis's names, pytest's fixtures."""

import asyncio
import inspect
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

import kvd
import kvd.asyncio
from kvd.testing import Faults, fakeredis, patch

pytest_plugins = ["pytester"]


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


def test_faults_meet_redis_pys_retries():
    from redis.backoff import NoBackoff
    from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError
    from redis.retry import Retry

    store = kvd.Store()
    plain = kvd.Redis(store, retry=Retry(NoBackoff(), 0))
    stubborn = kvd.Redis(store, retry=Retry(NoBackoff(), 3), retry_on_error=[BusyLoadingError, redis.ConnectionError])
    stubborn.set("k", "v")
    with Faults(store) as faults:
        faults.answer("LOADING", times=2)
        assert stubborn.get("k") == b"v"
        for answer, kind in (("LOADING", BusyLoadingError), ("READONLY", ReadOnlyError), ("OOM", OutOfMemoryError), ("ERR my own", redis.ResponseError)):
            faults.answer(answer)
            with pytest.raises(kind):
                plain.get("k")
            assert plain.get("k") == b"v"
        faults.drop_after = 10
        with pytest.raises(redis.ConnectionError):
            for _ in range(10):
                plain.get("k")
        assert plain.get("k") == b"v"
        faults.drop_after = 1
        assert stubborn.get("k") == b"v"
        faults.delay = 0.05
        begun = time.monotonic()
        plain.get("k")
        assert time.monotonic() - begun >= 0.05
        faults.delay = 0
        faults.refuse = True
        for client in (plain, stubborn):
            with pytest.raises(redis.ConnectionError, match="refused"):
                client.get("k")
    assert plain.get("k") == b"v"

    async def run():
        client = kvd.asyncio.Redis(store, retry=redis.asyncio.retry.Retry(NoBackoff(), 0))
        with Faults(store) as faults:
            faults.answer("OOM")
            with pytest.raises(OutOfMemoryError):
                await client.set("k", "w")
            faults.refuse = "gone"
            with pytest.raises(redis.ConnectionError, match="gone"):
                await client.get("k")
        assert await client.get("k") == b"v"
        await client.aclose()

    asyncio.run(run())


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


def test_it_imports_neither_pytest_nor_the_command_line():
    code = "import kvd.testing, kvd.testing.fakeredis, sys; assert not {'pytest', 'click', 'kvd.cli'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_fixtures(pytester):
    pytester.makepyfile(
        """
        import asyncio, pytest, redis

        @pytest.mark.parametrize("n", [1, 2])
        def test_each_has_its_own_data(redis_client, n):
            assert redis_client.incr("n") == 1 and isinstance(redis_client, redis.Redis)

        def test_async_and_sync_share_the_store(redis_client, async_redis_client, kvd_store):
            asyncio.run(async_redis_client.set("k", "v"))
            assert redis_client.get("k") == b"v" == kvd_store.get("k")

        def test_a_server(kvd_server, kvd_store):
            assert redis.from_url(kvd_server.url).set("k", "v") and kvd_store.get("k") == b"v"

        @pytest.mark.parametrize("n", [1, 2])
        def test_a_url(redis_url, n):
            assert redis.from_url(redis_url).incr("n") == 1

        @pytest.mark.kvd(config={"maxmemory": "10mb", "maxmemory-policy": "allkeys-lru"}, version="7.2")
        def test_options(redis_client):
            assert redis_client.config_get("maxmemory") == {"maxmemory": "10485760"}
        """
    )
    result = pytester.runpytest_subprocess("-q", "--strict-markers", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=7)


def test_the_guides_tests_run(pytester):
    """What docs/testing.md shows of pytest."""
    guide = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    pytester.makepyfile("\n".join(re.findall(r"```py\n(.*?)```", guide, re.S)))
    pytester.runpytest_subprocess("-q", "--strict-markers", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def wait_for_blocked(store, n=1):
    while store.info("clients")["blocked_clients"] < n:
        pass


def waiting(store, call):
    """A thread that waits in call; what ends it is collected."""
    ended = []

    def wait():
        try:
            ended.append(call())
        except redis.ConnectionError as error:
            ended.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, ended


NO_RETRY = redis.retry.Retry(redis.backoff.NoBackoff(), 0)


def test_an_outage_cuts_commands_that_wait():
    store = kvd.Store()
    client = kvd.Redis(store, retry=NO_RETRY)
    faults = Faults(store)
    listener = client.pubsub()
    listener.subscribe("c")
    assert listener.get_message(timeout=5)
    threads = [waiting(store, lambda: client.blpop("l", timeout=60)), waiting(store, lambda: listener.get_message(timeout=60))]
    wait_for_blocked(store)
    faults.refuse = True
    for thread, ended in threads:
        thread.join(20)
        assert isinstance(ended[0], redis.ConnectionError)
    faults.refuse = False
    assert client.ping()


def test_a_fake_server_that_goes_down_cuts_commands_that_wait():
    server = fakeredis.FakeServer()
    client = fakeredis.FakeRedis(server=server, retry=NO_RETRY)
    thread, ended = waiting(server.store, lambda: client.blpop("l", timeout=60))
    wait_for_blocked(server.store)
    server.connected = False
    thread.join(20)
    assert isinstance(ended[0], redis.ConnectionError)


def test_an_outage_cuts_asyncio_tasks_that_wait():
    async def run():
        store = kvd.Store()
        client = kvd.asyncio.Redis(store, retry=redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0))
        task = asyncio.ensure_future(client.blpop("l", timeout=60))
        await asyncio.sleep(0)
        with Faults(store, refuse=True), pytest.raises(redis.ConnectionError):
            await asyncio.wait_for(task, 20)

    asyncio.run(run())


def test_a_transaction_raises_errors_of_the_connection():
    store = kvd.Store()
    for client in (kvd.Redis(store, retry=NO_RETRY), kvd.Redis(store, retry=NO_RETRY, decode_responses=True)):
        with Faults(store) as faults, pytest.raises(redis.BusyLoadingError):
            faults.answer("LOADING", times=-1)
            client.pipeline().set("k", "v").execute()
        connection = client.connection_pool.take()
        connection._sock.put([redis.BusyLoadingError("loading"), True])
        with pytest.raises(redis.BusyLoadingError):
            connection.read_response()


def test_fake_clients_of_one_address_share_their_data():
    one = fakeredis.FakeRedis(host="h")
    one.set("k", "v")
    assert fakeredis.FakeRedis(host="h", port=6379).get("k") == fakeredis.FakeRedis.from_url("redis://h").get("k") == b"v"
    assert fakeredis.FakeRedis("h").get("k") == b"v" and asyncio.run(fakeredis.FakeAsyncRedis(host="h").get("k")) == b"v"
    assert fakeredis.FakeRedis(host="h", port=1).get("k") is None and fakeredis.FakeRedis().get("k") is None
    pool = redis.ConnectionPool(host="h", connection_class=fakeredis.FakeConnection)
    assert redis.Redis(connection_pool=pool).get("k") == b"v"


def test_patched_asyncio_connections_can_be_mocked():
    before = {name for name, _ in inspect.getmembers(redis.asyncio.Connection, inspect.iscoroutinefunction)}
    with patch():
        assert before <= {name for name, _ in inspect.getmembers(redis.asyncio.Connection, inspect.iscoroutinefunction)}
        assert inspect.iscoroutinefunction(AsyncMock(spec=redis.asyncio.Connection).send_command)
