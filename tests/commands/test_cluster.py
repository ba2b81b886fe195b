"""A cluster of one node, as cluster clients see it."""

import asyncio
import shutil

import pytest
import redis
import redis.asyncio

import kvd
from tests.compat.wire import RealServer, Wire, free_port


@pytest.fixture
def server():
    with kvd.Store(cluster_enabled=True).serve() as running:
        yield running


def test_redis_pys_cluster_client(server):
    client = redis.RedisCluster(host="127.0.0.1", port=server.port, decode_responses=True)
    assert client.set("k", "v") and client.get("k") == "v" and client.mset_nonatomic({"a": 1, "b": 2, "c": 3}) and client.mget_nonatomic("a", "b", "c") == ["1", "2", "3"]
    assert client.cluster_info()["cluster_state"] == "ok" and client.keyslot("{a}b") == 15495 and len(client.get_nodes()) == 1
    pipe = client.pipeline()
    pipe.set("{t}1", 1).set("u", 2).get("{t}1")
    assert pipe.execute() == [True, True, "1"] and client.mget("{t}1", "{t}2") == ["1", None]
    with pytest.raises(redis.exceptions.RedisClusterException):
        client.mget("a", "b")
    assert client.eval("return redis.call('get', KEYS[1])", 1, "k") == "v"
    client.close()


def test_its_asyncio_client(server):
    async def run():
        client = redis.asyncio.RedisCluster(host="127.0.0.1", port=server.port)
        assert await client.set("k", "v") and await client.get("k") == b"v"
        await client.aclose()

    asyncio.run(run())


def test_the_rules_of_a_cluster(server):
    wire = Wire(("127.0.0.1", server.port))
    assert str(wire("MGET", "a", "b")) == "CROSSSLOT Keys in request don't hash to the same slot"
    assert str(wire("EVAL", "return 1", "2", "a", "b")).startswith("CROSSSLOT") and wire("EVAL", "return 1", "0") == 1
    assert wire("MULTI") == b"OK" and str(wire("DEL", "a", "b")).startswith("CROSSSLOT") and str(wire("EXEC")).startswith("EXECABORT")
    assert str(wire("SELECT", "1")) == "ERR SELECT is not allowed in cluster mode" and wire("SELECT", "0") == b"OK"
    assert wire("READONLY") == wire("READWRITE") == wire("ASKING") == b"OK"
    slots = wire("CLUSTER", "SLOTS")
    assert slots == [[0, 16383, [b"127.0.0.1", server.port, wire("CLUSTER", "MYID"), []]]]
    wire("MSET", "{x}1", "a", "{x}2", "b")
    slot = wire("CLUSTER", "KEYSLOT", "x")
    assert wire("CLUSTER", "COUNTKEYSINSLOT", slot) == 2 and sorted(wire("CLUSTER", "GETKEYSINSLOT", slot, "10")) == [b"{x}1", b"{x}2"]
    assert len(wire("CLUSTER", "GETKEYSINSLOT", slot, "1")) == 1 and b"redis_mode:cluster" in wire("INFO", "server") and b"cluster_enabled:1" in wire("INFO", "cluster")
    assert wire("CLUSTER", "NODES").endswith(b" myself,master - 0 0 0 connected 0-16383\n") and wire("CLUSTER", "LINKS") == []


def test_every_key_of_a_long_command_is_looked_at(server):
    wire = Wire(("127.0.0.1", server.port))
    keys = [f"{{a}}{i}" for i in range(3000)]
    assert wire("MGET", *keys) == [None] * 3000
    assert str(wire("MGET", *keys, "zzz")) == "CROSSSLOT Keys in request don't hash to the same slot"
    assert str(wire("DEL", *keys, "zzz")) == "CROSSSLOT Keys in request don't hash to the same slot"


def test_a_script_is_confined_to_the_slot_of_its_keys(server):
    wire = Wire(("127.0.0.1", server.port))
    code = "#!lua\nreturn redis.call('GET', ARGV[1])"
    assert "keys that do not hash to the same slot" in str(wire("EVAL", code, 1, "a", "b")) and wire("EVAL", code, 1, "a", "{a}2") is None
    assert wire("EVAL", code, 0, "b") is None and wire("EVAL", "return redis.call('GET', ARGV[1])", 1, "a", "b") is None
    assert wire("EVAL", "#!lua flags=allow-cross-slot-keys\nreturn redis.call('GET', ARGV[1])", 1, "a", "b") is None


def test_a_transaction_over_two_slots_is_discarded(server):
    wire = Wire(("127.0.0.1", server.port))
    for second, answer in (("b", "CROSSSLOT Keys in request don't hash to the same slot"), ("{a}2", "[b'OK', b'OK']")):
        assert wire("MULTI") == b"OK" and wire("SET", "a", 1) == wire("SET", second, 2) == b"QUEUED"
        assert str(wire("EXEC")) == answer and str(wire("EXEC")) == "ERR EXEC without MULTI"
    assert wire("DBSIZE") == 2


def test_without_cluster_mode_it_says_so(run):
    for line in (("CLUSTER", "INFO"), ("CLUSTER", "KEYSLOT", "a"), ("READONLY",), ("READWRITE",), ("ASKING",)):
        assert run(*line) == "ERR This instance has cluster support disabled"
    assert run("MSET", "a", "1", "b", "2") == b"OK"


@pytest.mark.compat
@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server here")
def test_slots_are_those_of_a_real_server(server):
    real = RealServer("redis-server", "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    ours = Wire(("127.0.0.1", server.port))
    try:
        theirs = Wire(real.address)
        for key in ("", "a", "foo", "{foo}bar", "foo{}{bar}", "foo{{bar}}zap", "{}x", "{a", "a}b{c}", "\x00{\xff}", "x" * 1000):
            assert ours("CLUSTER", "KEYSLOT", key) == theirs("CLUSTER", "KEYSLOT", key), key
        for line in (("CLUSTER", "COUNTKEYSINSLOT", "99999"), ("CLUSTER", "COUNTKEYSINSLOT", "x"), ("CLUSTER", "GETKEYSINSLOT", "5", "-1"), ("CLUSTER", "REPLICAS", "x"), ("CLUSTER", "NOSUCH")):
            assert str(ours(*line)) == str(theirs(*line)), line
    finally:
        real.stop()
