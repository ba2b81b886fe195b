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


TYPES = {
    "string": (b"$11\r\nHello World\r\n",) * 2, "integer": (b":12345\r\n",) * 2, "double": (b"$5\r\n3.141\r\n", b",3.141\r\n"), "null": (b"$-1\r\n", b"_\r\n"), "array": (b"*3\r\n:0\r\n:1\r\n:2\r\n",) * 2,
    "set": (b"*3\r\n:0\r\n:1\r\n:2\r\n", b"~3\r\n:0\r\n:1\r\n:2\r\n"), "map": (b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"), "true": (b":1\r\n", b"#t\r\n"), "false": (b":0\r\n", b"#f\r\n"),
    "verbatim": (b"$25\r\nThis is a verbatim\nstring\r\n", b"=29\r\ntxt:This is a verbatim\nstring\r\n"), "bignum": (b"$37\r\n1234567999999999999999999999999999999\r\n", b"(1234567999999999999999999999999999999\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("proto", [2, 3])
def test_every_type_of_the_protocol(peer, proto, name):
    wire = peer.open(proto)
    wire.send(Wire.frame(("DEBUG", "PROTOCOL", name)))
    expected, data = TYPES[name][proto - 2], b""
    while len(data) < len(expected):
        data += wire.socket.recv(4096)
    assert data == expected and wire("ECHO", "next") == b"next"


def test_an_unknown_type_of_the_protocol_is_answered_with_those_there_are():
    store = kvd.Store(enable_debug_command="yes")
    with pytest.raises(kvd.ResponseError) as raised:
        store.execute("DEBUG", "PROTOCOL", "nosuch")
    assert set(str(raised.value).rsplit(" ", 1)[1].split("|")) == set(TYPES)


@pytest.mark.parametrize("line", ["NOSUCH", "OBJECT", "OBJECT none", "POPULATE x", "PROTOCOL nosuch"])
def test_wrong_forms_of_debug(peer, line):
    assert isinstance(peer("DEBUG", *line.split()), Exception) and peer("PING") == b"PONG"


def test_there_are_no_modules(store):
    assert store.execute("MODULE", "LIST") == [] and b"LIST" in b"".join(store.execute("MODULE", "HELP"))


@pytest.mark.parametrize("words", [("LOAD", "/none.so"), ("LOADEX", "/none.so", "CONFIG", "a", "b"), ("LOADEX", "/none.so", "x"), ("UNLOAD", "none")])
def test_modules_are_refused(peer, words):
    assert str(peer("MODULE", *words)) == (
        'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, '
        "otherwise you need to set this option in the configuration file, and then restart the server."
    )
    with kvd.Store(enable_module_command="yes").serve() as server:
        reply = str(Wire(("127.0.0.1", server.port))("MODULE", *words))
    assert reply in ("ERR Error loading the extension. Please check the server logs.", "ERR Error unloading module: no such module with that name")
