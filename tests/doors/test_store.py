"""Store: values, threads, fork, memory, errors, and what a first hour with it meets."""

import inspect
import os
import re
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import redis

import kvd
from kvd.docs import options_stub


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
    with pytest.raises(KeyError):
        del store["a"]


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


def test_info_reads_as_numbers(store):
    store.set("k", "v")
    info = store.info()
    assert info["redis_version"].startswith("8.4")
    assert info["db0"]["keys"] == 1
    assert abs(info["used_memory"] - store.used_memory) < 10_000
    store.execute("GET", "k")
    assert store.info("commandstats")["cmdstat_get"]["calls"] == 1
    assert "p99" in store.info("latencystats")["latency_percentiles_usec_get"]


def test_the_signature_can_be_inspected():
    assert str(inspect.signature(kvd.Store)).startswith("(path")
    assert "decode_responses" in inspect.signature(kvd.Store).parameters


@pytest.mark.parametrize(("option", "argument"), [("port", "port="), ("bind", "host="), ("unixsocket", "unix_path=")])
def test_where_a_server_listens_is_no_option_of_a_store(option, argument):
    with pytest.raises(kvd.ConfigError, match=f"serve\\({argument}"):
        kvd.Store(**{option: "1"})


def test_options_of_the_process_are_refused():
    with pytest.raises(kvd.ConfigError, match="only `kvd serve`"):
        kvd.Store(daemonize=True)


def test_a_subclass_may_have_arguments_of_its_own():
    class Mine(kvd.Store):
        def __init__(self, name):
            super().__init__(maxmemory="1mb")
            self.name = name

    assert Mine("x").config_get("maxmemory") == {b"maxmemory": b"1048576"}


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_number_that_is_no_port_is_refused(store, port):
    with pytest.raises(ValueError, match="port must be between 0 and 65535"):
        store.serve(port)
    with store.serve(0) as server:
        assert server.port


def test_names_of_several_words_are_split(store):
    assert store.execute("CONFIG GET", "hz") == store.execute(b"CONFIG GET", "hz") == store.execute("CONFIG", "GET", "hz")
    with store.session() as session:
        assert session.execute("CONFIG GET", "hz") == {b"hz": b"10"}
    assert store.execute("SET", "a key", "a value") == b"OK" and store.execute("GET", "a key") == b"a value"


@pytest.mark.parametrize("bad", [None, True, [], {}, object()])
def test_what_cannot_be_stored_is_a_data_error_and_a_type_error(store, bad):
    for error in (redis.DataError, TypeError, kvd.DataError):
        with pytest.raises(error):
            store.set("k", bad)
    with pytest.raises(redis.DataError):
        store.rpush("l", bad)


def test_a_dict_of_fields_goes_to_mapping(store):
    with pytest.raises(kvd.DataError, match="mapping="):
        store.hset("h", {"a": 1})


def test_a_pipeline_runs_as_one_transaction(store):
    store.select(2)
    with store.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").lpush("l", "x").get("a").execute() == [True, 2, 1, b"2"]
    assert store.get("a") == b"2"
    assert store.pipeline(transaction=False).get("a").execute() == [b"2"]


def test_a_pipeline_of_a_store_with_a_password_and_text():
    store = kvd.Store(requirepass="secret", decode_responses=True)
    assert store.pipeline().set("a", "b").get("a").execute() == [True, "b"]


def test_a_transaction_runs_again_when_a_key_changes(store):
    store.set("n", 1)
    seen = []

    def double(pipe):
        seen.append(int(pipe.get("n")))
        if len(seen) == 1:
            store.set("n", 10)
        pipe.multi()
        pipe.set("n", seen[-1] * 2)

    assert store.transaction(double, "n") == [True]
    assert seen == [1, 10] and store.get("n") == b"20"


def test_a_lock_excludes_others(store):
    with store.lock("l", timeout=60) as lock:
        assert lock.owned() and not store.lock("l", blocking=False).acquire()
    assert not store.exists("l")


def test_a_closed_store_refuses_everything():
    with kvd.Store() as store:
        store.mset({f"k{i}": "v" * 1000 for i in range(1000)})
        store.set("k", "v")
        used = store.used_memory
        server = store.serve()
        client, session = kvd.Redis(store), store.session()
        assert client.get("k")
    assert store.closed and store.used_memory < used - 1_000_000
    assert server.port == 0
    for use in (lambda: store.get("k"), lambda: store.set("k", "v"), lambda: store.execute("PING"), store.session, lambda: session.execute("PING")):
        with pytest.raises(kvd.ClosedError):
            use()
    for use in (lambda: client.get("k"), lambda: client.set("k", 1), store.pipeline().get("k").execute):
        with pytest.raises(redis.ConnectionError):
            use()
    with pytest.raises(kvd.ServerError):
        store.serve()
    store.close()
    assert repr(store) == "<kvd.Store closed>"


def test_closing_ends_waits(store):
    ended = []

    def wait(call):
        try:
            call()
        except (kvd.ClosedError, redis.ConnectionError) as error:
            ended.append(error)

    calls = (lambda: store.blpop("q", timeout=60), lambda: kvd.Redis(store).blpop("q", timeout=60))
    threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    while store.info("clients")["blocked_clients"] < 2:
        pass
    store.close()
    for thread in threads:
        thread.join(20)
    assert len(ended) == 2


def test_the_types_of_options_are_those_of_the_table():
    text = Path(kvd.__file__).with_name("options.pyi").read_text()
    assert re.sub(r"[\s,]", "", text) == re.sub(r"[\s,]", "", options_stub()), "make docs writes it anew"


def test_types(tmp_path):
    """mypy knows what get returns, and refuses options that do not exist."""
    api = pytest.importorskip("mypy.api")
    (tmp_path / "use.py").write_text(TYPES)
    report, _, _ = api.run(["--strict", "--cache-dir", str(tmp_path / "cache"), str(tmp_path / "use.py")])
    assert [line.partition("use.py:")[2].partition("  [")[0] for line in report.splitlines()[:-1]] == [
        '2: note: Revealed type is "bytes | None"', '3: note: Revealed type is "str | None"',
        '4: error: Unexpected keyword argument "maxmemroy" for overloaded function "Store"; did you mean "maxmemory"?',
    ]  # fmt: skip


TYPES = """import kvd
reveal_type(kvd.Store(maxmemory="1mb").get("k"))
reveal_type(kvd.Store(decode_responses=True).get("k"))
kvd.Store(maxmemroy=3)
"""
