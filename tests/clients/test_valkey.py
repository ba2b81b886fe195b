"""valkey-py's clients in process."""

import asyncio

import pytest

import kvd
import kvd.asyncio
import kvd.testing

valkey = pytest.importorskip("valkey")


def test_sync():
    store = kvd.Store()
    client = kvd.Valkey(store, decode_responses=True)
    assert isinstance(client, valkey.Valkey) and client.set("k", "v") and client.get("k") == "v" and client.hset("h", mapping={"a": 1}) == 1
    assert client.hgetall("h") == {"a": "1"} and client.set("k", "w", nx=True) is None and client.blpop("none", timeout=0.01) is None
    with client.pipeline() as pipe:
        assert pipe.incr("n").get("n").execute() == [1, "1"]
    with client.pipeline() as pipe:
        pipe.watch("n")
        store.incr("n")
        pipe.multi()
        pipe.set("n", 0)
        with pytest.raises(valkey.WatchError):
            pipe.execute()
    with pytest.raises(valkey.ResponseError, match="WRONGTYPE"):
        client.incr("h")
    with pytest.raises(valkey.DataError):
        client.set("k", None)
    with client.lock("lock", timeout=5):
        assert client.get("lock")
    listener = client.pubsub()
    listener.subscribe("c")
    assert listener.get_message(timeout=1)["type"] == "subscribe" and client.publish("c", "m") == 1 and listener.get_message(timeout=1)["data"] == "m"
    listener.close()
    assert kvd.Valkey(store, protocol=3).get("k") == b"v" and kvd.Valkey.from_url("kvd://valkey").ping() is True
    with kvd.testing.Faults(store) as faults:
        faults.refuse = True
        with pytest.raises(valkey.ConnectionError):
            client.get("k")
        faults.refuse = False
        faults.answer("OOM")
        with pytest.raises(valkey.exceptions.OutOfMemoryError):
            client.set("k", "v")
    client.close()


def test_asyncio():
    async def run():
        client = kvd.asyncio.Valkey(decode_responses=True)
        assert isinstance(client, valkey.asyncio.Valkey) and await client.set("k", "v") and await client.get("k") == "v"
        waiting = asyncio.create_task(client.blpop("l"))
        await asyncio.sleep(0.01)
        await client.rpush("l", "x")
        assert await waiting == ("l", "x")
        with pytest.raises(valkey.ResponseError):
            await client.incr("l2x", "no")
        async with client.pipeline() as pipe:
            assert await pipe.incr("n").get("n").execute() == [1, "1"]
        await client.aclose()

    asyncio.run(run())


def test_fakes():
    from kvd.testing import fakeredis

    server = fakeredis.FakeServer(server_type="valkey")
    one, other = fakeredis.FakeValkey(server=server), fakeredis.FakeRedis(server=server)
    one.set("k", "v")
    assert other.get("k") == b"v" and isinstance(one, valkey.Valkey) and fakeredis.FakeStrictValkey.from_url("valkey://a:1").ping()
    server.connected = False
    with pytest.raises(valkey.ConnectionError):
        one.get("k")
