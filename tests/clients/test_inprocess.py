"""What only clients in process can do or break: cancellation, loops and threads on one store, named stores, no traces left."""

import asyncio
import gc
import os
import threading

import pytest

import kvd
import kvd.asyncio
from kvd.clients.stores import forget_stores


def test_who_shares_data():
    store = kvd.Store()
    one, other, private = kvd.Redis(store), kvd.Redis(store), kvd.Redis()
    one.set("k", "v")
    assert other.get("k") == b"v" and private.get("k") is None and store.get("k") == b"v" and one.store is store
    named = kvd.Redis.from_url("kvd://shared")
    named.set("k", "named")
    assert kvd.from_url("memory://shared?decode_responses=true").get("k") == "named" and kvd.Redis("shared").get("k") == b"named"
    assert kvd.from_url("kvd://shared/2").get("k") is None and kvd.from_url("kvd://other").get("k") is None and kvd.from_url("memory://").get("k") is None
    forget_stores()
    assert kvd.Redis("shared").get("k") is None and named.get("k") == b"named"
    with pytest.raises(ValueError, match="kvd://"):
        kvd.from_url("redis://localhost")
    assert kvd.Redis.from_pool(kvd.ConnectionPool(store)).get("k") == b"v"
    assert asyncio.run(kvd.asyncio.from_url("kvd://shared").get("k")) is None


def test_a_fork_has_its_own_copy():
    client = kvd.Redis()
    client.set("k", "parent")
    pid = os.fork()
    if pid == 0:
        try:
            fine = client.get("k") == b"parent" and client.set("k", "child") and client.get("k") == b"child"
        finally:
            os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 and client.get("k") == b"parent"


def open_descriptors():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
def test_nothing_is_left_of_many_clients():
    """KVDDEV_LONG=1 makes it a million commands."""
    rounds = 2000 if os.environ.get("KVDDEV_LONG") else 40
    store = kvd.Store()

    async def busy():
        client = kvd.asyncio.Redis(store)
        for i in range(50):
            await client.set(f"k{i}", i)
            await client.get(f"k{i}")
        async with client.pipeline() as pipe:
            for _ in range(50):
                pipe.incr("n")
            await pipe.execute()
        waiting = asyncio.create_task(client.blpop("l"))
        async with client.pubsub() as listener:
            await listener.subscribe("c")
            await listener.get_message(timeout=1)
            await client.publish("c", "m")
            await listener.get_message(timeout=1)
        await client.rpush("l", "v")
        await waiting
        cancelled = asyncio.create_task(client.blpop("none"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        await client.aclose()

    def round_of():
        client = kvd.Redis(store)
        for i in range(100):
            client.set(f"k{i}", i)
            client.hset("h", f"f{i}", i)
        with client.pipeline() as pipe:
            for i in range(100):
                pipe.get(f"k{i}")
            pipe.execute()
        with client.pubsub() as listener:
            listener.subscribe("c")
            listener.get_message(timeout=1)
        assert client.blpop("none", timeout=0.001) is None
        client.eval("return redis.call('incr', KEYS[1])", 1, "script")
        client.flushall()
        client.close()
        asyncio.run(busy())
        store.flushall()

    for _ in range(10):
        round_of()
    gc.collect()
    before = resident(), open_descriptors(), threading.active_count(), len(store.execute("CLIENT", "LIST").splitlines())
    for _ in range(rounds):
        round_of()
    gc.collect()
    after = resident(), open_descriptors(), threading.active_count(), len(store.execute("CLIENT", "LIST").splitlines())
    assert after[1:] == before[1:] and after[0] < before[0] + 8_000_000


def test_clients_of_one_address_share_their_data():
    one = kvd.Redis(host="cache", port=6380)
    one.set("k", "v")
    for same in (kvd.Redis(host="cache", port=6380), kvd.Redis("cache", 6380), kvd.Redis("cache", 6380, 0), kvd.Redis("cache:6380"),
                 kvd.Redis(connection_pool=kvd.ConnectionPool(host="cache", port=6380)), kvd.asyncio.Redis(host="cache", port=6380)):  # fmt: skip
        assert same.store is one.store
    for other in (kvd.Redis(host="cache"), kvd.Redis(host="cache", port=1), kvd.Redis(port=6380), kvd.Redis()):
        assert other.get("k") is None
    assert kvd.Redis("cache", 6380, 1).get("k") is None
    assert kvd.Redis(host="127.0.0.1").store is kvd.Redis("localhost").store is kvd.Redis(port=6379).store
    assert kvd.Redis(unix_socket_path="/tmp/s").store is kvd.Redis(unix_socket_path="/tmp/s").store
    forget_stores()
    assert kvd.Redis(host="cache", port=6380).get("k") is None
