"""kvd.Store(path): a store that lives in a file."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
import redis

import kvd

from .persist.served import files, fill
from .waiting import eventually

ROOT = Path(__file__).parent.parent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.kvd"


def opened(path, **options):
    return kvd.Store(path, enable_debug_command="yes", **options)


def digest(store):
    return store.execute("DEBUG", "DIGEST")


def program(code, path, *args):
    """The code in another process, where `path` and `kvd` are known."""
    head = "import kvd, os, sys, threading\npath = sys.argv[1]\n"
    return subprocess.run([sys.executable, "-c", head + code, str(path), *args], capture_output=True, text=True, timeout=120, cwd=ROOT)


@pytest.mark.parametrize("synchronous", ["off", "normal", "full"])
def test_everything_is_there_after_opening_again(path, synchronous):
    with opened(path, synchronous=synchronous) as store:
        fill(store.execute, plain=False)
        before = digest(store)
    for _ in range(2):
        with opened(path, synchronous=synchronous) as store:
            assert digest(store) == before and store.execute("FCALL", "seven", 0) == 7
    assert files(path.parent) == ["app.kvd"]


@pytest.mark.parametrize("make", [str, lambda p: p, os.fsencode, lambda p: f"kvd://{p}", lambda p: f"kvd://{str(p).replace('app', '%61pp')}"])
def test_names_of_the_file(path, make):
    with kvd.Store(make(path)) as store:
        store.set("k", "v")
    with kvd.Store(path=path) as store:
        assert store.get("k") == b"v"
    assert files(path.parent) == ["app.kvd"]


def test_a_relative_name_is_that_of_the_working_directory_at_the_begin(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with kvd.Store("app.kvd") as store:
        os.mkdir("other")
        os.chdir("other")
        store.set("k", "v")
        store.compact()
    os.chdir("..")
    assert files(".") == ["app.kvd"] and kvd.Store(path).get("k") == b"v"


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [("app.kvd", {"synchronous": "sometimes"}, kvd.ConfigError), (".", {}, kvd.ConfigError), ("none/app.kvd", {}, kvd.FileError), ("app.kvd", {"appendonly": "yes"}, kvd.ConfigError)],
)  # fmt: skip
def test_what_cannot_be_opened(path, name, options, error):
    with pytest.raises(error):
        kvd.Store(path.parent / name, **options)
    assert files(path.parent) == []


@pytest.mark.parametrize("data", [b"hello, this is a text", b"REDIS0011 and then not", bytes(100), b"SQLite format 3\0"])
def test_a_file_of_something_else_is_refused_and_kept(path, data):
    path.write_bytes(data)
    with pytest.raises(kvd.FileError, match=r"app\.kvd"):
        kvd.Store(path)
    assert path.read_bytes() == data


def test_a_torn_end_is_recovered(path):
    with opened(path) as store:
        fill(store.execute)
        before = digest(store)
    data = path.read_bytes()
    with opened(path) as store:
        store.set("last", "x" * 100)
    whole = path.read_bytes()
    for n in {1, 20, 60, 100, len(whole) - len(data) - 1}:
        path.write_bytes(whole[: len(data) + n])
        with opened(path) as store:
            assert digest(store) == before
            store.set("again", "1")
        with opened(path) as store:
            assert store.get("again") == b"1" and store.get("last") is None


def test_a_broken_middle_is_refused(path):
    with opened(path) as store:
        store.mset({f"k{i}": "v" * 20 for i in range(100)})
        store.set("k", "v")
    data = path.read_bytes()
    path.write_bytes(data[:200] + b"\r\n" + data[200:])
    with pytest.raises(kvd.FileError, match="at offset"):
        kvd.Store(path)


# ---- who may open it ---------------------------------------------------------------------------------

def test_a_second_store_of_the_process_is_refused(path):
    with kvd.Store(path) as store:
        with pytest.raises(kvd.FileError, match="in use"):
            kvd.Store(path)
        store.set("k", "v")
        store.compact()
        with pytest.raises(kvd.FileError, match="in use"):
            kvd.Store(path)
    assert kvd.Store(path).get("k") == b"v"


def test_a_second_process_is_refused(path):
    with kvd.Store(path) as store:
        for _ in range(2):
            done = program("kvd.Store(path)", path)
            assert done.returncode == 1 and "FileError" in done.stderr and "in use" in done.stderr
            store.set("k", "v")
            store.compact()
    assert program("assert kvd.Store(path).get('k') == b'v'", path).returncode == 0


def test_a_store_that_is_garbage_frees_its_file(path):
    store = kvd.Store(path)
    store.set("k", "v")
    del store
    gc.collect()
    assert kvd.Store(path).get("k") == b"v"


def test_a_store_is_not_reached_by_weak_references_while_it_is_freed(tmp_path):
    """As the janitor holds one. The end of a store with a log releases the GIL."""
    ref, ended, seen = [lambda: None], threading.Event(), set()

    def look():
        while not ended.is_set():
            store = ref[0]()
            if store is not None:
                seen.add(store.get("k"))
            del store

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for i in range(50):
            store = kvd.Store(tmp_path / f"{i}.kvd", synchronous="full")
            store.set("k", "v")
            ref[0] = weakref.ref(store)
            store.set("other", "v")
            del store
    finally:
        ended.set()
        looker.join()
    assert seen <= {b"v"}


def test_a_store_that_could_not_be_opened_frees_its_file(path):
    path.write_bytes(b"hello")
    with pytest.raises(kvd.FileError):
        kvd.Store(path)
    path.unlink()
    kvd.Store(path).set("k", "v")


# ---- ends of processes -------------------------------------------------------------------------------

ENDS = {
    "return": "", "exit": "sys.exit(3)", "error": "raise ValueError", "thread": "threading.Thread(target=lambda: kept.set('of a thread', '1')).start()",
    "held by a cycle": "cycle = [kept]; cycle.append(cycle); del kept",
}  # fmt: skip


@pytest.mark.parametrize("synchronous", ["off", "normal", "full"])
@pytest.mark.parametrize("end", list(ENDS))
def test_a_program_that_ends_without_close_loses_nothing(path, synchronous, end):
    done = program(f"kept = kvd.Store(path, synchronous={synchronous!r})\nfor i in range(1000): kept.set(f'k{{i}}', i)\n{ENDS[end]}", path)
    assert done.returncode in (0, 1, 3), done.stderr
    with kvd.Store(path) as store:
        assert store.get("k999") == b"999" and len(store) == 1000 + (end == "thread")


@pytest.mark.parametrize("synchronous", ["normal", "full"])
def test_a_program_that_is_killed_loses_nothing(path, synchronous):
    done = program(f"kept = kvd.Store(path, synchronous={synchronous!r})\nfor i in range(1000): kept.set(f'k{{i}}', i)\nos.kill(os.getpid(), 9)", path)
    assert done.returncode == -9
    with kvd.Store(path) as store:
        assert len(store) == 1000


def test_without_synchronisation_a_kill_loses_the_end_alone(path):
    program("kept = kvd.Store(path, synchronous='off')\nfor i in range(3000): kept.set(f'k{i}', i)\nos.kill(os.getpid(), 9)", path)
    with kvd.Store(path) as store:
        n = len(store)
        assert all(store.get(f"k{i}") == str(i).encode() for i in range(n))


def test_a_child_does_not_write_to_the_file(path):
    store = kvd.Store(path)
    store.set("parent", "1")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.set("child", "1")
            ok = store.get("child") == b"1" and store.get("parent") == b"1"
            try:
                store.compact()
                ok = False
            except kvd.FileError:
                pass
            store.close()
            code = 0 if ok else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(kvd.FileError, match="in use"):      # the parent still has it
        kvd.Store(path)
    store.set("later", "1")
    store.close()
    with kvd.Store(path) as again:
        assert sorted(again.keys("*")) == [b"later", b"parent"]


def test_a_child_that_lives_longer_does_not_keep_the_file_locked(path):
    store = kvd.Store(path)
    ready, release = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"x")
        os.read(release[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    store.close()
    try:
        with kvd.Store(path) as again:
            again.set("k", "v")
    finally:
        os.write(release[1], b"x")
        os.waitpid(child, 0)


# ---- compacting --------------------------------------------------------------------------------------

def test_compact_makes_the_file_small(path):
    with opened(path) as store:
        fill(store.execute, plain=False)
        for _ in range(300):
            store.set("again", "x" * 1000)
        before, size = digest(store), path.stat().st_size
        store.compact()
        assert path.stat().st_size < size / 2 and digest(store) == before
        store.set("later", "1")
        before = digest(store)
    with opened(path) as store:
        assert digest(store) == before
    assert files(path.parent) == ["app.kvd"]


@pytest.mark.parametrize("synchronous", ["off", "normal", "full"])
def test_compact_while_others_write(path, synchronous):
    store = opened(path, synchronous=synchronous)
    fill(store.execute)
    end = threading.Event()

    def write(name):
        n = 0
        while not end.is_set():
            n += 1
            store.set(f"{name}:{n % 500}", n)
            store.rpush(f"{name} list", n)
            if n % 97 == 0:
                store.delete(f"{name} list")
            if n % 301 == 0 and name == "w0":
                with store.pipeline() as pipe:
                    pipe.incr("both").incr("both").execute()

    writers = [threading.Thread(target=write, args=(f"w{i}",)) for i in range(3)]
    for thread in writers:
        thread.start()
    try:
        for _ in range(15):
            store.compact()
    finally:
        end.set()
        for thread in writers:
            thread.join()
    before = digest(store)
    store.close()
    with opened(path) as again:
        assert digest(again) == before and int(again.get("both") or 0) % 2 == 0
    assert files(path.parent) == ["app.kvd"]


def test_it_is_compacted_by_itself(path):
    with opened(path, auto_aof_rewrite_min_size="20kb") as store:
        for _ in range(300):
            store.set("k", "x" * 1000)
        eventually(lambda: path.stat().st_size < 20_000)
    with opened(path) as store:
        assert store.get("k") == b"x" * 1000


def test_a_store_without_a_file_cannot_be_compacted():
    with pytest.raises(kvd.FileError):
        kvd.Store().compact()


# ---- snapshots ---------------------------------------------------------------------------------------

def test_snapshot_and_load(path, tmp_path):
    with opened(path) as store:
        fill(store.execute, plain=False)
        before = digest(store)
        assert store.snapshot(tmp_path / "copy.rdb") == sum(info["keys"] for info in store.info("keyspace").values())
        store.flushall()
        store.set("other", "1")
        store.load(tmp_path / "copy.rdb")
        assert digest(store) == before
    with opened(path) as store:
        assert digest(store) == before                # what was loaded is in the file, too


def test_what_is_added_by_load_is_in_the_file(path, tmp_path):
    with kvd.Store() as other:
        other.mset({"a": "of the snapshot", "b": "of the snapshot"})
        other.snapshot(tmp_path / "some.rdb")
    with opened(path) as store:
        store.mset({"a": 1, "c": 1})
        store.load(tmp_path / "some.rdb", replace=False)
        store.set("d", 1)
    with opened(path) as store:
        assert store.mget("a", "b", "c", "d") == [b"of the snapshot", b"of the snapshot", b"1", b"1"]


def test_a_snapshot_that_cannot_be_written_leaves_the_old_one(path, tmp_path):
    with kvd.Store(path) as store, pytest.raises(OSError):
        store.snapshot(tmp_path / "none" / "x.rdb")
    assert files(tmp_path) == ["app.kvd"]


def test_the_file_is_a_snapshot_after_compact_and_is_opened_as_a_copy(path, tmp_path):
    with opened(path) as store:
        fill(store.execute)
        store.compact()
        before = digest(store)
    (tmp_path / "copy").write_bytes(path.read_bytes())
    with opened(tmp_path / "copy") as copy:
        assert digest(copy) == before


# ---- what is on it -----------------------------------------------------------------------------------

def test_clients_in_process_and_of_the_server_write_to_it(path):
    with kvd.Store(path) as store:
        kvd.Redis(store).set("a", 1)
        with store.serve() as server, redis.Redis(port=server.port) as client:
            client.set("b", 1)
            with client.pipeline() as pipe:
                pipe.rpush("l", 1).rpush("l", 2).execute()
        with store.session() as run:
            run.execute("SET", "c", 1)
        store.eval("redis.call('set', KEYS[1], '1')", 1, "d")
    with kvd.Store(path) as store:
        assert store.mget("a", "b", "c", "d") == [b"1"] * 4 and store.lrange("l", 0, -1) == [b"1", b"2"]


@pytest.mark.parametrize("synchronous", ["normal", "full"])
def test_what_a_server_has_answered_is_in_the_file(path, synchronous):
    with kvd.Store(path, synchronous=synchronous) as store, store.serve() as server, redis.Redis(port=server.port) as client:
        client.set("k", "v")
        assert b"$1\r\nk\r\n$1\r\nv\r\n" in path.read_bytes()


def test_sync(path):
    with kvd.Store(path, synchronous="off") as store:
        store.set("k", "v")
        store.sync()
        assert b"$1\r\nk\r\n$1\r\nv\r\n" in path.read_bytes()


def test_evicted_and_expired_keys_stay_away(path):
    with kvd.Store(path, maxmemory="2mb", maxmemory_policy="allkeys-lru") as store:
        store.set("timed", "v", px=1)
        for i in range(3000):
            store.set(f"k{i}", "x" * 1000)
        kept = sorted(store.keys("*"))
        assert 0 < len(kept) < 3000
    with kvd.Store(path) as store:
        assert sorted(store.keys("*")) == [k for k in kept if k != b"timed"]


def test_threads_write_at_once(path):
    with opened(path, synchronous="full") as store:
        def write(name):
            for i in range(50):
                store.incr("n")
                store.set(f"{name}:{i}", i)

        threads = [threading.Thread(target=write, args=(f"t{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        before = digest(store)
    with opened(path) as store:
        assert digest(store) == before and store.get("n") == b"200"


def test_a_closed_store_is_closed(path):
    store = kvd.Store(path)
    store.close()
    store.close()
    with pytest.raises(kvd.ClosedError):
        store.set("k", "v")


def test_what_must_be_logged_and_cannot_be_is_not_acknowledged(path):
    """Of a program that serves a store with synchronous="full": its clients are cut off, and the program goes on."""
    code = """
import resource, sys, kvd, redis
store = kvd.Store(sys.argv[1], synchronous="full")
server = store.serve()
client = redis.Redis(port=server.port, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
client.set("before", "1")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
try:
    print("answered", client.set("big", "x" * 1000))
except redis.ConnectionError:
    print("cut off")
try:
    client.set("after", "1")
except redis.ResponseError as error:
    print(str(error).split()[0])
try:
    store.execute("SET", "own", "1")
except kvd.KvdError as error:
    print(str(error).split()[0])
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
while True:
    try:
        client.set("later", "1")
        break
    except redis.ResponseError:
        pass
print(client.get("before"), client.get("later"), client.exists("after", "own"))
"""
    assert program(code, path).stdout.split("\n")[:4] == ["cut off", "MISCONF", "MISCONF", "b'1' b'1' 0"]
    with opened(path) as store:
        assert store.get("later") == b"1" and not store.exists("after", "own")


def test_a_rewrite_that_a_killed_process_left_is_removed(path):
    with kvd.Store(path) as store:
        store.set("k", "v")
    left = path.with_name(f"{path.name}.rewrite")
    left.write_bytes(b"half")
    with kvd.Store(path) as store:
        assert store.get("k") == b"v" and not left.exists()
