"""The process: its time and its end, and modules."""

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
