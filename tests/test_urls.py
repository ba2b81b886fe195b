"""Stores in files that clients open by URL: they share it, and the last one closes it."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis

import kvd
import kvd.asyncio
from kvd import urls

ROOT = Path(__file__).parents[1]


@pytest.fixture
def url(tmp_path):
    return f"kvd://{tmp_path}/app.kvd"


def is_open(url):
    """Does another store get the file?"""
    try:
        kvd.Store(url.partition("?")[0]).close()
    except kvd.FileError as error:
        assert "in use" in str(error)
        return True
    return False


# ---- what a URL says ---------------------------------------------------------------------------------

@pytest.mark.parametrize(("url", "parts"), [
    ("kvd://", ("", None, None, {}, {})), ("kvd:///", ("", None, None, {}, {})), ("memory://", ("", None, None, {}, {})), ("kvd:///2", ("", None, 2, {}, {})), ("kvd://name", ("name", None, None, {}, {})),
    ("kvd://name/2", ("name", None, 2, {}, {})), ("kvd:///a/b.kvd", ("", "/a/b.kvd", None, {}, {})), ("kvd:///a/../b.kvd", ("", "/b.kvd", None, {}, {})), ("kvd:///a/5", ("", "/a/5", None, {}, {})),
    ("kvd:///a%20b/%C3%BC%3F%23.kvd", ("", "/a b/ü?#.kvd", None, {}, {})), ("kvd:///a;b/c+d.kvd", ("", "/a;b/c+d.kvd", None, {}, {})),
    ("kvd:///a.kvd?synchronous=full&maxmemory-policy=allkeys-lru&maxmemory_samples=3&db=2&decode_responses=1&save=", ("", "/a.kvd", None, {"synchronous": "full", "maxmemory_policy": "allkeys-lru", "maxmemory_samples": "3", "save": ""}, {"db": "2", "decode_responses": "1"})),
])  # fmt: skip
def test_parts(url, parts):
    found = urls.split_url(url)
    assert (found.name, found.file, found.db, found.options, found.client_options) == parts and found.login == (None, None)
    assert urls.split_url(url.replace("://", "://user:p%40ss@", 1)).login == ("user", "p@ss")


@pytest.mark.parametrize("url", ["redis://localhost", "kvd:/a", "/a", "kvd://name/a.kvd", "memory:///a.kvd", "kvd:///a#b", "file:///a"])
def test_what_is_no_url(url):
    for use in (urls.split_url, kvd.Redis.from_url, kvd.asyncio.Redis.from_url, kvd.ConnectionPool.from_url):
        with pytest.raises(ValueError):
            use(url)


# ---- kvd.Store ---------------------------------------------------------------------------------------

def test_a_store_by_url(url, tmp_path):
    with kvd.Store(f"{url}?maxmemory=5mb&synchronous=full") as store:
        assert store.config_get("maxmemory")[b"maxmemory"] == b"5242880"
        store.set("k", "v")
    with kvd.Store(path=url, maxmemory="6mb") as store:
        assert store.get("k") == b"v" and store.config_get("maxmemory")[b"maxmemory"] == b"6291456"
    assert os.listdir(tmp_path) == ["app.kvd"]


@pytest.mark.parametrize("path", ["kvd://", "memory://", "kvd:///", "kvd://?maxmemory=5mb"])
def test_a_store_in_memory_by_url(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with kvd.Store(path) as store:
        store.set("k", "v")
        with pytest.raises(kvd.FileError, match="no file"):
            store.compact()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("end", "said"), [("?db=1", "db: not an option of a store"), ("?synchronous=never", "synchronous must be"), ("?maxmemry=1", "maxmemry"), ("?port=1", "port"), ("#x", "fragment")])
def test_a_store_by_a_bad_url(url, tmp_path, end, said):
    with pytest.raises(kvd.ConfigError, match=said):
        kvd.Store(url + end)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", ["kvd://name", "kvd://name/1", "kvd:///3", "kvd://app.kvd"])
def test_a_store_without_a_file_has_no_name(bad):
    with pytest.raises(kvd.ConfigError, match="names no file"):
        kvd.Store(bad)


def test_modes_that_contradict_each_other(url):
    with pytest.raises(kvd.ConfigError, match="synchronous"):
        kvd.Store(f"{url}?synchronous=off", synchronous="full")
    kvd.Store(f"{url}?synchronous=full", synchronous="full").close()


def test_a_disk_cache_by_url(url):
    with kvd.DiskCache(url) as cache:
        cache["k"] = [1, 2]
    with kvd.DiskCache(url) as cache:
        assert cache["k"] == [1, 2]


# ---- clients -----------------------------------------------------------------------------------------

MAKERS = {"client": kvd.Redis.from_url, "function": kvd.from_url, "argument": kvd.Redis, "pool": lambda url: redis.Redis.from_pool(kvd.ConnectionPool.from_url(url))}


@pytest.mark.parametrize("make", list(MAKERS))
def test_clients_share_a_store_until_the_last_is_closed(url, make):
    one, other = MAKERS[make](url), MAKERS["client"](f"{url}?decode_responses=yes")
    one.set("k", "v")
    assert other.get("k") == "v" and isinstance(one, redis.Redis)
    if make == "pool":
        one.connection_pool.close()
    one.close()
    assert other.get("k") == "v" and is_open(url)
    other.close()
    assert not is_open(url)
    other.close()
    with pytest.raises(redis.ConnectionError, match="closed"):
        other.get("k")
    with kvd.Redis.from_url(url) as again:
        assert again.get("k") == b"v"
    assert not is_open(url)


def test_asyncio_clients_share_it_too(url):
    async def main():
        one, other = kvd.asyncio.Redis.from_url(url), kvd.Redis.from_url(url)
        await one.set("k", "v")
        assert other.get("k") == b"v"
        await one.aclose()
        assert other.get("k") == b"v"
        async with kvd.asyncio.from_url(f"{url}?decode_responses=1") as third:
            other.close()
            assert await third.get("k") == "v" and is_open(url)
        assert not is_open(url)
        pool = kvd.asyncio.ConnectionPool.from_url(url)
        assert await redis.asyncio.Redis(connection_pool=pool).get("k") == b"v"
        await pool.aclose()
        assert not is_open(url)

    asyncio.run(main())


def test_a_client_that_is_garbage_frees_the_file(url):
    kvd.Redis.from_url(url).set("k", "v")
    gc.collect()
    assert not is_open(url)


def test_a_client_that_cannot_be_made_frees_the_file(url):
    with pytest.raises(TypeError):
        kvd.Redis.from_url(url, no_such_option=1)
    gc.collect()
    assert not is_open(url)


def test_names_of_one_file_are_one_store(url, tmp_path):
    os.symlink(tmp_path, tmp_path / "link")
    with kvd.Redis.from_url(url) as one, kvd.Redis.from_url(f"kvd://{tmp_path}/link/%61pp.kvd") as other:
        one.set("k", "v")
        assert other.get("k") == b"v"


def test_options_of_the_store_are_those_of_the_first(url):
    with kvd.Redis.from_url(f"{url}?synchronous=full&maxmemory=5mb") as one:
        assert one.config_get("maxmemory") == {"maxmemory": "5242880"} or one.config_get("maxmemory") == {b"maxmemory": b"5242880"}
        with kvd.Redis.from_url(url), kvd.Redis.from_url(f"{url}?maxmemory=5mb&synchronous=full"):
            pass
        with pytest.raises(kvd.ConfigError, match="open in this process with other options"):
            kvd.Redis.from_url(f"{url}?synchronous=off")
        assert one.set("k", "v")
    assert not is_open(url)


def test_a_private_store_has_options_and_a_shared_name_has_none():
    assert kvd.Redis.from_url("kvd://?maxmemory=5mb", decode_responses=True).config_get("maxmemory") == {"maxmemory": "5242880"}
    with pytest.raises(ValueError, match="shared by name"):
        kvd.Redis.from_url("kvd://name?maxmemory=5mb")


def test_a_database_of_the_file(url):
    with kvd.Redis.from_url(f"{url}?db=3") as one, kvd.Redis.from_url(url) as other:
        one.set("k", "v")
        assert other.get("k") is None and other.select(3) and one.dbsize() == 1


def test_a_file_that_is_open_elsewhere(url):
    with kvd.Store(url):
        for make in (kvd.Redis.from_url, kvd.asyncio.Redis.from_url, kvd.ConnectionPool.from_url, kvd.Redis):
            with pytest.raises(kvd.FileError, match="in use"):
                make(url)
    kvd.Redis.from_url(url).close()


def test_a_file_that_is_open_in_another_process(url):
    with kvd.Redis.from_url(url):
        done = run("kvd.Redis.from_url(url)", url)
        assert done.returncode == 1 and "in use by another process" in done.stderr


def test_a_child_cannot_open_the_file_of_its_parent(url):
    with kvd.Redis.from_url(url) as client:
        client.set("k", "v")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                kvd.Redis.from_url(url)
            except kvd.FileError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and client.set("k", "w")
    with kvd.Store(url) as store:
        assert store.get("k") == b"w"


def test_threads_that_open_and_close_at_once(url):
    from concurrent.futures import ThreadPoolExecutor

    def use(n):
        with kvd.Redis.from_url(url) as client:
            return client.incr("n")

    with kvd.Redis.from_url(url), ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(100))) == list(range(1, 101))
    assert not is_open(url)


# ---- kills -------------------------------------------------------------------------------------------

def run(code, url):
    head = "import kvd, kvd.asyncio, os, sys, asyncio, threading, redis\nurl = sys.argv[1]\n"
    return subprocess.run([sys.executable, "-c", head + code, url], capture_output=True, text=True, timeout=120, cwd=ROOT)


WRITERS = {
    "sync": "client = kvd.Redis.from_url(url)\nfor i in range(500): client.set(f'k{i}', i)",
    "pipeline": "client = kvd.from_url(url)\nwith client.pipeline() as pipe:\n    for i in range(500): pipe.set(f'k{i}', i)\n    pipe.execute()",
    "asyncio": "async def main():\n    client = kvd.asyncio.Redis.from_url(url)\n    for i in range(500): await client.set(f'k{i}', i)\n    os.kill(os.getpid(), 9)\nasyncio.run(main())",
    "redis's class": "client = redis.Redis(connection_pool=kvd.ConnectionPool.from_url(url))\nfor i in range(500): client.set(f'k{i}', i)",
}  # fmt: skip


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", ""])
@pytest.mark.parametrize("writer", list(WRITERS))
def test_what_was_answered_is_there_after_a_kill(url, writer, end):
    done = run(f"{WRITERS[writer]}\n{end}", url)
    assert done.returncode == (-9 if end or writer == "asyncio" else 0), done.stderr
    with kvd.Redis.from_url(url, decode_responses=True) as client:
        assert client.dbsize() == 500 and client.get("k499") == "499"


QUEUE = """
client = kvd.Redis.from_url(url)
client.rpush("jobs", *range(300))
def work():
    while True:
        job = client.blmove("jobs", "running", 5, "LEFT", "RIGHT")
        with client.pipeline() as pipe:
            pipe.lrem("running", 1, job).rpush("done", job).execute()
        if client.llen("done") >= 150: os.kill(os.getpid(), 9)
for _ in range(3): threading.Thread(target=work).start()
"""


@pytest.mark.parametrize("synchronous", ["normal", "full"])
def test_a_queue_survives_a_kill(url, synchronous):
    """A job is waiting, running or done; those that were running are taken up again."""
    assert run(QUEUE, f"{url}?synchronous={synchronous}").returncode == -9
    with kvd.Redis.from_url(url, decode_responses=True) as client:
        waiting, running, done = (client.lrange(name, 0, -1) for name in ("jobs", "running", "done"))
        assert sorted(map(int, waiting + running + done)) == list(range(300)) and len(done) >= 150 and len(running) <= 3
        while client.lmove("running", "jobs", "RIGHT", "LEFT"):
            pass
        while job := client.lmove("jobs", "running", "LEFT", "RIGHT"):
            with client.pipeline() as pipe:
                pipe.lrem("running", 1, job).rpush("done", job).execute()
        assert sorted(map(int, client.lrange("done", 0, -1))) == list(range(300))


def test_clients_that_come_and_go_in_threads_share_the_file(tmp_path):
    url, failures = f"kvd://{tmp_path}/app.kvd", []

    def work():
        for _ in range(50):
            try:
                with kvd.Redis.from_url(url) as client:
                    client.incr("n")
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with kvd.Redis.from_url(url) as client:
        assert client.get("n") == b"200"


def test_a_store_without_a_file_cannot_be_synchronous():
    for make in (lambda: kvd.Store(synchronous="full"), lambda: kvd.Store("kvd://?synchronous=full"), lambda: kvd.Redis.from_url("kvd://?synchronous=full")):
        with pytest.raises(kvd.ConfigError, match="needs a file"):
            make()
