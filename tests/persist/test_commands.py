"""SAVE, BGSAVE, LASTSAVE, SHUTDOWN, BGREWRITEAOF, WAITAOF and INFO persistence, as clients see them."""

import os
import resource
import signal
from contextlib import closing

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually
from .served import Served, files, fill, info_of


@pytest.fixture
def kept(tmp_path):
    """A store whose snapshots go to a folder of its own."""
    return kvd.Store(dir=str(tmp_path), enable_debug_command="yes")


def said(store, *words):
    with pytest.raises(kvd.KvdError) as caught:
        store.execute(*words)
    return str(caught.value)


def server_wire(server):
    return closing(Wire(("127.0.0.1", server.port)))


def idle(store):
    return eventually(lambda: info_of(store.execute, "rdb_bgsave_in_progress") == "0")


def test_save_writes_a_snapshot(kept, tmp_path):
    fill(kept.execute, plain=False)
    assert kept.execute("SAVE") == b"OK" and files(tmp_path) == ["dump.rdb"]
    copy = kvd.Store()
    copy.load(tmp_path / "dump.rdb")
    assert copy.execute("DEBUG", "DIGEST") == kept.execute("DEBUG", "DIGEST") and copy.execute("FCALL", "seven", 0) == 7


def test_bgsave_writes_a_snapshot(kept, tmp_path):
    fill(kept.execute, plain=False)
    assert kept.execute("BGSAVE") == b"Background saving started"
    idle(kept)
    copy = kvd.Store()
    copy.load(tmp_path / "dump.rdb")
    assert copy.execute("DEBUG", "DIGEST") == kept.execute("DEBUG", "DIGEST")


@pytest.mark.parametrize("words", [("BGSAVE", "NOW"), ("BGSAVE", "SCHEDULE", "CANCEL"), ("BGSAVE", "SCHEDULE", "x")])
def test_bgsave_refuses_other_words(kept, words):
    assert said(kept, *words) == "syntax error"


def test_there_is_nothing_to_cancel(kept):
    assert said(kept, "BGSAVE", "CANCEL") == "Background saving is currently not in progress or scheduled"


def test_bgsave_within_a_transaction_is_scheduled(kept, tmp_path):
    with kept.serve(), kept.session() as run:
        run.execute("MULTI")
        run.execute("BGSAVE")
        assert run.execute("EXEC") == [b"Background saving scheduled"]
        eventually(lambda: files(tmp_path) == ["dump.rdb"])


def test_save_within_a_transaction_is_refused(kept):
    with kept.session() as run:
        run.execute("MULTI")
        with pytest.raises(kvd.KvdError, match="Command not allowed inside a transaction"):
            run.execute("SAVE")


@pytest.mark.parametrize("name", ["SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN"])
def test_scripts_may_not(kept, name):
    assert "not allowed from script" in said(kept, "EVAL", f"return redis.call('{name}')", 0)


def test_a_running_save_refuses_others_and_can_be_cancelled(kept, tmp_path):
    """The snapshot is large, so that it runs when the next command comes: all are of one batch."""
    for i in range(300):
        kept.set(f"k{i}", bytes(100_000))
    with kept.serve() as server, server_wire(server) as wire:
        batch = [("CONFIG", "SET", "rdbcompression", "no"), ("BGSAVE",), ("BGSAVE",), ("BGSAVE", "SCHEDULE"), ("SAVE",), ("INFO", "persistence"), ("BGSAVE", "CANCEL")]
        wire.send(b"".join(wire.frame(words) for words in batch))
        replies = [wire.read() for _ in batch]
        assert replies[1] == b"Background saving started"
        assert [str(r) for r in replies[2:5]] == ["ERR Background save already in progress"] * 3
        assert b"rdb_bgsave_in_progress:1\r\n" in replies[5] and b"current_save_keys_total:300\r\n" in replies[5]
        assert replies[6] == b"Background saving cancelled"
        idle(kept)
    assert files(tmp_path) == [] and info_of(kept.execute, "rdb_saves") == "0" and info_of(kept.execute, "rdb_last_bgsave_status") == "ok"
    assert kept.execute("SAVE") == b"OK"


def test_lastsave_is_the_time_of_the_last_success(kept, tmp_path):
    before = kept.execute("LASTSAVE")
    assert isinstance(before, int)
    (tmp_path / "dump.rdb").mkdir()
    with pytest.raises(kvd.KvdError):
        kept.execute("SAVE")
    assert kept.execute("LASTSAVE") == before
    (tmp_path / "dump.rdb").rmdir()
    kept.execute("SAVE")
    assert kept.execute("LASTSAVE") >= before and info_of(kept.execute, "rdb_last_save_time") == str(kept.execute("LASTSAVE"))


def test_info_tells_what_was_saved(kept):
    def info(*names):
        return [info_of(kept.execute, name) for name in names]

    assert info("rdb_changes_since_last_save", "rdb_saves", "rdb_last_bgsave_time_sec", "rdb_last_bgsave_status", "aof_enabled") == ["0", "0", "-1", "ok", "0"]
    kept.mset({"a": 1, "b": 2})
    kept.delete("a")
    assert info("rdb_changes_since_last_save") == ["3"]
    kept.execute("SAVE")
    assert info("rdb_changes_since_last_save", "rdb_saves", "loading", "rdb_current_bgsave_time_sec") == ["0", "1", "0", "-1"]
    kept.execute("BGSAVE")
    idle(kept)
    assert info("rdb_saves", "rdb_last_bgsave_status") == ["2", "ok"] and int(info("rdb_last_bgsave_time_sec")[0]) >= 0


def test_changes_that_happen_during_a_save_are_not_saved(kept):
    for i in range(300):
        kept.set(f"k{i}", bytes(100_000))
    with kept.serve() as server, server_wire(server) as wire:
        batch = [("BGSAVE",), ("SET", "k1", "new"), ("SET", "k2", "new")]
        wire.send(b"".join(wire.frame(words) for words in batch))
        assert [wire.read() for _ in batch] == [b"Background saving started", b"OK", b"OK"]
        idle(kept)
        assert info_of(kept.execute, "rdb_changes_since_last_save") == "2"


def test_info_counts_the_keys_that_were_loaded(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        fill(store.execute)
        keys = sum(store.execute("SELECT", db) == b"OK" and store.dbsize() for db in (3, 5, 0))
        store.set("gone", "v", px=1)
        store.clock.advance(0)
        store.execute("SAVE")
    with Served(tmp_path) as server:
        assert int(server.info("rdb_last_load_keys_loaded")) in (keys, keys + 1) and server.info("rdb_changes_since_last_save") == "0"


# ---- the log -----------------------------------------------------------------------------------------

def test_without_a_log_there_is_nothing_to_wait_for(kept):
    assert said(kept, "WAITAOF", 1, 0, 0) == "WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    assert kept.execute("WAITAOF", 0, 0, 0) == [0, 0]


@pytest.mark.parametrize(
    ("words", "error"),
    [((2, 0, 0), "value is out of range, must be between 0 and 1"), ((0, -1, 0), "value is out of range, must be positive"), ((0, 0, -1), "timeout is negative"),
     (("x", 0, 0), "value is not an integer or out of range")],
)  # fmt: skip
def test_waitaof_checks_its_words(kept, words, error):
    assert said(kept, "WAITAOF", *words) == error


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_waitaof_returns_when_the_writes_are_synced(tmp_path, policy):
    with Served(tmp_path, "--appendonly", "yes", "--appendfsync", policy) as server:
        server("SET", "k", "v")
        assert server("WAITAOF", "1", "0", "0") == [1, 0] and server.info("aof_pending_bio_fsync") == "0"


def test_info_tells_about_the_log(tmp_path):
    with Served(tmp_path, "--appendonly", "yes") as server:
        begin = int(server.info("aof_current_size"))
        server("SET", "k", "v")
        assert server.info("aof_enabled") == "1" and int(server.info("aof_current_size")) == begin + 50       # with SELECT 0
        assert server.info("aof_base_size") == str(begin) and server.info("aof_last_write_status") == "ok"
        assert server("BGREWRITEAOF") == b"Background append only file rewriting started"
        eventually(lambda: server.info("aof_rewrite_in_progress") == "0")
        assert server.info("aof_rewrites") == "1" and server.info("aof_last_bgrewrite_status") == "ok" and int(server.info("aof_last_rewrite_time_sec")) >= 0


def test_a_rewrite_within_a_transaction_is_scheduled(tmp_path):
    with Served(tmp_path, "--appendonly", "yes") as server:
        server("MULTI")
        server("BGREWRITEAOF")
        assert server("EXEC") == [b"Background append only file rewriting scheduled"]
        eventually(lambda: server.info("aof_rewrites") == "1")


def rewritten(run, times):
    return eventually(lambda: info_of(run, "aof_rewrites") == str(times) and info_of(run, "aof_rewrite_in_progress") == "0")


def test_a_rewrite_without_a_log_writes_a_base(kept, tmp_path):
    """A start with appendonly yes, or CONFIG SET appendonly yes, finds it."""
    fill(kept.execute, plain=False)
    for times in (1, 2):
        assert kept.execute("BGREWRITEAOF") == b"Background append only file rewriting started"
        rewritten(kept.execute, times)
        assert files(tmp_path) == [f"appendonlydir/appendonly.aof.{times}.base.rdb", "appendonlydir/appendonly.aof.manifest"]
    assert info_of(kept.execute, "aof_enabled") == "0" and info_of(kept.execute, "aof_last_bgrewrite_status") == "ok"
    kept.set("k", "not logged")
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        assert store.execute("FCALL", "seven", 0) == 7 and store.get("k") is None
        store.set("l", "logged")
        assert len(files(tmp_path)) == 3
    kept.execute("BGREWRITEAOF")                   # what was logged is replaced, as in Redis
    rewritten(kept.execute, 3)
    assert files(tmp_path) == ["appendonlydir/appendonly.aof.3.base.rdb", "appendonlydir/appendonly.aof.manifest"]
    kept.execute("CONFIG", "SET", "appendonly", "yes")
    eventually(lambda: info_of(kept.execute, "aof_enabled") == "1" and info_of(kept.execute, "aof_rewrite_in_progress") == "0")
    assert files(tmp_path) == ["appendonlydir/appendonly.aof.1.incr.aof", "appendonlydir/appendonly.aof.4.base.rdb", "appendonlydir/appendonly.aof.manifest"] \
        or len(files(tmp_path)) == 3
    with pytest.raises(kvd.FileError):
        kvd.Store().compact()                      # of a store without a file


def test_a_rewrite_without_a_log_is_scheduled_in_a_transaction(kept, tmp_path):
    with kept.serve(), kept.session() as run:
        run.execute("MULTI")
        run.execute("BGREWRITEAOF")
        assert run.execute("EXEC") == [b"Background append only file rewriting scheduled"]
        rewritten(kept.execute, 1)
        assert len(files(tmp_path)) == 2


def test_a_rewrite_without_a_log_that_fails_leaves_the_old_log(kept, tmp_path):
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        store.set("k", "v")
    (tmp_path / "appendonlydir" / "appendonly.aof.2.base.rdb").mkdir()
    before = files(tmp_path)
    kept.execute("BGREWRITEAOF")
    eventually(lambda: info_of(kept.execute, "aof_last_bgrewrite_status") == "err")
    assert files(tmp_path) == before and kept.set("still", "writable")
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        assert store.get("k") == b"v"
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    assert "Can't execute an AOF background rewriting" in said(kept, "BGREWRITEAOF")


def test_a_rewrite_without_a_log_excludes_other_snapshots(kept):
    """All commands are of one batch, so that it runs when they come."""
    for i in range(300):
        kept.set(f"k{i}", bytes(100_000))
    with kept.serve() as server, server_wire(server) as wire:
        batch = [("CONFIG", "SET", "rdbcompression", "no"), ("BGREWRITEAOF",), ("BGREWRITEAOF",), ("BGSAVE",), ("BGSAVE", "SCHEDULE"), ("INFO", "persistence"), ("SAVE",)]
        wire.send(b"".join(wire.frame(words) for words in batch))
        replies = [wire.read() for _ in batch]
        assert replies[1] == b"Background append only file rewriting started" and replies[4] == b"Background saving scheduled" and replies[6] == b"OK"
        assert "already in progress" in str(replies[2]) and "Another child process is active (AOF?)" in str(replies[3])
        assert b"aof_rewrite_in_progress:1\r\n" in replies[5] and b"rdb_bgsave_in_progress:0\r\n" in replies[5]
        eventually(lambda: info_of(kept.execute, "rdb_saves") == "2")
        rewritten(kept.execute, 1)


def test_a_save_that_fails_tells_its_client_only(kept, tmp_path):
    """As in Redis: BGSAVE decides about writes, and a SAVE that succeeds allows them again."""
    def info():
        return [info_of(kept.execute, name) for name in ("rdb_last_bgsave_status", "rdb_last_bgsave_time_sec")]

    kept.configure("save", "3600 1")
    (tmp_path / "dump.rdb").mkdir()
    with pytest.raises(kvd.KvdError):
        kept.execute("SAVE")
    assert info() == ["ok", "-1"] and kept.set("k", "v")
    kept.execute("BGSAVE")
    eventually(lambda: info() == ["err", "0"])
    with pytest.raises(kvd.KvdError, match="MISCONF Redis is configured to save RDB snapshots"):
        kept.set("k", "v")
    with pytest.raises(kvd.KvdError):
        kept.execute("SAVE")
    (tmp_path / "dump.rdb").rmdir()
    kept.execute("SAVE")
    assert info() == ["ok", "0"] and kept.set("k", "v")


# ---- SHUTDOWN ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [("SAVE", "NOSAVE"), ("NOW", "x"), ("ABORT", "NOW"), ("SAVE", "SAVE")])
def test_shutdown_refuses_other_words(kept, words):
    assert said(kept, "SHUTDOWN", *words) == "syntax error"


def test_there_is_no_shutdown_to_abort(kept):
    assert said(kept, "SHUTDOWN", "ABORT") == "No shutdown in progress."


def ends(server, *words):
    """Runs SHUTDOWN; the exit code."""
    server.wire.send(server.wire.frame(("SHUTDOWN", *words)))
    with pytest.raises(ConnectionError):
        server.wire.read()
    return server.ended()


@pytest.mark.parametrize(
    ("options", "words", "saved"),
    [(["--save", ""], ["SAVE"], True), (["--save", ""], [], False), (["--save", ""], ["NOW"], False), (["--save", "3600 1"], [], True),
     (["--save", "3600 1"], ["NOW"], True), (["--save", "3600 1"], ["NOSAVE"], False), (["--save", "3600 1"], ["nosave", "now", "force"], False)],
)  # fmt: skip
def test_shutdown_saves_as_it_is_told(tmp_path, options, words, saved):
    with Served(tmp_path, *options) as server:
        server("SET", "k", "v")
        assert ends(server, *words) == 0
    assert files(tmp_path) == (["dump.rdb"] if saved else [])


def test_a_shutdown_that_cannot_save_is_refused_unless_it_is_forced(tmp_path):
    (tmp_path / "dump.rdb").mkdir()
    with Served(tmp_path, "--dbfilename", "other.rdb", "--enable-protected-configs", "yes") as server:
        server("CONFIG", "SET", "dbfilename", "dump.rdb")
        assert str(server("SHUTDOWN", "SAVE")) == "ERR Errors trying to SHUTDOWN. Check logs."
        assert server("GET", "k") is None and "Error trying to save the DB, can't exit." in server.said()
        assert ends(server, "SAVE", "FORCE") == 0


@pytest.mark.parametrize(
    ("number", "options", "saved"),
    [(signal.SIGTERM, ["--save", "3600 1"], True), (signal.SIGINT, ["--save", "3600 1"], True), (signal.SIGTERM, ["--save", ""], False),
     (signal.SIGTERM, ["--save", "", "--shutdown-on-sigterm", "save"], True), (signal.SIGINT, ["--save", "", "--shutdown-on-sigint", "save now"], True),
     (signal.SIGTERM, ["--save", "3600 1", "--shutdown-on-sigterm", "nosave"], False), (signal.SIGINT, ["--save", "3600 1", "--shutdown-on-sigterm", "nosave"], True)],
)  # fmt: skip
def test_signals_save_as_configured(tmp_path, number, options, saved):
    with Served(tmp_path, *options) as server:
        server("SET", "k", "v")
        assert server.stop(number) == 0
    assert files(tmp_path) == (["dump.rdb"] if saved else [])
    if saved:
        with Served(tmp_path) as server:
            assert server("GET", "k") == b"v"


@pytest.mark.parametrize(("words", "goes_on"), [("save", True), ("save force", False)])
def test_a_signal_that_cannot_save_does_not_end_the_server(tmp_path, words, goes_on):
    with Served(tmp_path, "--enable-protected-configs", "yes", "--shutdown-on-sigterm", *words.split()) as server:
        (tmp_path / "folder").mkdir()
        assert server("CONFIG", "SET", "dbfilename", "folder") == b"OK"
        server.process.send_signal(signal.SIGTERM)
        if goes_on:
            eventually(lambda: "Failed to shut down" in server.said())
            assert server("GET", "k") is None
            server("CONFIG", "SET", "dbfilename", "dump.rdb")
            assert server.stop() == 0
        assert server.ended() == 0


def test_a_server_whose_log_has_no_base_yet_does_not_end(tmp_path):
    """All commands are of one batch, so that the base is being written when SHUTDOWN comes."""
    with Served(tmp_path, "--save", "") as server:
        for i in range(300):
            server("SET", f"k{i}", bytes(100_000))
        batch = [("CONFIG", "SET", "rdbcompression", "no"), ("CONFIG", "SET", "appendonly", "yes"), ("SHUTDOWN", "NOSAVE"), ("DEBUG", "LOADAOF"), ("DBSIZE",)]
        server.wire.send(b"".join(server.wire.frame(words) for words in batch))
        replies = [server.wire.read() for _ in batch]
        assert str(replies[2]) == "ERR Errors trying to SHUTDOWN. Check logs." and "Writing initial AOF, can't exit." in server.said()
        assert "Error trying to load the AOF files" in str(replies[3]) and replies[4] == 300
        eventually(lambda: server.info("aof_rewrites") == "1")
        assert ends(server, "NOSAVE") == 0


# ---- CONFIG SET dir ----------------------------------------------------------------------------------

def test_dir_must_exist(kept, tmp_path):
    (tmp_path / "file").touch()
    before = kept.option("dir")
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path / "file", "Not a directory"), ("", "No such file or directory")):
        assert said(kept, "CONFIG", "SET", "maxmemory", "5mb", "dir", str(path)) == f"CONFIG SET failed (possibly related to argument 'dir') - {why}"
    assert kept.option("dir") == before and kept.option("maxmemory") == "0"


def test_dir_is_absolute_and_the_process_stays_where_it_is(kept, tmp_path):
    (tmp_path / "sub").mkdir()
    before = os.getcwd()
    kept.execute("CONFIG", "SET", "dir", "sub")
    assert kept.option("dir") == str(tmp_path / "sub") and os.getcwd() == before
    kept.execute("SAVE")
    assert files(tmp_path) == ["sub/dump.rdb"]
    kept.execute("CONFIG", "SET", "dir", "..")
    kept.execute("SAVE")
    assert files(tmp_path) == ["dump.rdb", "sub/dump.rdb"]


def test_a_relative_dir_of_a_server_or_a_store(tmp_path, monkeypatch):
    here = os.getcwd()
    (tmp_path / "sub").mkdir()
    store = kvd.Store(dir=os.path.relpath(tmp_path / "sub"))
    monkeypatch.chdir("/")
    store.set("k", "v")
    store.execute("SAVE")
    monkeypatch.chdir(here)
    with Served(os.path.relpath(tmp_path / "sub")) as server:
        assert server("GET", "k") == b"v" and server("CONFIG", "GET", "dir") == [b"dir", str(tmp_path / "sub").encode()]
        server("SAVE")
    assert files(tmp_path) == ["sub/dump.rdb"]


# ---- LATENCY -----------------------------------------------------------------------------------------

def events(run):
    return {event[0].decode() for event in run("LATENCY", "LATEST")}


def test_latency_events_of_the_log(tmp_path):
    """A write and a sync of 30 MB take longer than a millisecond, the threshold."""
    with Served(tmp_path, "--appendonly", "yes", "--appendfsync", "always", "--latency-monitor-threshold", "1") as server:
        server("SET", "k", bytes(30_000_000))
        assert {"aof-write", "aof-write-alone", "aof-fsync-always"} <= events(server)
        server("CONFIG", "SET", "latency-monitor-threshold", "0")
        server("LATENCY", "RESET")
        server("SET", "k", bytes(30_000_000))
        assert events(server) == set()
        batch = [("CONFIG", "SET", "latency-monitor-threshold", "1"), ("BGREWRITEAOF",), ("SET", "k", bytes(30_000_000))]
        server.wire.send(b"".join(server.wire.frame(words) for words in batch))
        assert [server.wire.read() for _ in batch][1] == b"Background append only file rewriting started"
        assert "aof-write" in events(server)


def test_a_log_that_cannot_be_written_refuses_writes_with_the_reason(tmp_path):
    """The process may not write larger files for a while: the first write is short. What is written later follows what was whole."""
    with Served(tmp_path, "--appendonly", "yes", "--save", "") as server:
        server("SET", "k", "1")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (60, resource.RLIM_INFINITY))
        server("SET", "k", "x" * 100)
        why = "MISCONF Errors writing to the AOF file: File too large"
        eventually(lambda: server.info("aof_last_write_status") == "err")
        assert str(server("SET", "k", "2")) == why and str(server("PING")) == why
        assert "Errors writing to the AOF file: File too large" in str(server("EVAL", "return redis.call('set', 'k', '3')", "0"))
        server("MULTI")
        assert str(server("SET", "k", "4")) == why
        assert str(server("EXEC")).startswith("EXECABORT")
        assert server("GET", "k") == b"x" * 100
        assert "Error trying to load the AOF files" in str(server("DEBUG", "LOADAOF")) and server("GET", "k") == b"x" * 100
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        eventually(lambda: server("SET", "k", "5") == b"OK")
        server.process.kill()
    with Served(tmp_path, "--appendonly", "yes") as server:
        assert server("GET", "k") == b"5"
