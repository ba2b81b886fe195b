"""CLUSTER SLOT-STATS on kvd and on a real server in cluster mode: the same arguments, errors, and bytes booked."""

import itertools
import random

import pytest

import kvd

from ..waiting import eventually
from .wire import RealServer, Wire, free_port, programs

WORDS = ["SLOTSRANGE", "ORDERBY", "0", "1", "16383", "16384", "-1", "x", "key-count", "cpu-usec", "network-bytes-in", "memory-bytes", "LIMIT", "ASC", "desc", "nosuch"]
KEYS = ["k", "{k}a", "{k}b", "other", "third"]
LINES = [
    "SET {} v", "GET {}", "APPEND {} text", "STRLEN {}", "DEL {}", "LPUSH list{{{}}} a b c", "LRANGE list{{{}}} 0 -1", "HSET h{{{}}} f v", "HGETALL h{{{}}}", "INCR n{{{}}}", "EXPIRE {} 100",
    "TYPE {}", "OBJECT ENCODING {}", "LPUSH {} x", "GET", "PING", "MGET {} {}", "EXISTS {}", "SPUBLISH {} hello", "ZADD z{{{}}} 1 a", "ZRANGE z{{{}}} 0 -1 WITHSCORES", "CLUSTER KEYSLOT {}", "SORT list{{{}}} ALPHA",
]  # fmt: skip

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module", params=programs())
def real(request):
    server = RealServer(request.param, "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    if "cluster|slot-stats" not in server.commands:
        server.stop()
        pytest.skip("CLUSTER SLOT-STATS came with Valkey 8.0 and Redis 8.2")
    wire = Wire(server.address)
    wire("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    eventually(lambda: b"cluster_state:ok" in wire("CLUSTER", "INFO"))
    yield server
    server.stop()


@pytest.fixture
def pair(real):
    emulated = f"{'valkey' if real.valkey else 'redis'}-{real.release[0]}.{real.release[1]}"
    with kvd.Store(cluster_enabled=True, emulate=emulated).serve() as server:
        both = Wire(("127.0.0.1", server.port)), Wire(real.address)
        for wire in both:
            wire("FLUSHALL")
            wire("CONFIG", "RESETSTAT")
            wire("CONFIG", "SET", "cluster-slot-stats-enabled", "no")
        yield both


def stats(wire, *words):
    reply = wire("CLUSTER", "SLOT-STATS", *words)
    return str(reply) if isinstance(reply, Exception) else reply


@pytest.mark.parametrize("enabled", ["no", "yes"])
def test_arguments(pair, enabled):
    mine, theirs = pair
    for wire in pair:
        wire("CONFIG", "SET", "cluster-slot-stats-enabled", enabled)
    chance = random.Random(1)
    lines = [*itertools.product(WORDS, repeat=2), *[chance.choices(WORDS, k=chance.randrange(3, 8)) for _ in range(1500)]]
    lines += [("ORDERBY", "key-count", *chance.choices(WORDS, k=chance.randrange(4))) for _ in range(500)]
    lines += [("SLOTSRANGE", *chance.choices(WORDS[2:8], k=2)) for _ in range(100)]
    for line in lines:
        assert stats(mine, *line) == stats(theirs, *line), line


def test_bytes_and_keys(pair):
    mine, theirs = pair
    chance = random.Random(2)
    log = []
    for wire in pair:
        wire("CONFIG", "SET", "cluster-slot-stats-enabled", "yes")
    for _ in range(400):
        line = chance.choice(LINES).format(chance.choice(KEYS), chance.choice(KEYS)).split()
        log.append((line, mine(*line), theirs(*line)))
    for key in KEYS:
        slot = mine("CLUSTER", "KEYSLOT", key)
        rows = []
        for wire in pair:
            [[number, row]] = wire("CLUSTER", "SLOT-STATS", "SLOTSRANGE", slot, slot)
            row = dict(zip(row[::2], row[1::2], strict=True))
            assert number == slot and row.pop(b"cpu-usec") >= 0
            rows.append(row)
        assert rows[0] == rows[1], (key, log)


def test_the_reply_in_resp3(pair):
    for wire in pair:
        wire("HELLO", 3)
    assert stats(pair[0], "SLOTSRANGE", 5, 6) == stats(pair[1], "SLOTSRANGE", 5, 6) == [[5, {b"key-count": 0}], [6, {b"key-count": 0}]]
