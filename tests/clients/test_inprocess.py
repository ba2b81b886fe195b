"""What only clients in process can do or break: cancellation, loops and threads on one store, named stores, no traces left."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time

import pytest
import redis
import redis.asyncio
import redis.backoff
import redis.retry

import kvd
import kvd.asyncio
from kvd.clients.stores import forget_stores


def test_they_are_redis_pys_own():
    assert isinstance(kvd.Redis(), redis.Redis) and isinstance(kvd.asyncio.Redis(), redis.asyncio.Redis)
    assert isinstance(kvd.Redis().connection_pool, redis.ConnectionPool) and issubclass(kvd.StrictRedis, redis.Redis)
    plain = redis.Redis(connection_pool=kvd.ConnectionPool(kvd.Store()))
    assert plain.set("k", "v") and plain.get("k") == b"v"


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
    with pytest.raises(NotImplementedError, match="disk"):
        kvd.from_url("kvd:///tmp/file.kvd")
    with pytest.raises(ValueError, match="kvd://"):
        kvd.from_url("redis://localhost")
    assert kvd.Redis.from_pool(kvd.ConnectionPool(store)).get("k") == b"v"
    assert asyncio.run(kvd.asyncio.from_url("kvd://shared").get("k")) is None


BLOCKING = [
    ("BLPOP", "k", 0), ("BRPOP", "k", 0), ("BLMPOP", 0, 1, "k", "LEFT", "COUNT", 2), ("BLMPOP", 0, 1, "k", "RIGHT", "COUNT", 2), ("BZPOPMIN", "z", 0),
    ("BZPOPMAX", "z", 0), ("BZMPOP", 0, 1, "z", "MIN", "COUNT", 2), ("XREAD", "BLOCK", 0, "STREAMS", "x", "$"), ("BLMOVE", "k", "d", "LEFT", "RIGHT", 0),
]  # fmt: skip


@pytest.mark.parametrize("command", BLOCKING, ids=lambda c: f"{c[0]}{'-right' if 'RIGHT' in c and c[0] == 'BLMPOP' else ''}")
@pytest.mark.parametrize("proto", [2, 3])
def test_a_cancelled_wait_loses_nothing(command, proto):
    """Cancelled before anything comes, and in the moment between the pop and the task's turn."""

    async def run():
        store = kvd.Store()
        client = kvd.asyncio.Redis(store, protocol=proto)
        for arrives in (False, True):
            store.flushall()
            task = asyncio.create_task(client.execute_command(*command))
            await asyncio.sleep(0.02)
            if arrives:
                store.rpush("k", "a", "b", "c")
                store.zadd("z", {"a": 1, "b": 2, "c": 3})
                store.xadd("x", {"f": "v"})
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            if not arrives:
                store.rpush("k", "a", "b", "c")
                store.zadd("z", {"a": 1, "b": 2, "c": 3})
            assert store.lrange("k", 0, -1) + store.lrange("d", 0, -1) in ([b"a", b"b", b"c"], [b"b", b"c", b"a"])
            assert store.zrange("z", 0, -1, withscores=True) == [(b"a", 1.0), (b"b", 2.0), (b"c", 3.0)]
            assert await client.ping() and await client.get("none") is None
        await client.aclose()

    asyncio.run(run())


def test_a_wait_may_time_out_from_outside():
    async def run():
        client = kvd.asyncio.Redis()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.blpop("none"), 0.05)
        assert await client.rpush("none", "v") == 1 and await client.blpop("none") == (b"none", b"v")
        assert await client.blpop("none", timeout=0.05) is None
        await client.aclose()

    asyncio.run(run())


def test_a_task_wakes_at_once_and_keeps_no_thread():
    async def run():
        store = kvd.Store()
        client = kvd.asyncio.Redis(store)
        threads = threading.active_count()
        delays = []
        for _ in range(30):
            task = asyncio.create_task(client.blpop("l"))
            await asyncio.sleep(0.002)
            begun = time.perf_counter()
            store.rpush("l", "v")
            await task
            delays.append(time.perf_counter() - begun)
        assert threading.active_count() == threads
        await client.aclose()
        return sorted(delays)[len(delays) // 2]

    assert asyncio.run(run()) < 1              # benchmarks/clients.py has the figure


def test_loops_and_threads_on_one_store():
    store = kvd.Store()
    done = []

    def work(number):
        async def run():
            client = kvd.asyncio.Redis(store)
            for i in range(100):
                await client.rpush(f"to:{(number + 1) % 4}", i)
                name, value = await client.blpop(f"to:{number}", timeout=10)
                assert int(value) == i
            await client.aclose()

        asyncio.run(run())
        done.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [0, 1, 2, 3] and store.dbsize() == 0


def test_one_client_in_many_loops():
    client = kvd.asyncio.Redis()
    for i in range(5):
        assert asyncio.run(client.incr("n")) == i + 1


def test_sync_threads_share_a_client():
    client = kvd.Redis()

    def work():
        for i in range(500):
            client.incr("n")
            client.set("k", i)
            assert client.get("k") is not None

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == b"4000"


def test_waits_end_by_their_own_timeout_not_by_that_of_sockets():
    client = kvd.Redis(socket_timeout=0.05, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    with pytest.raises(redis.TimeoutError):
        client.blpop("none", timeout=5)
    assert client.ping() and kvd.Redis().connection_pool.take()._patience is None


def test_a_listening_thread_stops():
    client = kvd.Redis()
    got = []
    listener = client.pubsub()
    listener.subscribe(c=got.append)
    thread = listener.run_in_thread(sleep_time=0.05, daemon=True)
    while client.publish("c", "m") == 0:
        time.sleep(0.01)
    deadline = time.monotonic() + 5
    while not got and time.monotonic() < deadline:
        time.sleep(0.01)
    thread.stop()
    thread.join(5)
    assert got and not thread.is_alive()


def test_an_interrupted_wait_leaves_a_working_client():
    code = """
import os, signal, threading, kvd
client = kvd.Redis()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    client.blpop("none")
except KeyboardInterrupt:
    assert client.set("k", "v") and client.get("k") == b"v"
    print("fine")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "fine\n" and not done.stderr, done.stderr


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


@pytest.mark.parametrize("client", [kvd.Redis, kvd.asyncio.Redis])
def test_what_makes_no_sense_in_process_is_refused_at_once(client):
    with pytest.raises(TypeError, match="store must be a kvd.Store"):
        client(6379)
    with pytest.raises(ValueError, match="no socket to encrypt"):
        client(ssl=True)
    with pytest.raises(TypeError, match="without their names"):
        client("localhost", 6379, 0, None, 5)


def test_commands_that_would_send_nothing():
    assert kvd.Redis().mget([]) == [] and asyncio.run(kvd.asyncio.Redis().mget([])) == []
    client = kvd.Redis()
    client.set("k", "v")
    assert client.mget(["k"]) == [b"v"]
    with pytest.raises(redis.ResponseError):
        client.execute_command("MGET")


@pytest.mark.parametrize("options", [{}, {"max_connections": 3}])
def test_client_reply_does_not_poison_the_pool(options):
    client = kvd.Redis(**options)
    client.set("k", "v")
    for mode in ("OFF", "SKIP"):
        assert client.client_reply(mode) is None
        assert client.get("k") == b"v"

    async def run():
        client = kvd.asyncio.Redis(**options)
        await client.set("k", "v")
        for mode in ("OFF", "SKIP"):
            assert await client.client_reply(mode) is None
            assert await client.get("k") == b"v"

    asyncio.run(run())
