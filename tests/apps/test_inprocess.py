"""Packages that people run on Redis, unmodified, on in-process clients: no server, no socket."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest
import redis

import kvd
import kvd.asyncio
from kvd.testing import patch

from . import tasks


def test_rq():
    rq = pytest.importorskip("rq")

    connection = kvd.Redis()
    queue = rq.Queue("jobs", connection=connection)
    jobs = [queue.enqueue(tasks.multiply, i, 7) for i in range(10)]
    bad = queue.enqueue(tasks.fail)
    later = queue.enqueue(tasks.multiply, 6, 7, depends_on=jobs[0])
    worker = rq.SimpleWorker([queue], connection=connection)
    worker.work(burst=True)
    assert [job.return_value() for job in jobs] == [i * 7 for i in range(10)] and later.return_value() == 42
    assert bad.get_status(refresh=True) == "failed" and len(queue) == 0


RQ_UNTIL_A_KILL = """
import os, sys
import kvd, rq
from tests.apps import tasks
client = kvd.Redis.from_url(sys.argv[1])
queue = rq.Queue("jobs", connection=client)
for i in range(6): queue.enqueue(tasks.multiply, i, 7, job_id=f"job{i}")
rq.SimpleWorker([queue], connection=client).work(burst=True, max_jobs=2)
os.kill(os.getpid(), 9)
"""


def test_jobs_of_rq_in_a_file_survive_a_kill(tmp_path):
    rq = pytest.importorskip("rq")

    url = f"kvd://{tmp_path}/jobs.kvd"
    done = subprocess.run([sys.executable, "-c", RQ_UNTIL_A_KILL, url], capture_output=True, text=True, timeout=100)
    assert done.returncode == -9, done.stderr
    with kvd.Redis.from_url(url) as connection:
        queue = rq.Queue("jobs", connection=connection)
        assert len(queue) == 4
        rq.SimpleWorker([queue], connection=connection).work(burst=True)
        assert [rq.job.Job.fetch(f"job{i}", connection=connection).return_value() for i in range(6)] == [i * 7 for i in range(6)]


def test_huey():
    huey = pytest.importorskip("huey")

    app = huey.RedisHuey("app", connection_pool=kvd.ConnectionPool(), results=True)

    @app.task()
    def double(n):
        return 2 * n

    results = [double(i) for i in range(10)]
    later = double.schedule((50,), delay=0.1)
    consumer = app.create_consumer(workers=2, periodic=False, scheduler_interval=0.1)
    consumer.start()
    try:
        assert [r.get(blocking=True, timeout=10) for r in results] == [2 * i for i in range(10)] and later.get(blocking=True, timeout=10) == 100
    finally:
        consumer.stop(graceful=True)


def test_dramatiq():
    dramatiq = pytest.importorskip("dramatiq")
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(client=kvd.Redis())
    done = []

    @dramatiq.actor(broker=broker)
    def add(x, y):
        done.append(x + y)

    for i in range(20):
        add.send(i, i)
    worker = dramatiq.Worker(broker, worker_timeout=50)
    worker.start()
    try:
        deadline = time.time() + 20
        while len(done) < 20 and time.time() < deadline:
            time.sleep(0.02)
    finally:
        worker.stop()
    assert sorted(done) == [2 * i for i in range(20)]


@pytest.mark.parametrize("strategy", ["FixedWindowRateLimiter", "MovingWindowRateLimiter", "SlidingWindowCounterRateLimiter"])
def test_limits(strategy):
    limits = pytest.importorskip("limits")
    for part in ("storage", "strategies"):
        importlib.import_module(f"limits.{part}")

    with patch():
        limiter = getattr(limits.strategies, strategy)(limits.storage.storage_from_string("redis://limits.internal:6379"))
        rate = limits.parse("5/minute")
        assert [limiter.hit(rate, "user") for _ in range(7)] == [True] * 5 + [False] * 2


def test_python_redis_lock():
    redis_lock = pytest.importorskip("redis_lock")

    client = kvd.Redis()
    lock = redis_lock.Lock(client, "name", expire=10)
    assert lock.acquire(blocking=False) and not redis_lock.Lock(client, "name").acquire(blocking=False)
    lock.release()
    assert redis_lock.Lock(client, "name", expire=10).acquire(timeout=5)


def test_flask_caching_and_cachelib():
    cachelib = pytest.importorskip("cachelib")

    cache = cachelib.RedisCache(kvd.Redis(), default_timeout=100)
    assert cache.set("k", {"a": 1}) and cache.get("k") == {"a": 1} and cache.inc("n", 5) == 5 and cache.delete("k") and cache.get("k") is None
    assert cache.set_many({"a": 1, "b": 2}) and cache.get_many("a", "b", "none") == [1, 2, None] and cache.has("a") and cache.clear()


def test_django():
    django_cache = pytest.importorskip("django.core.cache.backends.redis")

    with patch():
        cache = django_cache.RedisCache("redis://cache:6379/1", {})
        assert cache.add("k", [1, 2], 60) and not cache.add("k", 0) and cache.get("k") == [1, 2] and cache.touch("k", 100)
        cache.set_many({"a": 1, "b": 2})
        assert cache.get_many(["a", "b", "none"]) == {"a": 1, "b": 2} and cache.incr("a", 5) == 6 and cache.delete("a") and cache.get("a") is None
        cache.clear()
        assert cache.get("b") is None


def test_aiocache():
    aiocache = pytest.importorskip("aiocache")
    if not hasattr(aiocache, "RedisCache"):
        pytest.skip("aiocache without its Redis backend")

    async def run():
        with patch():
            cache = aiocache.RedisCache(endpoint="cache", port=6379)
            assert await cache.set("k", "v", ttl=10)
            assert await cache.get("k") == "v" and await cache.exists("k") and await cache.delete("k") == 1
            return await cache.get("k") is None

    assert asyncio.run(run())


def test_redis_py_rate_limiter_recipe():
    """What applications write themselves: a sliding window in a transaction."""
    client = kvd.Redis(decode_responses=True)

    def allow(user, limit, window):
        now = time.time()
        with client.pipeline() as pipe:
            pipe.zremrangebyscore(user, 0, now - window)
            pipe.zcard(user)
            pipe.zadd(user, {str(now): now})
            pipe.expire(user, window)
            return pipe.execute()[1] < limit

    assert [allow("u", 3, 60) for _ in range(5)] == [True] * 3 + [False] * 2 and isinstance(client, redis.Redis)


@pytest.fixture(params=["server", "patch"])
def anywhere(request):
    """The URL of a real server, or of one that only exists in this process."""
    if request.param == "server":
        with kvd.Store().serve() as server:
            yield server.url
    else:
        with patch():
            yield "redis://nowhere:6379/0"


def test_pydocket(anywhere):
    docket = pytest.importorskip("docket")

    async def run():
        done = []

        async def add(x, y):
            done.append(x + y)

        async with docket.Docket(name="tasks", url=anywhere) as tasks_:
            tasks_.register(add)
            for i in range(10):
                await tasks_.add(add)(i, i)
            await tasks_.add(add, when=datetime.now(timezone.utc) + timedelta(milliseconds=100))(100, 1)
            async with docket.Worker(tasks_, concurrency=4) as worker:
                await worker.run_until_finished()
        return sorted(done)

    assert asyncio.run(asyncio.wait_for(run(), 40)) == [*(2 * i for i in range(10)), 101]


def test_arq(anywhere):
    arq = pytest.importorskip("arq")
    settings = arq.connections.RedisSettings.from_dsn(anywhere)

    async def double(context, n):
        return 2 * n

    async def run():
        pool = await arq.create_pool(settings)
        jobs = [await pool.enqueue_job("double", i) for i in range(5)]
        worker = arq.Worker(functions=[arq.worker.func(double, name="double")], redis_pool=pool, burst=True, poll_delay=0.05, handle_signals=False)
        await worker.main()
        found = [await job.result(timeout=5) for job in jobs]
        await worker.close()
        return found

    assert asyncio.run(asyncio.wait_for(run(), 40)) == [0, 2, 4, 6, 8]


DJANGO_REDIS = """
from django.conf import settings
from django_redis.cache import RedisCache
from kvd.testing import patch

settings.configure()                   # of the process: so it has one of its own
with patch():
    cache = RedisCache("redis://cache:6379/1", {"OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"}})
    assert cache.set("k", {"a": [1, 2]}, timeout=60) and cache.get("k") == {"a": [1, 2]} and 0 < cache.ttl("k") <= 60 and not cache.add("k", 1)
    cache.set_many({"a": 1, "b": 2})
    assert cache.get_many(["a", "b", "none"]) == {"a": 1, "b": 2} and cache.incr("a") == 2 and sorted(cache.keys("*")) == ["a", "b", "k"]
    with cache.lock("lock", timeout=5):
        assert cache.delete_pattern("?") == 3
    assert cache.get("k") is None
"""


def test_django_redis():
    pytest.importorskip("django_redis")
    done = subprocess.run([sys.executable, "-c", DJANGO_REDIS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_kombu():
    kombu = pytest.importorskip("kombu")
    with patch(), kombu.Connection("redis://localhost:6379/0") as connection:
        queue = connection.SimpleQueue("jobs")
        for i in range(3):
            queue.put({"n": i})
            assert queue.get(timeout=20).payload == {"n": i}
        queue.put("x")
        queue.put("y")
        assert [queue.get(timeout=20).payload for _ in range(2)] == ["x", "y"]
        with pytest.raises(queue.Empty):
            queue.get(timeout=0.01)
        queue.close()


CELERY = """
from celery import Celery
from celery.contrib.testing.worker import start_worker
from kvd.testing import patch

with patch():
    app = Celery("app", broker="redis://localhost:6379/0", backend="redis://localhost:6379/1")
    app.conf.worker_hijack_root_logger = False

    @app.task
    def multiply(a, b):
        return a * b

    early = multiply.delay(6, 7)                        # queued before there is a worker
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, shutdown_timeout=60):
        assert early.get(timeout=60) == 42
        assert [multiply.delay(i, i).get(timeout=60) for i in range(10)] == [i * i for i in range(10)]
"""


def test_celery():
    pytest.importorskip("celery")
    done = subprocess.run([sys.executable, "-c", CELERY], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr


def test_flask_caching():
    flask = pytest.importorskip("flask")
    caching = pytest.importorskip("flask_caching")

    with patch():
        app = flask.Flask(__name__)
        cache = caching.Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": "redis://cache:6379/0"})
        calls = []

        @cache.memoize(timeout=60)
        def double(n):
            calls.append(n)
            return 2 * n

        with app.app_context():
            assert [double(2), double(2), double(3)] == [4, 4, 6] and calls == [2, 3]
            cache.delete_memoized(double, 2)
            assert double(2) == 4 and calls == [2, 3, 2] and cache.set("k", [1]) and cache.get("k") == [1] and cache.clear()
            assert cache.get("k") is None
