"""Client-side caching: who hears of which change."""

import pytest
import redis
from redis.cache import CacheConfig

import kvd
from tests.compat.wire import RealServer, Wire
from tests.conftest import REAL
from tests.waiting import eventually


@pytest.fixture(scope="module", params=["kvd", *REAL])
def address(request):
    if request.param != "kvd":
        server = RealServer(request.param)
        yield server.address
        server.stop()
        return
    with kvd.Server(kvd.Store()) as server:
        yield ("127.0.0.1", server.port)


@pytest.fixture
def open_wire(address):
    wires = []

    def make(proto=3):
        wires.append(Wire(address, proto))
        return wires[-1]

    make()("FLUSHALL")
    yield make
    for wire in wires:
        wire.close()


def test_a_key_that_was_read(open_wire):
    cache, other = open_wire(), open_wire()
    assert cache("CLIENT", "TRACKING", "ON") == b"OK"
    cache("GET", "k")
    other("SET", "k", 1)
    assert cache.read() == [b"invalidate", [b"k"]]
    other("SET", "k", 2)  # once; it has to read again
    assert cache("PING") == b"PONG"


def test_every_key_of_a_long_command(open_wire):
    cache, other = open_wire(), open_wire()
    cache("CLIENT", "TRACKING", "ON")
    cache("MGET", *range(3000))
    other("SET", "2999", 1)
    assert cache.read() == [b"invalidate", [b"2999"]]


def test_flush(open_wire):
    cache, other = open_wire(), open_wire()
    cache("CLIENT", "TRACKING", "ON")
    cache("GET", "k")
    other("FLUSHALL")
    assert cache.read() == [b"invalidate", None]


def test_broadcast_by_prefix(open_wire):
    cache, other = open_wire(), open_wire()
    assert cache("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "user:", "PREFIX", "item:") == b"OK"
    other("SET", "other", 1)
    other("SET", "user:1", 1)
    assert cache.read() == [b"invalidate", [b"user:1"]]
    assert "overlaps" in str(cache("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "user:x"))


def test_optin_and_optout(open_wire):
    cache, other = open_wire(), open_wire()
    cache("CLIENT", "TRACKING", "ON", "OPTIN")
    cache("GET", "a")
    assert cache("CLIENT", "CACHING", "YES") == b"OK"
    cache("GET", "b")
    other("MSET", "a", 1, "b", 1)
    assert cache.read() == [b"invalidate", [b"b"]]
    cache("CLIENT", "TRACKING", "OFF")
    cache("CLIENT", "TRACKING", "ON", "OPTOUT")
    assert cache("CLIENT", "CACHING", "NO") == b"OK"
    cache("GET", "a")
    cache("GET", "b")
    other("MSET", "a", 1, "b", 1)
    assert cache.read() == [b"invalidate", [b"b"]]


def test_noloop(open_wire):
    cache = open_wire()
    cache("CLIENT", "TRACKING", "ON", "NOLOOP")
    cache("GET", "k")
    cache("SET", "k", 1)
    assert cache("PING") == b"PONG"


def test_redirect_in_resp2(open_wire):
    data, messages, other = open_wire(2), open_wire(2), open_wire()
    name = messages("CLIENT", "ID")
    messages("SUBSCRIBE", "__redis__:invalidate")
    assert data("CLIENT", "TRACKING", "ON", "REDIRECT", name) == b"OK"
    assert data("CLIENT", "GETREDIR") == name
    data("GET", "k")
    other("SET", "k", 1)
    assert messages.read() == [b"message", b"__redis__:invalidate", [b"k"]]
    info = data("CLIENT", "TRACKINGINFO")
    assert info[info.index(b"redirect") + 1] == name


def test_expired_keys_are_told(open_wire):
    cache, other = open_wire(), open_wire()
    cache("CLIENT", "TRACKING", "ON")
    other("SET", "k", 1, "PX", 30)
    cache("GET", "k")
    assert cache.read() == [b"invalidate", [b"k"]]


def test_redis_py_caches():
    with kvd.Server(kvd.Store()) as server:
        client = redis.Redis(port=server.port, protocol=3, cache_config=CacheConfig())
        other = redis.Redis(port=server.port)
        other.set("k", "1")
        assert client.get("k") == b"1" and client.get("k") == b"1"
        reads = other.info("stats")["keyspace_hits"]
        assert client.get("k") == b"1"
        assert other.info("stats")["keyspace_hits"] == reads
        other.set("k", "2")
        assert eventually(lambda: client.get("k") == b"2")
