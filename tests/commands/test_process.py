"""The process: its time, its end, and DEBUG, which has to be allowed."""

import time

import pytest

import kvd

from ..compat.wire import Wire


def test_time(peer):
    before = time.time()
    seconds, micros = (int(part) for part in peer("TIME"))
    assert int(before) <= seconds <= time.time() and 0 <= micros < 1_000_000


def test_a_drawing_ends_with_the_version(peer):
    assert b" ver. " in peer("LOLWUT").rstrip().splitlines()[-1] and isinstance(peer("LOLWUT", "VERSION", "x"), Exception)


@pytest.mark.parametrize("words", [("NOSAVE", "SAVE"), ("LATER",), ("ABORT", "NOW"), ("ABORT",)])
def test_a_shutdown_that_is_wrong_does_not_happen(peer, words):
    assert isinstance(peer("SHUTDOWN", *words), Exception) and peer("PING") == b"PONG"


def test_shutdown_ends_the_wait_of_the_server_and_nothing_else(store):
    with store.serve() as server:
        store.set("k", "v")
        wire = Wire(("127.0.0.1", server.port))
        wire.send(Wire.frame(("SHUTDOWN", "NOSAVE")))
        assert server.wait(60)
        assert store.get("k") == b"v"


def test_shutdown_in_a_store_without_a_server(store):
    with pytest.raises(kvd.ResponseError):
        store.execute("SHUTDOWN")
    assert store.ping()


def test_debug(run):
    run("SET", "a", 1)
    one = run("DEBUG", "DIGEST")
    run("SET", "b", 2)
    two = run("DEBUG", "DIGEST")
    run("DEL", "b")
    assert run("DEBUG", "DIGEST") == one != two and len(one) == 40
    run("SET", "c", "1")
    assert len(set(run("DEBUG", "DIGEST-VALUE", "a", "c", "none"))) == 2
    assert b"encoding:int" in run("DEBUG", "OBJECT", "a")
    assert run("DEBUG", "OBJECT", "none") == "ERR no such key"
    assert run("DEBUG", "POPULATE", 100, "p", 50) == b"OK" and run("STRLEN", "p:7") == 50


def test_debug_is_gated():
    with kvd.Store().serve() as server:
        assert str(Wire(("127.0.0.1", server.port))("DEBUG", "SLEEP", "0")).startswith("ERR DEBUG command not allowed")
    with kvd.Store(enable_debug_command="local").serve() as server:
        assert Wire(("127.0.0.1", server.port))("DEBUG", "SLEEP", "0") == b"OK"


def test_digests_are_those_of_values_not_of_encodings(peer):
    peer("RPUSH", "a", *"abc")
    peer("RPUSH", "b", "x" * 9000, *"abc")
    peer("LPOP", "b")
    peer("SADD", "s", 1, 2)
    peer("SADD", "t", "x", 2, 1)
    peer("SREM", "t", "x")
    digests = peer("DEBUG", "DIGEST-VALUE", "a", "b", "s", "t")
    assert digests[0] == digests[1] != digests[2] == digests[3]


@pytest.mark.parametrize("name", ["string", "integer", "double", "null", "array", "set", "map", "attrib", "push", "verbatim", "true", "false", "bignum"])
@pytest.mark.parametrize("proto", [2, 3])
def test_every_type_of_the_protocol(peer, proto, name):
    wire = peer.open(proto)
    expected = {"string": b"Hello World", "integer": 12345, "null": None, "array": [0, 1, 2]}
    found = wire("DEBUG", "PROTOCOL", name)
    assert name not in expected or found == expected[name]
    if name == "push" and proto == 3:
        found = wire.read() if found is None else found
    assert wire("ECHO", "next") in (b"next",) or name in ("push", "attrib")


@pytest.mark.parametrize("line", ["NOSUCH", "OBJECT", "OBJECT none", "POPULATE x", "PROTOCOL nosuch"])
def test_wrong_forms_of_debug(peer, line):
    assert isinstance(peer("DEBUG", *line.split()), Exception) and peer("PING") == b"PONG"
