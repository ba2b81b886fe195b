"""kvd.asyncio.Redis: a task that waits keeps no thread, wakes at once, and loses nothing when it is cancelled."""

import asyncio
import threading
import time

import pytest

import kvd
import kvd.asyncio

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
