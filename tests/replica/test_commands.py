"""REPLICAOF, FAILOVER, REPLCONF, WAIT and their like: replies equal to a real server's."""

import pytest

import kvd

from ..compat.wire import RealServer, Wire, plain
from ..conftest import REAL

LINES = [
    ("ROLE",), ("REPLICAOF", "NO", "ONE"), ("SLAVEOF", "no", "one"), ("REPLICAOF", "127.0.0.1", "x"), ("REPLICAOF", "127.0.0.1", "-1"), ("REPLICAOF", "127.0.0.1", "65536"), ("REPLICAOF", "a"),
    ("REPLCONF",), ("REPLCONF", "a"), ("REPLCONF", "a", "b"), ("REPLCONF", "listening-port", "x"), ("REPLCONF", "listening-port", "7"), ("REPLCONF", "capa", "eof", "capa", "unknown"), ("REPLCONF", "capa"),
    ("REPLCONF", "ip-address", "x" * 300), ("REPLCONF", "rdb-only", "1"), ("REPLCONF", "rdb-only", "0"), ("REPLCONF", "rdb-filter-only", "functions"), ("REPLCONF", "rdb-filter-only", "keys"), ("REPLCONF", "rdb-filter-only", ""),
    ("PSYNC",), ("PSYNC", "?"), ("PSYNC", "?", "x"), ("SYNC", "x"), ("WAIT",), ("WAIT", "0", "0"), ("WAIT", "x", "0"), ("WAIT", "0", "x"), ("WAIT", "1", "-1"), ("WAIT", "1", "1"), ("WAIT", "-1", "0"),
    ("FAILOVER",), ("FAILOVER", "ABORT"), ("FAILOVER", "TO", "a", "1"), ("FAILOVER", "TO", "a"), ("FAILOVER", "TO", "a", "x"), ("FAILOVER", "TIMEOUT", "0"), ("FAILOVER", "TIMEOUT", "-1"), ("FAILOVER", "TIMEOUT", "x"),
    ("FAILOVER", "FORCE"), ("FAILOVER", "TO", "a", "1", "FORCE"), ("FAILOVER", "TO", "a", "1", "FORCE", "TIMEOUT", "1"), ("FAILOVER", "ABORT", "TIMEOUT", "1"), ("FAILOVER", "x"),
    ("MULTI",), ("REPLICAOF", "NO", "ONE"), ("WAIT", "1", "0"), ("EXEC",), ("MULTI",), ("PSYNC", "?", "-1"), ("EXEC",), ("MULTI",), ("SYNC",), ("DISCARD",),
    ("EVAL", "return redis.pcall('WAIT', 1, 0)", "0"), ("EVAL", "return redis.pcall('REPLICAOF', 'no', 'one')", "0"), ("EVAL", "return redis.pcall('ROLE')", "0"),
]  # fmt: skip
AS_REPLICA = [
    ("SET", "a", "1"), ("GET", "a"), ("EVAL", "return redis.call('set', 'a', 1)", "0"), ("EVAL_RO", "return redis.call('get', 'a')", "0", ), ("WAIT", "0", "0"), ("FAILOVER",), ("FAILOVER", "ABORT"),
    ("FLUSHALL",), ("PUBLISH", "c", "m"), ("PFCOUNT", "a"), ("MULTI",), ("SET", "a", "1"), ("EXEC",), ("REPLICAOF", "127.0.0.1", "1"), ("PSYNC", "?", "-1"), ("SYNC",), ("DEL", "a"), ("EXPIRE", "a", "1"),
    ("CONFIG", "SET", "replica-serve-stale-data", "no"), ("GET", "a"), ("PING",), ("MULTI",), ("GET", "a"), ("EXEC",), ("EVAL", "return redis.call('get', 'a')", "0"), ("ECHO", "x"), ("SELECT", "1"),
    ("SUBSCRIBE", "c"), ("UNSUBSCRIBE", "c"), ("CONFIG", "SET", "replica-serve-stale-data", "yes"), ("CONFIG", "SET", "replica-read-only", "no"), ("SET", "a", "1"), ("CONFIG", "GET", "replica*only"), ("CONFIG", "GET", "slaveof"),
    ("REPLICAOF", "NO", "ONE"), ("SET", "a", "2"), ("CONFIG", "GET", "replicaof"),
]  # fmt: skip


@pytest.fixture(scope="module", params=REAL)
def real(request):
    server = RealServer(request.param)
    yield server
    server.stop()


def compare(real, lines, but=()):
    reworded = (*real.reworded, *([("since Redis 4.0 ", "")] if real.valkey else []))
    with kvd.Store(enable_debug_command="yes").serve() as server:
        ours, theirs = Wire(("127.0.0.1", server.port)), Wire(real.address)
        found = [(words, repr(plain(ours(*words), reworded)), repr(plain(theirs(*words), reworded))) for words in lines]
        different = [each for each in found if each[1] != each[2] and each[0] not in but]
        assert not different, "\n".join(map(str, different))
        ours.close()
        theirs.close()


def test_replies_of_a_master(real):
    own = [("PSYNC", "?", "-1"), ("SYNC",)] if real.valkey and real.release >= (9, 0) else []           # Valkey's own texts
    own += [line for line in LINES if "redis.pcall" in str(line) and (real.valkey or real.release < (7, 2))]      # WAIT in scripts came with 7.2
    compare(real, LINES, own)


def test_replies_of_a_replica_without_a_master(real):
    compare(real, [("REPLICAOF", "127.0.0.1", "1"), *AS_REPLICA])
