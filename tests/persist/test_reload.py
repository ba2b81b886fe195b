"""DEBUG RELOAD and DEBUG LOADAOF, beside the real servers where these do not lose data."""

import os
from contextlib import closing

import pytest

import kvd

from ..compat.wire import RealServer, Wire, plain
from ..conftest import REAL
from ..waiting import eventually
from .served import LIBRARY, Served, files, fill, info_of
from .stored import rdb, string

LOAD_FAILED = "ERR Error trying to load the RDB dump, check server logs."
LOG_FAILED = "ERR Error trying to load the AOF files, check server logs."


@pytest.fixture(params=["memory", "log", "file"])
def kept(request, tmp_path):
    """A store with all types, without a log, with one in a folder, and with one in a file."""
    options = {"dir": str(tmp_path), "enable_debug_command": "yes"}
    path = {"path": tmp_path / "app.kvd"} if request.param == "file" else {}
    with kvd.Store(**path, **options, appendonly="yes" if request.param == "log" else "no") as store:
        fill(store.execute, plain=False)
        yield store


def debug(store, *words):
    """The reply, or the text of an error."""
    try:
        return store.execute("DEBUG", *words)
    except kvd.KvdError as error:
        return f"ERR {error}".strip()


def state(store):
    return debug(store, "DIGEST"), store.execute("FUNCTION", "LIST")


def test_reload_keeps_everything(kept):
    kept.execute("ARMSET", "array", 0, "a", 5, "7", 2**63, "x" * 300)
    kept.execute("ARSEEK", "array", 3)
    before = state(kept)
    for words in [(), ("MERGE",), ("merge", "noflush"), ("NOSAVE",), ("NOSAVE", "MERGE", "NOFLUSH")]:
        assert debug(kept, "RELOAD", *words) == b"OK"
        assert state(kept) == before and debug(kept, "CHECK") == b"OK" and kept.execute("FCALL", "seven", 0) == 7


def test_loadaof_keeps_everything(tmp_path):
    with kvd.Store(dir=str(tmp_path), enable_debug_command="yes", appendonly="yes") as store:
        fill(store.execute, plain=False)
        store.execute("ARINSERT", "array", *range(200))
        store.execute("ARRING", "array", 150, "a", "b")
        before = state(store)
        for _ in range(2):
            assert debug(store, "LOADAOF") == b"OK"
            assert state(store) == before and debug(store, "CHECK") == b"OK"
            store.compact()


def test_loadaof_of_a_store_in_a_file(tmp_path):
    with kvd.Store(tmp_path / "app.kvd", enable_debug_command="yes") as store:
        fill(store.execute, plain=False)
        before = state(store)
        assert debug(store, "LOADAOF") == b"OK" and state(store) == before
        store.set("later", "1")
    with kvd.Store(tmp_path / "app.kvd") as store:
        assert store.get("later") == b"1"


@pytest.mark.parametrize("words", [("x",), ("NOSAVE", "x"), ("",)])
def test_reload_refuses_other_words(kept, words):
    before = state(kept)
    assert debug(kept, "RELOAD", *words) == "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
    assert state(kept) == before


def test_nosave_returns_to_what_was_saved(kept):
    before = state(kept)
    kept.execute("SAVE")
    kept.set("later", "1")
    kept.execute("FUNCTION", "FLUSH")
    assert debug(kept, "RELOAD", "NOSAVE") == b"OK" and state(kept) == before


def test_noflush_keeps_what_the_file_does_not_hold(kept):
    kept.execute("SAVE")
    kept.set("later", "1")
    kept.set("s", "changed")
    before = debug(kept, "DIGEST")
    assert debug(kept, "RELOAD", "NOFLUSH", "NOSAVE") == LOAD_FAILED        # `s` is there already
    assert debug(kept, "DIGEST") == before
    assert debug(kept, "RELOAD", "NOFLUSH", "NOSAVE", "MERGE") == b"OK"
    assert kept.get("later") == b"1" and kept.get("s") != b"changed"


def test_what_was_loaded_is_in_the_log(tmp_path):
    with Served(tmp_path, "--appendonly", "yes", "--save", "") as server:
        fill(server, plain=False)
        server("SAVE")
        digest = server.digest()
        server("SET", "later", "1")
        assert server("DEBUG", "RELOAD", "NOSAVE") == b"OK"
        eventually(lambda: server.info("aof_rewrites") == "1")
        server("SET", "s", "after")
        assert server("DEBUG", "LOADAOF") == b"OK" and server("GET", "s") == b"after" and server("EXISTS", "later") == 0
        server("DEL", "s")
        server.process.kill()
    with Served(tmp_path, "--appendonly", "yes", "--save", "") as server:
        server("DEBUG", "RELOAD", "NOSAVE", "MERGE", "NOFLUSH")
        assert server.digest() == digest


def test_an_unreadable_file_changes_nothing(kept, tmp_path):
    """Redis has emptied the data set by then."""
    before = state(kept)
    kept.configure("dbfilename", "other.rdb")
    assert debug(kept, "RELOAD", "NOSAVE") == LOAD_FAILED and state(kept) == before
    for data in (b"", b"REDIS0010", b"REDIS0010garbage", rdb(string("k", "v"))[:-3] + b"bad", rdb(string("k", "v"), string("k", "w"))):
        (tmp_path / "other.rdb").write_bytes(data)
        assert debug(kept, "RELOAD", "NOSAVE") == LOAD_FAILED and state(kept) == before
    assert debug(kept, "CHECK") == b"OK"


def test_a_save_that_fails_changes_nothing(kept, tmp_path):
    before = state(kept)
    (tmp_path / "dump.rdb").mkdir()
    assert debug(kept, "RELOAD") == "ERR" and state(kept) == before
    assert info_of(kept.execute, "rdb_last_bgsave_status") == "ok"


def test_a_log_that_cannot_be_loaded_changes_nothing(tmp_path):
    """Also what was read before its error."""
    with kvd.Store(dir=str(tmp_path), enable_debug_command="yes", appendonly="yes") as store:
        fill(store.execute, plain=False)
        store.execute("FUNCTION", "LOAD", LIBRARY.replace("lib", "lib2").replace("seven", "eight"))
        before = state(store)
        log = tmp_path / "appendonlydir" / "appendonly.aof.1.incr.aof"
        whole = log.read_bytes()
        for broken in (b"*x\r\n", b"*1\r\n$4\r\nNOPE\r\n", b"*1\r\n$8\r\nSHUTDOWN\r\n"):
            log.write_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nn\r\n$1\r\n1\r\n*2\r\n$8\r\nFUNCTION\r\n$5\r\nFLUSH\r\n" + broken)
            assert debug(store, "LOADAOF") == LOG_FAILED
            assert state(store) == before and debug(store, "CHECK") == b"OK" and store.execute("FCALL", "eight", 0) == 7
        log.write_bytes(whole)
        assert debug(store, "LOADAOF") == b"OK" and state(store) == before


def test_without_a_log_there_is_nothing_to_load(tmp_path):
    store = kvd.Store(dir=str(tmp_path), enable_debug_command="yes")
    store.set("k", "v")
    assert debug(store, "LOADAOF") == LOG_FAILED and store.get("k") == b"v" and files(tmp_path) == []


def test_a_log_that_is_not_in_use_is_loaded(tmp_path):
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        store.set("k", "logged")
    store = kvd.Store(dir=str(tmp_path), enable_debug_command="yes")
    store.set("k", "v")
    store.set("l", "v")
    assert debug(store, "LOADAOF") == b"OK" and store.get("k") == b"logged" and store.get("l") is None


def test_deadlines_pass_after_loading(tmp_path):
    with kvd.Store(dir=str(tmp_path), enable_debug_command="yes", appendonly="yes") as store:
        store.clock.freeze(1000)
        store.set("k", "v", ex=10)
        store.hset("h", mapping={"f": 1, "g": 2})
        store.execute("HEXPIRE", "h", 10, "FIELDS", 1, "f")
        for how in ("RELOAD", "LOADAOF"):
            assert debug(store, how) == b"OK" and store.ttl("k") == 10
        store.clock.advance(11)
        assert store.get("k") is None and store.hgetall("h") == {b"g": b"2"} and store.dbsize() == 1


def test_a_running_snapshot_ends_as_it_began(tmp_path):
    """A base of the log, and another of a caller, are taken while the data set is saved and replaced."""
    with kvd.Store(dir=str(tmp_path), enable_debug_command="yes", appendonly="yes") as store, store.serve() as server:
        for i in range(300):
            store.set(f"k{i}", bytes(100_000))
        with closing(Wire(("127.0.0.1", server.port))) as wire:
            batch = [("BGREWRITEAOF",), ("DEBUG", "RELOAD"), ("SET", "k1", "new"), ("DEBUG", "RELOAD"), ("SAVE",)]
            wire.send(b"".join(wire.frame(words) for words in batch))
            assert [wire.read() for _ in batch] == [b"Background append only file rewriting started", b"OK", b"OK", b"OK", b"OK"]
        eventually(lambda: info_of(store.execute, "aof_rewrite_in_progress") == "0")
        before = state(store)
        assert info_of(store.execute, "aof_last_bgrewrite_status") == "ok"
        assert debug(store, "LOADAOF") == b"OK" and state(store) == before


def test_a_background_save_is_not_overtaken(tmp_path):
    """It could replace the file between the save and the load."""
    with kvd.Store(dir=str(tmp_path), enable_debug_command="yes") as store, store.serve() as server:
        for i in range(300):
            store.set(f"k{i}", bytes(100_000))
        with closing(Wire(("127.0.0.1", server.port))) as wire:
            batch = [("BGSAVE",), ("DEBUG", "RELOAD"), ("BGSAVE", "CANCEL")]
            wire.send(b"".join(wire.frame(words) for words in batch))
            assert [str(wire.read()) for _ in batch][1] == "ERR Background save already in progress"
        assert store.dbsize() == 300


def test_what_loadaof_has_dropped_does_not_come_back_from_the_log(tmp_path):
    """Of the transaction that it is in. Real servers write it behind what was loaded."""
    with kvd.Store(enable_debug_command="yes", dir=str(tmp_path), appendonly="yes").serve() as server, closing(Wire(("127.0.0.1", server.port))) as wire:
        for words in (("MULTI",), ("SET", "k", "v"), ("DEBUG", "LOADAOF"), ("GET", "k")):
            wire(*words)
        assert wire("EXEC")[1:] == [b"OK", None]
        assert eventually(lambda: wire("DEBUG", "LOADAOF") == b"OK") and wire("GET", "k") is None


# ---- beside real servers -----------------------------------------------------------------------------

@pytest.fixture(params=["kvd", *REAL])
def beside(request, tmp_path):
    """An address of kvd, and of each real server, with a folder of its own."""
    if request.param == "kvd":
        with kvd.Store(enable_debug_command="yes", dir=str(tmp_path)).serve() as server:
            yield ("127.0.0.1", server.port)
        return
    theirs = RealServer(request.param, "--dir", str(tmp_path))
    yield theirs.address
    theirs.stop()


def quiet(wire):
    """Is there nothing to read?"""
    wire.socket.settimeout(0.3)
    try:
        return wire.read() and False
    except TimeoutError:
        return True
    finally:
        wire.socket.settimeout(30)


def test_watched_keys_are_touched_if_they_exist(beside):
    with closing(Wire(beside)) as wire, closing(Wire(beside)) as watching:
        wire("SET", "k", "v")
        for key, ran in (("k", False), ("missing", True)):
            watching("WATCH", key)
            assert wire("DEBUG", "RELOAD") == b"OK"
            watching("MULTI")
            watching("PING")
            assert (watching("EXEC") is not None) == ran


def test_tracking_clients_forget_all(beside):
    with closing(Wire(beside)) as wire, closing(Wire(beside)) as tracking:
        wire("SET", "k", "v")
        tracking("HELLO", "3")
        tracking("CLIENT", "TRACKING", "ON")
        tracking("GET", "k")
        wire("DEBUG", "RELOAD")
        assert list(tracking.read()) == [b"invalidate", None]


def test_blocked_commands_go_on_waiting(beside):
    with closing(Wire(beside)) as wire:
        wire("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
        waits = {("BLPOP", "l", "0"): ("RPUSH", "l", "v"), ("XREAD", "BLOCK", "0", "STREAMS", "x", "$"): ("XADD", "x", "9-1", "f", "v"),
                 ("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "x", ">"): None}  # fmt: skip
        waiting = [Wire(beside) for _ in waits]
        for one, words in zip(waiting, waits, strict=True):
            one.send(one.frame(words))
        eventually(lambda: info_of(wire, "blocked_clients", "clients") == "3")
        assert wire("DEBUG", "RELOAD") == b"OK"
        assert all(quiet(one) for one in waiting) and info_of(wire, "blocked_clients", "clients") == "3"
        for words in filter(None, waits.values()):
            wire(*words)
        assert [plain(one.read()) for one in waiting] == [[b"l", b"v"], [[b"x", [[b"9-1", [b"f", b"v"]]]]], [[b"x", [[b"9-1", [b"f", b"v"]]]]]]
        for one in waiting:
            one.close()


def test_reload_in_transactions_and_scripts(beside):
    with closing(Wire(beside)) as wire:
        for words in (("SET", "k", "v"), ("MULTI",), ("INCR", "n"), ("DEBUG", "RELOAD"), ("GET", "k")):
            wire(*words)
        assert wire("EXEC") == [1, b"OK", b"v"] and wire("GET", "n") == b"1"
        assert "not allowed from script" in str(wire("EVAL", "return redis.call('DEBUG', 'RELOAD')", "0"))


def test_reload_counts_as_a_save_and_not_as_changes(beside):
    with closing(Wire(beside)) as wire:
        wire("RPUSH", "l", *range(5))
        assert info_of(wire, "rdb_changes_since_last_save") == "5"
        wire("DEBUG", "RELOAD")
        assert info_of(wire, "rdb_changes_since_last_save") == "0" and info_of(wire, "rdb_last_load_keys_loaded") == "1"
        wire("RPUSH", "l", "x")
        wire("DEBUG", "RELOAD", "NOSAVE")
        assert info_of(wire, "rdb_changes_since_last_save") == "1" and wire("LLEN", "l") == 5


def test_loadaof_counts_as_a_save(beside, tmp_path):
    with closing(Wire(beside)) as wire:
        wire("CONFIG", "SET", "appendonly", "yes")
        eventually(lambda: info_of(wire, "aof_rewrite_in_progress") == "0" and os.path.exists(tmp_path / "appendonlydir" / "appendonly.aof.manifest"))
        wire("RPUSH", "l", *range(5))
        wire("MULTI")
        wire("DEBUG", "LOADAOF")
        wire("GET", "k")
        assert wire("EXEC") == [b"OK", None]
        assert info_of(wire, "rdb_changes_since_last_save") == "0" and wire("LLEN", "l") == 5
        wire("RPUSH", "l", "x")
        assert wire("DEBUG", "LOADAOF") == b"OK" and wire("LLEN", "l") == 6


def test_a_key_that_has_expired_is_not_loaded(beside):
    with closing(Wire(beside)) as wire:
        wire("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        wire("SET", "k", "v", "PX", "1")
        wire("SET", "l", "v")
        eventually(lambda: wire("EXISTS", "k") == 0 or None)
        wire("DEBUG", "RELOAD")
        assert wire("DBSIZE") == 1
