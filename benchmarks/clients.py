"""What does a redis-py call cost without a server, and beside those who do it otherwise?

Microseconds a call, the median of several rounds taken in turn in one process: kvd.Redis, fakeredis, burner-redis (asyncio) and
redis-py over loopback to `kvd serve` and to redis-server. Packages that are not installed are left out.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/clients.py [--markdown]
"""

from __future__ import annotations

import asyncio
import importlib
import shutil
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis
import redis.asyncio
from common import targets

import kvd
import kvd.asyncio

ROUNDS = 5
Work = Callable[[Any], None]
AsyncWork = Callable[[Any], Awaitable[None]]


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def sync_get(client: Any) -> None:
    for _ in range(1000):
        client.get("key")


def sync_set(client: Any) -> None:
    for _ in range(1000):
        client.set("key", "value")


def sync_hset(client: Any) -> None:
    for _ in range(1000):
        client.hset("hash", "field", "value")


def sync_lrange(client: Any) -> None:
    for _ in range(1000):
        client.lrange("list", 0, -1)


def sync_pipeline(client: Any) -> None:
    for _ in range(10):
        with client.pipeline(transaction=False) as pipe:
            for _ in range(100):
                pipe.get("key")
            pipe.execute()


async def async_get(client: Any) -> None:
    for _ in range(1000):
        await client.get("key")


async def async_set(client: Any) -> None:
    for _ in range(1000):
        await client.set("key", "value")


async def async_pipeline(client: Any) -> None:
    for _ in range(10):
        pipe = client.pipeline()
        for _ in range(100):
            pipe.get("key")
        await pipe.execute()


def timed_sync(clients: dict[str, Any], work: Work) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            begun = time.perf_counter()
            work(client)
            found[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(times) for name, times in found.items()}


async def timed_async(clients: dict[str, Any], work: AsyncWork) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            begun = time.perf_counter()
            await work(client)
            found[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(times) for name, times in found.items()}


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"\n### {title}\n\n| call | {' | '.join(names)} | kvd / fakeredis |\n|{'---|' * (len(names) + 2)}")
    for what, times in rows.items():
        ratio = f"{times['kvd'] / times['fakeredis']:.3f}" if "fakeredis" in times else ""
        print(f"| {what} | {' | '.join(f'{t:.2f}' for t in times.values())} | {ratio} |")


async def asynchronous(servers: dict[str, int]) -> None:
    clients: dict[str, Any] = {"kvd": kvd.asyncio.Redis()}
    fakeredis, burner = optional("fakeredis"), optional("burner_redis")
    if fakeredis:
        clients["fakeredis"] = fakeredis.FakeAsyncRedis()
    if burner:
        clients["burner-redis"] = burner.BurnerRedis() if hasattr(burner, "BurnerRedis") else burner.Redis()
    for name, port in servers.items():
        clients[name] = redis.asyncio.Redis(port=port)
    for client in clients.values():
        await client.set("key", "value")
    rows = {}
    for what, work in (("get", async_get), ("set", async_set), ("get in a pipeline of 100", async_pipeline)):
        rows[what] = await timed_async(clients, work)
    show("asyncio (us a call)", rows)


async def waking() -> None:
    """From a push by another caller to the moment the task that waits in BLPOP goes on."""
    store = kvd.Store()
    client = kvd.asyncio.Redis(store)
    delays = []
    for _ in range(300):
        task = asyncio.create_task(client.blpop("list"))
        await asyncio.sleep(0)
        begun = time.perf_counter()
        store.rpush("list", "v")
        await task
        delays.append((time.perf_counter() - begun) * 1e6)
    print(f"\nA task in BLPOP goes on {statistics.median(delays):.0f} us after the push (median of {len(delays)}, 95 %: {sorted(delays)[284]:.0f}).")


def construction() -> None:
    print("\n### A new client, first command included (us)\n")
    makers: dict[str, Callable[[], Any]] = {"kvd.Redis()": kvd.Redis}
    store = kvd.Store()
    makers["kvd.Redis(store)"] = lambda: kvd.Redis(store)
    fakeredis = optional("fakeredis")
    if fakeredis:
        makers["fakeredis.FakeRedis()"] = fakeredis.FakeRedis
    for name, make in makers.items():
        begun = time.perf_counter()
        kept = [make() for _ in range(200)]
        made = (time.perf_counter() - begun) / 200 * 1e6
        begun = time.perf_counter()
        for client in kept:
            client.ping()
        print(f"- {name}: {made:.0f}, and {(time.perf_counter() - begun) / 200 * 1e6:.0f} for its first command (connects)")


def main() -> None:
    running = [t.start() for t in targets() if t.name != "valkey"]
    servers = {f"redis-py to {t.name} over TCP": t.port for t in running}
    clients: dict[str, Any] = {"kvd": kvd.Redis()}
    if optional("fakeredis"):
        clients["fakeredis"] = optional("fakeredis").FakeRedis()
    for name, port in servers.items():
        clients[name] = redis.Redis(port=port)
    for client in clients.values():
        client.set("key", "value")
        client.delete("list")
        client.rpush("list", *range(100))
    rows = {}
    for what, work in (("get", sync_get), ("set", sync_set), ("hset", sync_hset), ("lrange of 100", sync_lrange), ("get in a pipeline of 100", sync_pipeline)):
        rows[what] = timed_sync(clients, work)
    show("sync (us a call)", rows)
    asyncio.run(asynchronous(servers))
    asyncio.run(waking())
    construction()
    for t in running:
        t.stop()


if __name__ == "__main__":
    if not shutil.which("redis-server"):
        print("no redis-server here: left out", file=sys.stderr)
    main()
