"""Programs that people run against Redis, unchanged, against `kvd serve`'s engine."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
import redis.asyncio

import kvd

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def server():
    with kvd.Server(kvd.Store()) as running:
        yield running


def environment(server):
    path = os.pathsep.join([str(ROOT), *sys.path])
    return {**os.environ, "KVD_TEST_URL": server.url, "PYTHONPATH": path}


def test_rq_worker(server):
    rq = pytest.importorskip("rq")
    from . import tasks

    connection = redis.from_url(server.url)
    queue = rq.Queue("jobs", connection=connection)
    jobs = [queue.enqueue(tasks.multiply, i, 7) for i in range(20)]
    bad = queue.enqueue(tasks.fail)
    later = queue.enqueue(tasks.multiply, 6, 7, depends_on=jobs[0])
    done = subprocess.run(
        [sys.executable, "-m", "rq.cli", "worker", "--burst", "--url", server.url, "--worker-class", "rq.SimpleWorker", "jobs"],
        env=environment(server), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [job.return_value() for job in jobs] == [i * 7 for i in range(20)]
    assert later.return_value() == 42
    assert bad.get_status(refresh=True) == "failed" and "as asked" in bad.latest_result().exc_string
    assert len(queue) == 0 and queue.finished_job_registry.count == 21


CELERY_CLIENT = """
from tests.apps import tasks
results = [tasks.add.delay(i, i) for i in range(10)]
print([r.get(timeout=10) for r in results])
try:
    tasks.explode.delay().get(timeout=10)
except RuntimeError as error:
    print(error)
"""


@pytest.mark.xfail(strict=True, reason="kombu's Redis transport runs Lua scripts (EVALSHA), which kvd does not have yet")
def test_celery_worker(server):
    pytest.importorskip("celery")
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tests.apps.tasks", "worker", "--pool", "solo", "--loglevel", "warning", "--without-mingle"],
        env=environment(server), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        client = subprocess.run([sys.executable, "-c", CELERY_CLIENT], env=environment(server), cwd=ROOT, capture_output=True, text=True, timeout=60)
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    assert client.stdout.splitlines() == [str([2 * i for i in range(10)]), "as asked"]


def test_asyncio_chat(server):
    async def guest(name, room, heard, ready):
        client = redis.asyncio.from_url(server.url, decode_responses=True)
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(room)
            async for message in pubsub.listen():
                if message["type"] == "subscribe":
                    ready.set()
                elif message["data"] == "bye":
                    break
                else:
                    heard[name].append(message["data"])
        await client.aclose()

    async def talk():
        names = [f"guest{i}" for i in range(20)]
        heard = {n: [] for n in names}
        ready = [asyncio.Event() for _ in names]
        guests = [asyncio.create_task(guest(n, "room", heard, r)) for n, r in zip(names, ready, strict=True)]
        await asyncio.wait_for(asyncio.gather(*[r.wait() for r in ready]), 20)
        client = redis.asyncio.from_url(server.url)
        for i in range(50):
            assert await client.publish("room", f"line {i}") == len(names)
        await client.publish("room", "bye")
        await asyncio.wait_for(asyncio.gather(*guests), 20)
        await client.aclose()
        return heard

    assert all(lines == [f"line {i}" for i in range(50)] for lines in asyncio.run(talk()).values())


@pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli here")
def test_redis_cli(server):
    store = server.store
    store.mset({f"key:{i}": "x" * i for i in range(200)})
    store.rpush("list", *range(500))
    store.sadd("set", *range(300))
    store.zadd("zset", {f"m{i}": i for i in range(400)})
    store.hset("hash", mapping={f"f{i}": i for i in range(600)})
    for i in range(100):
        store.xadd("stream", {"n": i})

    def cli(*args):
        done = subprocess.run(["redis-cli", "-p", str(server.port), *args], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert sorted(cli("--scan").split()) == sorted([f"key:{i}" for i in range(200)] + ["list", "set", "zset", "hash", "stream"])
    assert sorted(cli("--scan", "--pattern", "key:1?").split()) == [f"key:{i}" for i in range(10, 20)]
    big = cli("--bigkeys")
    for line in ('Biggest   list found "list" has 500 items', 'Biggest    set found "set" has 300 members', 'Biggest   zset found "zset" has 400 members',
                 'Biggest   hash found "hash" has 600 fields', 'Biggest stream found "stream" has 100 entries', 'Biggest string found "key:199" has 199 bytes'):  # fmt: skip
        assert " ".join(line.replace('"', "").split()) in " ".join(big.replace("'", "").replace('"', "").split()), big
    assert "Sampled 205 keys" in cli("--memkeys")
    assert cli("-3", "--no-raw", "hgetall", "hash").count("=>") == 600
    stat = subprocess.Popen(["stdbuf", "-oL", "redis-cli", "-p", str(server.port), "--stat", "-i", "0.1"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    stat.terminate()
    lines = stat.communicate(timeout=10)[0].splitlines()
    assert any(line.split()[:1] == ["205"] for line in lines), lines
