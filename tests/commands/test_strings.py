"""Commands on strings through every door; what real servers answer too is in tests/compat."""


import pytest
import xxhash

import kvd


def test_set_conditions_on_the_value(run):
    assert run("SET", "k", "v", "IFEQ", "x") is None
    assert run("SET", "k", "v", "IFNE", "x") == b"OK"
    assert run("SET", "k", "w", "IFEQ", "v") == b"OK"
    assert run("SET", "k", "z", "IFEQ", "v") is None
    assert run("SET", "k", "z", "IFEQ", "v", "GET") == b"w"
    assert run("SET", "k", "z", "IFNE", "w") is None
    assert run("GET", "k") == b"w"


def test_set_conditions_on_the_digest(run):
    run("SET", "k", "v")
    digest = xxhash.xxh3_64_hexdigest(b"v")
    assert run("DIGEST", "k").decode() == digest
    assert run("SET", "k", "w", "IFDEQ", "0" * 16) is None
    assert run("SET", "k", "w", "IFDEQ", digest.upper()) == b"OK"
    assert run("SET", "k", "x", "IFDNE", xxhash.xxh3_64_hexdigest(b"w")) is None
    assert run("SET", "k", "x", "IFDNE", digest) == b"OK"
    assert run("SET", "k", "x", "IFDEQ", "abc").startswith("ERR")
    assert run("DIGEST", "missing") is None


def test_conditions_exclude_each_other(run):
    for pair in (("NX", "XX"), ("NX", "IFEQ", "v"), ("IFEQ", "a", "IFNE", "b"), ("IFDEQ", "0" * 16, "XX")):
        assert run("SET", "k", "v", *pair) == "ERR syntax error"


def test_delex(run):
    run("SET", "k", "v")
    assert run("DELEX", "k", "IFEQ", "x") == 0
    assert run("DELEX", "k", "IFNE", "v") == 0
    assert run("DELEX", "k", "IFDEQ", xxhash.xxh3_64_hexdigest(b"v")) == 1
    assert run("DELEX", "k", "IFEQ", "v") == 0
    run("SET", "k", "v")
    assert run("DELEX", "k") == 1
    assert run("DELEX", "k", "IFEQ").startswith("ERR wrong number of arguments")


def test_msetex(run):
    assert run("MSETEX", "2", "a", "1", "b", "2", "EX", "100") == 1
    assert run("MGET", "a", "b") == [b"1", b"2"]
    assert 98 <= run("TTL", "a") <= 100
    assert run("MSETEX", "2", "b", "x", "c", "y", "NX") == 0
    assert run("MSETEX", "2", "b", "x", "c", "y", "XX") == 0
    assert run("EXISTS", "c") == 0
    assert run("MSETEX", "1", "a", "9", "XX", "KEEPTTL") == 1
    assert run("TTL", "a") > 90
    assert run("MSETEX", "0", "a", "1").startswith("ERR")
    assert run("MSETEX", "5", "a", "1").startswith("ERR")


@pytest.mark.parametrize("size", [0, 1, 44, 45, 255, 256, 512, 513, 5000, 1_000_000])
def test_values_of_every_size(run, size):
    value = bytes(i % 256 for i in range(size))
    assert run("SET", b"k" * (size % 400 + 1), value) == b"OK"
    assert run("GET", b"k" * (size % 400 + 1)) == value
    assert run("APPEND", b"k" * (size % 400 + 1), b"!") == size + 1
    assert run("GET", b"k" * (size % 400 + 1)) == value + b"!"
    assert run("OBJECT", "ENCODING", b"k" * (size % 400 + 1)) in (b"raw", b"embstr")
    assert run("DEBUG", "CHECK") == b"OK"


def test_growing_by_appending_keeps_the_deadline(run):
    run("SET", "k", "x", "EX", "100")
    for _ in range(300):
        run("APPEND", "k", "0123456789")
    assert run("STRLEN", "k") == 3001
    assert 98 <= run("TTL", "k") <= 100
    run("SETRANGE", "k", "10000", "end")
    assert run("GETRANGE", "k", "3001", "3003") == b"\0\0\0"
    assert 98 <= run("TTL", "k") <= 100
    assert run("DEBUG", "CHECK") == b"OK"


def test_limits(run):
    run("CONFIG", "SET", "proto-max-bulk-len", "1mb")
    assert run("SETRANGE", "k", "1048576", "x") == "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    assert run("SETRANGE", "k", "9223372036854775807", "x") == "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    run("SET", "k", "x" * 1048576)
    assert run("APPEND", "k", "x") == "ERR string exceeds maximum allowed size (proto-max-bulk-len)"


def test_an_expired_key_is_never_visible(run):
    run.store.clock.freeze()
    run("SET", "k", "v", "PX", "40")
    run.store.clock.advance(0.039)
    assert run("GET", "k") == b"v" and run("PTTL", "k") == 1
    run.store.clock.advance(0.001)
    assert run("GET", "k") is None and run("EXISTS", "k") == 0 and run("TTL", "k") == -2


def test_values_of_a_long_key_change_their_length():
    """Its entry is a block of its own, which the heap takes back only at its exact size."""
    store = kvd.Store(enable_debug_command="yes")
    for n in [*range(300), *range(300, 0, -7)]:
        store.set("k" * 3000, "v" * n)
        assert store.get("k" * 3000) == b"v" * n
    assert store.execute("DEBUG", "CHECK") == b"OK"
    store.delete("k" * 3000)


REPEATED = [
    ("SET k v EX 10 EX 20", b"OK"), ("SET k v KEEPTTL KEEPTTL", b"OK"), ("SET k v XX XX", b"OK"), ("SET k v EX 10 PX 10", "ERR syntax error"),
    ("SET k v EX 10 KEEPTTL", "ERR syntax error"), ("GETEX k EX 10 EX 20", b"v"), ("GETEX k PERSIST EX 10", "ERR syntax error"),
    ("ZRANGE z 0 1 REV REV", "ERR syntax error"), ("ZRANGE z 0 1 BYSCORE LIMIT 0 1 LIMIT 1 1", []), ("MEMORY USAGE nokey SAMPLES 1 SAMPLES 2", None),
    ("MEMORY USAGE nokey SAMPLES", "ERR syntax error"), ("GEOSEARCH g FROMLONLAT 1 1 FROMLONLAT 9 9 BYRADIUS 1 m BYRADIUS 2 m", []),
    ("GEOSEARCH g FROMMEMBER m FROMLONLAT 1 1 BYRADIUS 1 m", "ERR syntax error"), ("GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 1 m BYRADIUS 1 m", "ERR syntax error"),
    ("CLIENT TRACKING ON OPTIN OPTOUT", "ERR You can't specify both OPTIN mode and OPTOUT mode"),
]  # fmt: skip


@pytest.mark.parametrize("line,answer", REPEATED)
def test_options_that_are_given_twice(peer, line, answer):
    peer("SET", "k", "v")
    peer("ZADD", "z", 0, "a")
    peer("GEOADD", "g", 1, 1, "m")
    reply = peer(*line.split())
    assert (str(reply) if isinstance(reply, Exception) else reply) == answer


def test_delifeq(peer):
    if isinstance(peer("DELIFEQ", "none", "v"), Exception):
        pytest.skip("Redis has DELEX")
    peer("MSET", "k", "v", "n", 10, "long", "x" * 1000)
    peer("RPUSH", "l", "a")
    assert peer("DELIFEQ", "k", "w") == peer("DELIFEQ", "k", "v ") == peer("DELIFEQ", "n", "010") == 0
    assert peer("DELIFEQ", "k", "v") == peer("DELIFEQ", "n", "10") == peer("DELIFEQ", "long", "x" * 1000) == 1 and peer("DELIFEQ", "k", "v") == 0
    assert str(peer("DELIFEQ", "l", "a")).startswith("WRONGTYPE") and peer("KEYS", "*") == [b"l"]
