"""The Python doors: values, threads, fork, memory, errors."""

import os
import threading
from datetime import datetime, timedelta, timezone

import pytest
import redis

import kvd


def test_values_and_types(store):
    assert store.set("a", 1) is True
    assert store.get("a") == b"1"
    store.set("b", 1.5)
    assert store.get("b") == b"1.5"
    store.set(b"c", bytearray(b"x"))
    assert store.get("c") == b"x"
    store.set(7, memoryview(b"y"))
    assert store.get(b"7") == b"y"
    store.set("ü", "ä")
    assert store.get("ü".encode()) == "ä".encode()
    for bad in (None, True, [], {}):
        with pytest.raises(TypeError):
            store.set("k", bad)


def test_decoded_responses():
    store = kvd.Store(decode_responses=True)
    store.mset({"a": "ä", "b": "2"})
    assert store.get("a") == "ä"
    assert store.mget("a", "b", "c") == ["ä", "2", None]
    assert sorted(store.keys()) == ["a", "b"]
    assert store.execute("CONFIG", "GET", "hz") == {"hz": "10"}
    assert store.type("a") == "string"


def test_natural_shapes(store):
    assert store.execute("COMMAND", "INFO", "nosuch") == [None]
    assert isinstance(store.execute("CONFIG", "GET", "*"), dict)
    assert store.execute("DEBUG", "PROTOCOL", "set") in ({0, 1, 2}, [0, 1, 2])
    assert store.execute("DEBUG", "PROTOCOL", "double") == 3.141
    assert store.execute("DEBUG", "PROTOCOL", "true") is True
    assert store.execute("DEBUG", "PROTOCOL", "null") is None
    assert store.execute("DEBUG", "PROTOCOL", "map") == {0: False, 1: True, 2: False}
    assert int(store.execute("DEBUG", "PROTOCOL", "bignum")) == 1234567999999999999999999999999999999


def test_set_options(store):
    assert store.set("k", "v", nx=True) is True
    assert store.set("k", "w", nx=True) is None
    assert store.set("k", "w", xx=True, get=True) == b"v"
    store.set("k", "v", ex=timedelta(minutes=1))
    assert 58 <= store.ttl("k") <= 60
    store.set("k", "w", keepttl=True)
    assert store.ttl("k") > 50
    store.set("k", "v", exat=datetime(2100, 1, 1, tzinfo=timezone.utc))
    assert store.expiretime("k") == 4102444800
    assert store.set("k", "x", ifeq="nope") is None
    assert store.set("k", "x", ifeq="v") is True


def test_methods(store):
    assert store.incr("n") == 1 and store.incr("n", 5) == 6 and store.decr("n", 2) == 4
    assert store.incrbyfloat("f", 0.5) == 0.5
    assert store.append("s", "abc") == 3 and store.strlen("s") == 3
    assert store.getrange("s", 0, 1) == b"ab" and store.setrange("s", 1, "X") == 3
    assert store.getset("s", "new") == b"aXc" and store.getdel("s") == b"new"
    assert store.setnx("s", "1") and not store.setnx("s", "2")
    assert store.setex("t", 10, "v") and store.psetex("t", 10_000, "v")
    assert store.getex("t", persist=True) == b"v" and store.ttl("t") == -1
    assert store.msetnx({"m1": 1, "m2": 2}) and not store.msetnx({"m2": 1, "m3": 1})
    assert store.msetex({"m1": 1}, ex=10) and store.ttl("m1") > 8
    assert store.expire("t", 100, nx=True) and not store.expire("t", 100, nx=True)
    assert store.rename("t", "u") and store.renamenx("u", "v") and store.copy("v", "w")
    assert store.move("w", 1) and store.swapdb(0, 1) and store.dbsize() == 1
    assert store.swapdb(0, 1) and store.touch("v", "n") == 2 and store.unlink("v") == 1
    assert sorted(store.scan_iter(match="m*")) == [b"m1", b"m2"]
    assert store.randomkey() in store.keys() and store.object("encoding", "n") == b"int"
    assert store.digest("n") is not None and store.delex("n", ifeq=4) == 1
    assert store.memory_usage("m1") > 0 and store.memory_usage("zzz") is None
    assert store.ping() and store.flushdb() and len(store) == 0 and store.flushall(asynchronous=True)


def test_it_is_a_mapping_of_sorts(store):
    store["a"] = 1
    assert store["a"] == b"1" and "a" in store and list(store) == [b"a"] and len(store) == 1
    del store["a"]
    with pytest.raises(KeyError):
        store["a"]


def test_errors_are_redis_pys(store):
    store.set("k", "v")
    with pytest.raises(redis.ResponseError) as raised:
        store.incr("k")
    assert isinstance(raised.value, kvd.ResponseError)
    assert str(raised.value) == "value is not an integer or out of range"
    with pytest.raises(kvd.ResponseError, match="unknown command 'NOPE'"):
        store.execute("NOPE")
    with pytest.raises(TypeError):
        store.execute()


def test_sessions_are_apart(store):
    with store.session() as a, store.session() as b:
        a.execute("SELECT", 1)
        a.execute("SET", "k", "in one")
        assert b.execute("GET", "k") is None
        b.execute("WATCH", "x")
        b.execute("MULTI")
        assert b.execute("SET", "y", 1) == b"QUEUED"
        store.set("x", "changed")
        assert b.execute("EXEC") is None
    with pytest.raises(RuntimeError):
        a.execute("PING")


def test_two_stores_do_not_know_of_each_other():
    a, b = kvd.Store(), kvd.Store(maxmemory="1mb")
    a.set("k", "a")
    assert b.get("k") is None and a.option("maxmemory") == "0"


def test_ten_thousand_stores_leave_no_growth():
    def some(n):
        for _ in range(n):
            store = kvd.Store()
            store.set("k", "v" * 100)
            store.execute("MULTI")
            store.execute("SET", "a", "b")

    some(200)
    before, rss = kvd.total_memory(), resident()
    some(10_000)
    assert kvd.total_memory() <= before      # stores of other tests may go meanwhile
    assert resident() - rss < 8_000_000


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize("served", [False, True])
def test_many_threads(served):
    store = kvd.Store()
    server = store.serve() if served else None
    errors = []

    def work(n):
        try:
            for i in range(2000):
                store.incr("total")
                store.set(f"{n}:{i}", i, ex=100)
                assert store.get(f"{n}:{i}") == b"%d" % i
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    if server:
        client = redis.Redis(port=server.port)
        for _ in range(2000):
            client.incr("total")
    for t in threads:
        t.join()
    assert not errors
    assert int(store.get("total")) == 16_000 + (2000 if served else 0)
    assert store.execute("DEBUG", "CHECK") == b"OK"
    if server:
        server.stop()


@pytest.mark.parametrize("served", [False, True])
def test_fork(served):
    store = kvd.Store()
    server = store.serve() if served else None
    store.set("k", "parent")
    store.set("t", "v", ex=100)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            ok = store.get("k") == b"parent"
            store.set("k", "child")
            store.set("gone", "x", px=20)
            import time

            time.sleep(0.2)
            ok = ok and store.dbsize() == 2 and store.execute("DEBUG", "CHECK") == b"OK"
            with store.serve() as own:
                ok = ok and redis.Redis(port=own.port).get("k") == b"child"
            os.write(write, b"1" if ok else b"0")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 1) == b"1"
    assert store.get("k") == b"parent"
    if server:
        assert redis.Redis(port=server.port).get("k") == b"parent"
        server.stop()
    os.close(read)
    os.close(write)


def test_info_reads_as_numbers(store):
    store.set("k", "v")
    info = store.info()
    assert info["redis_version"].startswith("7.4")
    assert info["db0"]["keys"] == 1
    assert abs(info["used_memory"] - store.used_memory) < 10_000
    store.execute("GET", "k")
    assert store.info("commandstats")["cmdstat_get"]["calls"] == 1
    assert "p99" in store.info("latencystats")["latency_percentiles_usec_get"]
