"""The start of a server: clients are refused, and nothing else happens to the data set, until it is loaded."""

import signal
import time

import pytest

from ..compat.wire import Wire
from ..waiting import eventually
from .served import LOG, Served, files, fill, info_of

LOADING = "LOADING Redis is loading the dataset in memory"
DUMP = ("--save", "3600 1")
SLOW = ("--key-load-delay", "100000")       # 100 ms a key: until it is set to 0, the tests are within the load


@pytest.fixture(params=[LOG, DUMP], ids=["log", "snapshot"])
def kept(request, tmp_path):
    """A folder with a data set, its digest, and the options of its server."""
    with Served(tmp_path, *request.param) as server:
        fill(server, plain=False)
        server("SET", "gone soon", "v", "PX", "1")
        eventually(lambda: server("EXISTS", "gone soon") == 0)
        digest = server.digest()
        assert server.stop() == 0
    return tmp_path, digest, request.param


def finish(server, digest):
    assert server("CONFIG", "SET", "key-load-delay", "0") == b"OK"
    eventually(lambda: server("PING") == b"PONG")
    assert server.digest() == digest
    assert server.info("loading") == "0"


def error(reply):
    assert isinstance(reply, Exception), reply
    return str(reply)


def test_commands_that_need_the_data_wait(kept):
    folder, digest, options = kept
    with Served(folder, *options, *SLOW, loads=True) as server:
        for words in [("PING",), ("GET", "s"), ("SET", "s", "1"), ("DBSIZE",), ("EVAL", "return 1", "0"), ("BGSAVE",), ("SAVE",), ("BGREWRITEAOF",),
                      ("FLUSHALL",), ("BLPOP", "l", "0"), ("SWAPDB", "0", "1"), ("FUNCTION", "LIST"), ("DEBUG", "RELOAD"), ("DEBUG", "LOADAOF")]:  # fmt: skip
            assert error(server(*words)) == LOADING
        assert error(server("GET")) == "ERR wrong number of arguments for 'get' command"
        assert server("SELECT", "1") == b"OK" and server("ECHO", "x") == b"x" and server("SELECT", "0") == b"OK"
        assert server("MULTI") == b"OK" and error(server("GET", "s")) == LOADING and error(server("EXEC")).startswith("EXECABORT")
        finish(server, digest)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
def test_the_end_of_a_server_that_loads(kept, number):
    folder, digest, options = kept
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    with Served(folder, *options, *SLOW, "--pidfile", str(folder / "pid"), loads=True) as server:
        eventually(lambda: (folder / "pid").exists())
        if number is None:
            server.wire.send(b"SHUTDOWN\r\n")
            assert server.ended() == 0
        else:
            assert server.stop(number) == 0
        assert "Ready to accept connections" not in server.said() and "bye bye" in server.said()
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before
    with Served(folder, *options) as server:
        assert server.digest() == digest


def test_options_that_are_changed_meanwhile(kept):
    """No snapshot is taken, no log begun, nothing evicted and no key expired before the data set is complete."""
    folder, digest, options = kept
    with Served(folder, *options, *SLOW, "--enable-protected-configs", "yes", loads=True) as server:
        for name, value in [("save", "1 1"), ("maxmemory-policy", "allkeys-lru"), ("maxmemory", "1"), ("maxmemory", "0"), ("hz", "100")]:
            assert server("CONFIG", "SET", name, value) == b"OK"
        assert error(server("CONFIG", "SET", "dir", str(folder))) == LOADING
        time.sleep(1.1)                        # the save point is due
        server("CONFIG", "SET", "hz", "99")
        assert server.info("rdb_saves") == "0"
        finish(server, digest)
        assert info_of(server, "evicted_keys", "stats") == "0"


def test_a_log_that_is_asked_for_meanwhile_begins_afterwards(tmp_path):
    with Served(tmp_path, *DUMP) as server:
        fill(server, plain=False)
        digest = server.digest()
        assert server.stop() == 0
    with Served(tmp_path, *DUMP, *SLOW, loads=True) as server:
        assert server("CONFIG", "SET", "appendonly", "yes") == b"OK" and server.info("aof_enabled") == "0"
        finish(server, digest)
        eventually(lambda: server.info("aof_enabled") == "1" and server.info("aof_rewrite_in_progress") == "0")
        server("SET", "later", "v")
        digest = server.digest()
        server.stop(signal.SIGKILL)
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest


def test_a_log_that_is_switched_off_meanwhile(tmp_path):
    with Served(tmp_path, *LOG) as server:
        fill(server, plain=False)
        digest = server.digest()
        assert server.stop() == 0
    with Served(tmp_path, *LOG, *SLOW, loads=True) as server:
        assert server("CONFIG", "SET", "appendonly", "no") == b"OK"
        finish(server, digest)
        assert server.info("aof_enabled") == "0"


def test_clients_that_listen_or_watch_or_are_killed_meanwhile(kept):
    folder, digest, options = kept
    with Served(folder, *options, *SLOW, loads=True) as server:
        other = Wire(("127.0.0.1", server.port))
        assert server("WATCH", "s") == b"OK"
        assert other("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 1
        server.wire.close()
        server.wire = server.open()
        assert server("CLIENT", "LIST").count(b"\n") == 2
        finish(server, digest)
        other.close()


def test_a_load_that_fails_ends_the_server(kept):
    folder, _, options = kept
    for name in files(folder):
        if name.endswith(".rdb") or name.endswith("incr.aof"):
            data = (folder / name).read_bytes()
            (folder / name).write_bytes(data[: len(data) // 2] + b"\xff" * 9 + data[len(data) // 2 + 9 :])
    with Served(folder, *options) as server:
        assert server.ended() == 1 and "at offset" in server.said() and "Ready" not in server.said()
