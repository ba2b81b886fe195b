"""Programs that people run against Redis, unchanged, against `kvd serve`'s engine."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
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
    return {**os.environ, "KVDDEV_TEST_URL": server.url, "PYTHONPATH": path}


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


@pytest.mark.real_server
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
    lines = [stat.stdout.readline() for _ in range(5)]
    stat.terminate()
    stat.communicate(timeout=60)
    assert any(line.split()[:1] == ["205"] for line in lines), lines


def test_redis_py_lock(server):
    client = redis.from_url(server.url)
    counter = {"inside": 0, "most": 0, "rounds": 0}

    def work():
        own = redis.from_url(server.url)
        for _ in range(10):
            with own.lock("lock", timeout=5, sleep=0.001):
                counter["inside"] += 1
                counter["most"] = max(counter["most"], counter["inside"])
                counter["rounds"] += 1
                time.sleep(0.0005)
                counter["inside"] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counter == {"inside": 0, "most": 1, "rounds": 60}
    lock = client.lock("other", timeout=10)
    assert lock.acquire(blocking=False) and not client.lock("other").acquire(blocking=False)
    assert lock.extend(20) and 20 < client.ttl("other") <= 30 and lock.reacquire() and lock.owned()
    client.set("other", "stolen")
    with pytest.raises(redis.exceptions.LockNotOwnedError):
        lock.release()


@pytest.mark.parametrize("strategy", ["FixedWindowRateLimiter", "MovingWindowRateLimiter", "SlidingWindowCounterRateLimiter"])
def test_limits(server, strategy):
    limits = pytest.importorskip("limits")
    for part in ("storage", "strategies"):
        importlib.import_module(f"limits.{part}")

    storage = limits.storage.storage_from_string(server.url)
    limiter = getattr(limits.strategies, strategy)(storage)
    rate = limits.parse("5/minute")
    assert [limiter.hit(rate, "user") for _ in range(7)] == [True] * 5 + [False] * 2
    assert not limiter.test(rate, "user") and limiter.test(rate, "another")
    window = limiter.get_window_stats(rate, "user")
    assert window.remaining == 0 and 0 < window.reset_time - time.time() <= 61
    limiter.clear(rate, "user")
    assert limiter.hit(rate, "user", cost=3) and limiter.get_window_stats(rate, "user").remaining == 2


def test_python_redis_lock(server):
    redis_lock = pytest.importorskip("redis_lock")

    client = redis.from_url(server.url)
    lock = redis_lock.Lock(client, "name", expire=2, auto_renewal=True)
    assert lock.acquire(blocking=False)
    assert not redis_lock.Lock(client, "name").acquire(blocking=False)
    waited = []
    waiter = threading.Thread(target=lambda: waited.append(redis_lock.Lock(redis.from_url(server.url), "name", expire=20).acquire(timeout=10)))
    waiter.start()
    time.sleep(0.2)
    lock.release()
    waiter.join(10)
    assert waited == [True]
    redis_lock.reset_all(client)
    with pytest.raises(redis_lock.NotAcquired):
        lock.release()


def test_dramatiq(server):
    dramatiq = pytest.importorskip("dramatiq")
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=server.url)
    done = []

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=10, max_backoff=20)
    def add(x, y):
        if x == "fail once" and len(done) < 21:
            done.append("failed")
            raise RuntimeError
        done.append(x if x == "fail once" else x + y)

    for i in range(20):
        add.send(i, i)
    add.send("fail once", 0)
    add.send_with_options(args=(100, 1), delay=100)
    worker = dramatiq.Worker(broker, worker_timeout=50)
    worker.start()
    try:
        deadline = time.time() + 30
        while len(done) < 23 and time.time() < deadline:
            time.sleep(0.05)
    finally:
        worker.stop()
    assert sorted(done, key=str) == sorted([*(2 * i for i in range(20)), "failed", "fail once", 101], key=str)


def test_huey(server):
    huey = pytest.importorskip("huey")

    app = huey.RedisHuey("app", url=server.url, results=True)

    @app.task(retries=1)
    def double(n):
        return 2 * n

    results = [double(i) for i in range(10)]
    later = double.schedule((50,), delay=0.2)
    consumer = app.create_consumer(workers=2, periodic=False, scheduler_interval=0.1)
    consumer.start()
    try:
        assert [r.get(blocking=True, timeout=10) for r in results] == [2 * i for i in range(10)]
        assert later.get(blocking=True, timeout=10) == 100
    finally:
        consumer.stop(graceful=True)


BULLMQ = """
const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };
(async () => {
  const queue = new Queue('jobs', { connection });
  const events = new QueueEvents('jobs', { connection });
  await events.waitUntilReady();
  let tries = 0;
  const worker = new Worker('jobs', async job => {
    if (job.name === 'flaky' && tries++ === 0) throw new Error('once');
    if (job.name === 'bad') throw new Error('as asked');
    await job.updateProgress(50);
    return job.name === 'add' ? job.data.a + job.data.b : job.name;
  }, { connection, concurrency: 4 });
  const jobs = await queue.addBulk([...Array(20).keys()].map(i => ({ name: 'add', data: { a: i, b: i } })));
  const results = await Promise.all(jobs.map(j => j.waitUntilFinished(events, 20000)));
  const flaky = await queue.add('flaky', {}, { attempts: 3, backoff: { type: 'fixed', delay: 50 } });
  const delayed = await queue.add('delayed', {}, { delay: 200, priority: 5 });
  const bad = await queue.add('bad', {});
  const failed = await bad.waitUntilFinished(events, 20000).catch(e => e.message);
  const flow = new FlowProducer({ connection });
  const tree = await flow.add({ name: 'parent', queueName: 'jobs', children: [{ name: 'add', data: { a: 40, b: 2 }, queueName: 'jobs' }] });
  const rest = [await flaky.waitUntilFinished(events, 20000), await delayed.waitUntilFinished(events, 20000), await tree.job.waitUntilFinished(events, 20000)];
  const counts = await queue.getJobCounts('completed', 'failed', 'waiting', 'active', 'delayed');
  await worker.close(); await events.close(); await flow.close(); await queue.close();
  console.log(JSON.stringify({ results, failed, rest, counts }));
  process.exit(0);
})().catch(e => { console.error(e); process.exit(1); });
"""


@pytest.fixture(scope="session")
def bullmq(tmp_path_factory):
    """A folder in which node finds BullMQ: KVDDEV_BULLMQ names one, or npm fetches it if KVDDEV_NETWORK allows that."""
    if os.environ.get("KVDDEV_BULLMQ"):
        return Path(os.environ["KVDDEV_BULLMQ"])
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    if not os.environ.get("KVDDEV_NETWORK"):
        pytest.skip("npm would fetch packages: KVDDEV_NETWORK=1 allows it, KVDDEV_BULLMQ names a folder that has them")
    folder = tmp_path_factory.mktemp("bullmq")
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "bullmq", "ioredis"], cwd=folder, capture_output=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm cannot fetch bullmq here")
    if done.returncode:
        pytest.skip("npm cannot fetch bullmq here")
    return folder


@pytest.mark.npm
@pytest.mark.network
def test_bullmq(server, bullmq):
    (bullmq / "jobs.js").write_text(BULLMQ)
    done = subprocess.run(["node", "jobs.js", str(server.port)], cwd=bullmq, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["results"] == [2 * i for i in range(20)] and found["failed"] == "as asked" and found["rest"] == ["flaky", "delayed", "parent"]
    assert found["counts"] == {"completed": 24, "failed": 1, "waiting": 0, "active": 0, "delayed": 0}
