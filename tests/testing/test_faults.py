"""Faults: outages, delays and errors that clients in process meet as they would meet them on a network."""

import asyncio
import time

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

import kvd
import kvd.asyncio
from kvd.testing import Faults

from .waits import NO_RETRY, wait_for_blocked, waiting


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
