"""Debugging sessions in a copy of the data set: SCRIPT DEBUG YES."""

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

import kvd
from kvd import debugging

from .compat.wire import Wire
from .script.test_debugger import CLIENTS, Talk
from .waiting import eventually

SCRIPT = "local n = redis.call('incr', KEYS[1])\nredis.call('set', 'new', n)\nreturn {n, ARGV[1]}"


@pytest.fixture
def served():
    with kvd.Store() as store, store.serve() as server:
        store.address = ("127.0.0.1", server.port)
        store.set("n", 41)
        yield store


class Apart(Talk):
    mode = "YES"


def sessions():
    return [thread for thread in threading.enumerate() if thread.name == "kvd-debugger"]


def test_changes_vanish_and_others_are_served(served):
    talk, other = Apart(served.address, SCRIPT, 1, "n", "x"), Wire(served.address)
    assert talk.said == [b"* Stopped at 1, stop reason = step over", b"-> 1   local n = redis.call('incr', KEYS[1])"]
    assert talk("s")[:2] == [b"<redis> incr n", b"<reply> 42"]
    assert other("INCR", "n") == 42 and other("SET", "other", 1) == b"OK" and served.get("n") == b"42"
    assert talk("r exists other") == [b"<redis> exists other", b"<reply> 0"]
    assert talk("c") == [b"<endsession>", [42, b"x"]] and talk.is_closed()
    assert other("MGET", "n", "new") == [b"42", None]
    eventually(lambda: not sessions())
    other.close()


def test_the_copy_has_all_data_and_the_state_of_the_client(served):
    served.config_set("busy-reply-threshold", 50)
    served.execute("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
    served.execute("SELECT", 3)
    served.rpush("l", "a", "b")
    wire = Wire(served.address)
    wire("HELLO", 3)
    wire("SELECT", 3)
    talk = Apart(wire, "redis.setresp(3)\nlocal a\nwhile true do\n a = 1\nend", 0)
    assert talk("r lrange l 0 -1")[1] == b'<reply> ["a","b"]'
    assert talk("c")[0].endswith(b"timeout reached, infinite loop?")
    assert talk("e redis.call('fcall', 'f', 0)")[0].startswith(b"<")
    assert str(talk("a")[1]).startswith("ERR script aborted")
    assert served.ping() in (True, b"PONG")


def test_what_is_sent_at_once_goes_along(served):
    wire = Wire(served.address)
    wire.send(b"".join(Wire.frame(words.split(" ")) for words in ("SET k 1", "SCRIPT DEBUG YES", "EVAL return#1 0".replace("#", "\t"), "list", "c")))
    assert [wire.read() for _ in range(6)] == [b"OK", b"OK", [b"* Stopped at 1, stop reason = step over", b"-> 1   return\t1"], [b"-> 1   return\t1"], [b"<endsession>"], 1]
    with pytest.raises(ConnectionError):
        wire.read()


def test_a_client_that_leaves_ends_its_session(served):
    talk = Apart(served.address, SCRIPT)
    assert len(sessions()) == 1
    talk.wire.close()
    eventually(lambda: not sessions())
    assert served.get("n") == b"41" and not debugging._sessions.get(served)


def test_sessions_are_limited(served):
    talks = [Apart(served.address, SCRIPT) for _ in range(debugging.MOST)]
    wire = Wire(served.address)
    assert wire("SCRIPT", "DEBUG", "YES") == b"OK"
    assert str(wire("EVAL", SCRIPT, 1, "n")) == "ERR the debugging session cannot begin: there are too many, or not enough memory"
    assert wire("GET", "n") == b"41"
    for talk in talks:
        talk.wire.close()
    eventually(lambda: not sessions())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_does_not_keep_connections_open(served):
    talk = Apart(served.address, SCRIPT)
    ready, wait = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"x")
        os.close(wait[1])
        os.read(wait[0], 1)
        os._exit(0)
    os.close(wait[0])
    os.read(ready[0], 1)
    try:
        assert talk("c")[0] == b"<endsession>" and talk.is_closed()
    finally:
        os.close(wait[1])
        os.waitpid(child, 0)
        os.close(ready[0])
        os.close(ready[1])


def test_the_server_stops():
    with kvd.Store() as store:
        server = store.serve()
        talk = Apart(("127.0.0.1", server.port), SCRIPT)
        server.stop()
        assert talk.is_closed()
        eventually(lambda: not sessions())


def test_a_copy_that_cannot_be_made(served, monkeypatch):
    def fails(store):
        raise MemoryError("no room")

    monkeypatch.setattr(debugging, "_copy", fails)
    wire = Wire(served.address)
    wire("SCRIPT", "DEBUG", "YES")
    assert str(wire("EVAL", SCRIPT, 1, "n")) == "ERR the debugging session failed: MemoryError: no room"
    eventually(lambda: not sessions())


def test_restricted_users_get_an_error_instead_of_a_script_that_changes_data(served):
    """redis-cli does not look at the reply of SCRIPT DEBUG."""
    served.execute("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~n")
    wire = Wire(served.address)
    wire("AUTH", "u", "x")
    for _ in range(2):
        assert str(wire("SCRIPT", "DEBUG", "YES")).startswith("ERR SCRIPT DEBUG YES is for users")
        assert str(wire("EVAL", SCRIPT, 1, "n")).startswith("ERR SCRIPT DEBUG YES is for users")
    assert wire("GET", "n") == b"41"
    wire.close()


def test_programs_have_none():
    with kvd.Store() as store, pytest.raises(kvd.ResponseError, match="needs a connection to a server"):
        store.execute("SCRIPT", "DEBUG", "YES")


@pytest.mark.real_server
@pytest.mark.parametrize("program", CLIENTS or [pytest.param("", marks=pytest.mark.skip("there is no redis-cli"))])
def test_redis_cli_debugs_a_script(served, tmp_path, program):
    Path(tmp_path, "script.lua").write_text(SCRIPT)
    done = subprocess.run(
        [program, "-p", str(served.address[1]), "--ldb", "--eval", "script.lua", "n", ",", "x y"],
        cwd=tmp_path, input="s\nprint n\nrestart\ns\nc\n", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    for line in ("* Stopped at 1, stop reason = step over", "<redis> incr n", "<value> 42", "1) (integer) 42", '2) "x y"', "(Lua debugging session ended -- dataset changes rolled back)"):
        assert line in text, (line, text)
    assert text.count("<reply> 42") == 2 and served.get("n") == b"41"
