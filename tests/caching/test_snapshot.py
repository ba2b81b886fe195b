"""Caches on disk: whole, or a clear error."""

import json
import os
import pickle
import re
import subprocess
import sys
import time

import pytest

import kvd
from kvd.caching import snapshot


@pytest.fixture
def cache():
    cache = kvd.Cache(100, name="c")
    cache.set("a", [1, 2], ttl=100)
    cache.set("b", None, tags=["t"])
    cache.set("c", "x" * 100_000, tti=50)
    cache.get("a")
    return cache


def test_there_and_back(cache, tmp_path):
    path = tmp_path / "file"
    assert cache.dump(path) == 3
    loaded = kvd.Cache.load(path, maxsize=50, policy="sieve")
    assert list(loaded.items()) == list(cache.items()) and loaded.maxsize == 50
    assert 99 < loaded.ttl("a") <= 100 and loaded.ttl("b") is None and 49 < loaded.ttl("c") <= 50 and loaded.tags_of("b") == {"t"}
    assert os.listdir(tmp_path) == ["file"]


def test_time_goes_on_while_the_file_lies_there(cache, tmp_path):
    path = tmp_path / "file"
    cache.set("short", 1, ttl=0.05)
    cache.dump(path)
    time.sleep(0.1)
    loaded = kvd.Cache.load(path)
    assert set(loaded) == {"a", "b", "c"} and loaded.ttl("a") < 99.95


def test_serializers(cache, tmp_path):
    path = tmp_path / "file"
    cache.dump(path, serializer="json")
    assert b'["a", [1, 2], ' in path.read_bytes() and kvd.Cache.load(path, serializer="json") == cache
    with pytest.raises(snapshot.SnapshotError, match="'json', not 'pickle'"):
        kvd.Cache.load(path)
    cache.dump(path, serializer=json)
    assert kvd.Cache.load(path, serializer=json) == cache

    class Upper:
        name = "upper"
        dumps = staticmethod(lambda record: pickle.dumps(record)[::-1])
        loads = staticmethod(lambda data: pickle.loads(data[::-1]))

    cache.dump(path, serializer=Upper)
    assert kvd.Cache.load(path, serializer=Upper) == cache
    with pytest.raises(TypeError):
        cache.dump(path, serializer="yaml")


def test_json_restores_tuples_and_refuses_what_it_cannot_restore(tmp_path):
    path = tmp_path / "file"
    cache = kvd.Cache()
    cache[("user", 42)] = (1, [2, (3,)], {"a": (4,)})
    cache.set(7, None, tags=[("t", 1), "u"])
    cache[True] = 1.5
    cache[(1, ("two", ()))] = "nested"
    assert cache.dump(path, serializer="json") == 4
    loaded = kvd.Cache.load(path, serializer="json")
    assert loaded == cache and list(map(repr, loaded)) == list(map(repr, cache)) and loaded.tags_of(7) == {("t", 1), "u"}
    before = path.read_bytes()
    for key, value in ((frozenset("a"), 1), (b"bytes", 1), ("k", {1: 2}), ("k", {"__tuple__": 1}), ("k", {1, 2})):
        bad = kvd.Cache()
        bad[key] = value
        with pytest.raises(TypeError, match=re.escape(f"the entry of {key!r} cannot be written")):
            bad.dump(path, serializer="json")
    assert path.read_bytes() == before


def test_a_serializer_that_does_not_restore_keys_is_refused_when_writing(tmp_path):
    cache = kvd.Cache()
    cache[(1, 2)] = 3
    with pytest.raises(TypeError, match=r"does not restore the key \(1, 2\): it is restored as \[1, 2\]"):
        cache.dump(tmp_path / "file", serializer=json)
    assert not os.listdir(tmp_path)


def test_a_file_with_keys_that_cannot_be_keys_is_damaged(tmp_path):
    class Lists:
        name = "pickle"
        dumps = staticmethod(lambda record: pickle.dumps([[1], *record[1:]]))
        loads = staticmethod(pickle.loads)

    cache = kvd.Cache()
    cache["k"] = 1
    cache.dump(tmp_path / "file", serializer=Lists)
    with pytest.raises(kvd.SnapshotError, match="unhashable"):
        kvd.Cache.load(tmp_path / "file")


def test_keys_of_cached_functions_are_found_after_loading(tmp_path):
    calls = []

    @kvd.cached(cache=None)
    def f(x, y=0):
        calls.append((x, y))
        return x + y

    f(1, y=2)
    f.plan.cache.dump(tmp_path / "file")
    loaded = kvd.Cache.load(tmp_path / "file")
    assert f.cache_key(1, y=2) in loaded


def test_every_damage_is_an_error(tmp_path):
    cache = kvd.Cache()
    cache.update(a=1, b=[2])
    path = tmp_path / "file"
    cache.dump(path)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(kvd.SnapshotError):
            kvd.Cache.load(path)
        for bit in (1, 128):
            path.write_bytes(whole[:n] + bytes([whole[n] ^ bit]) + whole[n + 1 :])
            with pytest.raises(kvd.SnapshotError):
                kvd.Cache.load(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(kvd.SnapshotError, match="1 bytes follow"):
        kvd.Cache.load(path)
    path.write_bytes(b"REDIS0011")
    with pytest.raises(kvd.SnapshotError, match="not a snapshot"):
        kvd.Cache.load(path)
    with pytest.raises(FileNotFoundError):
        kvd.Cache.load(tmp_path / "nothing")


def test_a_dump_that_fails_leaves_the_old_file(cache, tmp_path):
    path = tmp_path / "file"
    cache.dump(path)
    before = path.read_bytes()
    cache["bad"] = lambda: 0
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cache.dump(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["file"]
    with pytest.raises(OSError):
        kvd.Cache().dump(tmp_path / "no" / "folder")


def test_a_full_disk_leaves_the_old_file(tmp_path):
    script = """
import kvd, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
c = kvd.Cache(); c["a"] = 1; c.dump(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
c["b"] = "x" * 100_000
try:
    c.dump(sys.argv[1])
except OSError:
    print(dict(kvd.Cache.load(sys.argv[1])))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "file")], capture_output=True, text=True, timeout=30)
    assert done.stdout == "{'a': 1}\n", done.stderr
    assert os.listdir(tmp_path) == ["file"]
