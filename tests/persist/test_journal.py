"""The append-only log in a folder: restarts, rewrites, switching it on and off, and exchange with real servers."""

import os
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvd
from kvd.doors import _probe_snapshot as probes
from kvd.doors.files import close_files, start_persistence

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from ..run.workload import STEPS, Work, content
from ..waiting import eventually
from .served import FAR, LIBRARY, LOG, Served, files, fill, info_of, rewrite
from .stored import stored


def restarted(folder, digest, *options):
    with Served(folder, *LOG, *options) as server:
        assert server.digest() == digest
        assert server("FCALL", "seven", "0") == 7


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_is_there_after_a_restart(tmp_path, policy, number):
    """Also after a kill: what has been answered has been written."""
    with Served(tmp_path, *LOG, "--appendfsync", policy) as server:
        fill(server, plain=False)
        digest = server.digest()
        server.stop(number)
    restarted(tmp_path, digest)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=1, max_size=40))
def test_random_work_is_there_after_reopening(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("log")
    work = Work()
    work.store.configure("dir", str(path))
    work.store.configure("appendonly", "yes")
    start_persistence(work.store)
    for step in steps:
        work.step(*step)
    work.store.execute("PING")
    before = content(work.store)
    close_files(work.store)
    again = kvd.Store(dir=str(path))
    again.clock.freeze(1)
    again.configure("appendonly", "yes")
    start_persistence(again)
    assert content(again) == before
    with pytest.raises(kvd.FileError, match="has a log already"):
        start_persistence(again)


def test_an_adoption_that_was_interrupted_is_completed(tmp_path):
    """The manifest names the old file before it is moved."""
    (tmp_path / "appendonly.aof").write_bytes(stored("rdb-preamble.aof"))
    with Served(tmp_path, *LOG) as server:
        digest = server.digest()
        server.stop()
    folder = tmp_path / "appendonlydir"
    (folder / "appendonly.aof").rename(tmp_path / "appendonly.aof")
    (folder / "appendonly.aof.1.incr.aof").unlink()
    (folder / "appendonly.aof.manifest").write_text("file appendonly.aof seq 1 type b\n")
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest
    assert not (tmp_path / "appendonly.aof").exists()


def test_a_rewrite_loses_nothing_and_removes_what_is_old(tmp_path):
    with Served(tmp_path, *LOG) as server:
        fill(server, plain=False)
        for _ in range(50):
            server("SET", "again", "x" * 1000)
        size = int(server.info("aof_current_size"))
        rewrite(server)
        assert int(server.info("aof_current_size")) < size
        server("SET", "later", "1")
        digest = server.digest()
        server.stop(signal.SIGKILL)
    assert files(tmp_path / "appendonlydir") == ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]
    restarted(tmp_path, digest)


def test_writes_during_a_rewrite_are_there_after_a_kill(tmp_path):
    with Served(tmp_path, *LOG) as server:
        fill(server, plain=False)
        for i in range(2000):
            server("SET", f"k{i}", "x" * 5000)
        batch = [("BGREWRITEAOF",), *[("SET", f"k{i}", f"new{i}") for i in range(2000)], ("SWAPDB", "0", "7"), ("SWAPDB", "7", "0"), ("FLUSHDB",), ("SET", "last", "1")]
        server.wire.send(b"".join(Wire.frame(words) for words in batch))
        replies = [server.wire.read() for _ in batch]
        assert replies[0] == b"Background append only file rewriting started" and replies[-1] == b"OK"
        fill(server)
        digest = server.digest()
        server.stop(signal.SIGKILL)
    restarted(tmp_path, digest)


def test_it_is_rewritten_by_itself_when_it_has_grown(tmp_path):
    with Served(tmp_path, *LOG, "--auto-aof-rewrite-min-size", "10kb", "--auto-aof-rewrite-percentage", "50") as server:
        for _ in range(100):
            server("SET", "k", "x" * 1000)
        eventually(lambda: int(server.info("aof_rewrites")) >= 1)
        server("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
        eventually(lambda: server.info("aof_rewrite_in_progress") == "0")
        n = server.info("aof_rewrites")
        for _ in range(100):
            server("SET", "k", "x" * 1000)
        assert server.info("aof_rewrites") == n and int(server.info("aof_current_size")) > 100_000


def test_it_can_be_switched_on_and_off_at_run_time(tmp_path):
    with Served(tmp_path, "--save", "") as server:
        fill(server, plain=False)
        assert server("CONFIG", "SET", "appendonly", "yes") == b"OK"
        eventually(lambda: server.info("aof_enabled") == "1" and server.info("aof_rewrite_in_progress") == "0" and server.info("aof_rewrites") == "1")
        server("SET", "later", "1")
        digest = server.digest()
        server.stop(signal.SIGKILL)
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest
        server("CONFIG", "SET", "appendonly", "no")
        eventually(lambda: server.info("aof_enabled") == "0")
        server("SET", "not logged", "1")
        server.stop()
    restarted(tmp_path, digest)


def test_switching_it_on_again_keeps_what_happened_in_between(tmp_path):
    with Served(tmp_path, *LOG) as server:
        fill(server, plain=False)
        for value, on in (("no", "0"), ("yes", "1")):
            server("CONFIG", "SET", "appendonly", value)
            eventually(lambda on=on: server.info("aof_enabled") == on and server.info("aof_rewrite_in_progress") == "0")
            server("SET", value, "1")
        digest = server.digest()
        server.stop(signal.SIGKILL)
    restarted(tmp_path, digest)


def test_with_a_log_the_snapshot_is_not_loaded(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        store.set("k", "of the snapshot")
        store.execute("SAVE")
    with Served(tmp_path, *LOG) as server:
        assert server("DBSIZE") == 0


# ---- starting ----------------------------------------------------------------------------------------

def test_a_file_of_an_old_server_becomes_the_base(tmp_path):
    (tmp_path / "appendonly.aof").write_bytes(stored("rdb-preamble.aof"))
    with Served(tmp_path, *LOG) as server:
        assert server("DBSIZE") > 0 and "Successfully migrated an old-style AOF" in server.said()
        server("SET", "more", "1")
        digest = server.digest()
        server.stop(signal.SIGKILL)
    assert files(tmp_path) == ["appendonlydir/appendonly.aof", "appendonlydir/appendonly.aof.1.incr.aof", "appendonlydir/appendonly.aof.manifest"]
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest
        rewrite(server)
        server.stop()
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest
    assert files(tmp_path / "appendonlydir") == ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]


def test_the_folder_that_a_real_server_wrote(tmp_path):
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    for name in ("appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"):
        (folder / name).write_bytes(stored(name))
    (folder / "appendonly.aof.manifest").write_text("file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n")
    with Served(tmp_path, *LOG) as server:
        assert server("DBSIZE") > 0
        digest = server.digest()
        rewrite(server)
        server.stop()
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest


@pytest.mark.parametrize("name", ["file", "none"])
def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path, name):
    (tmp_path / "file").write_text("")
    with Served(tmp_path, *LOG, "--appenddirname", "file" if name == "file" else "none/none") as server:
        assert server.ended() == 1


def test_left_over_files_do_no_harm(tmp_path):
    with Served(tmp_path, *LOG) as server:
        fill(server, plain=False)
        digest = server.digest()
        server.stop(signal.SIGKILL)
    folder = tmp_path / "appendonlydir"
    for name in ("temp-appendonly.aof.manifest", "appendonly.aof.2.incr.aof", "appendonly.aof.2.base.rdb", "temp-1-abc.rdb"):
        (folder / name).write_bytes(b"left over")
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest
        rewrite(server)
        server("SET", "k", "1")
        digest = server.digest()
        server.stop()
    restarted(tmp_path, digest)


def test_a_store_whose_log_is_a_folder_is_not_written_by_a_child(tmp_path):
    store = kvd.Store(dir=str(tmp_path), appendonly="yes", appendfsync="always")
    store.set("parent", "1")
    child = os.fork()
    if child == 0:
        store.set("child", "1")
        store.clock.advance(1)                     # background work
        store.close()
        os._exit(0)
    os.waitpid(child, 0)
    store.set("parent later", "1")
    store.close()
    again = kvd.Store(dir=str(tmp_path), appendonly="yes")
    assert sorted(again.keys("*")) == [b"parent", b"parent later"]


def test_a_store_with_a_log_loads_it_before_it_writes_anything(tmp_path):
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        store.set("k", "v")
    for _ in range(2):
        with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
            store.clock.advance(1)                 # background work
            assert store.get("k") == b"v"
            with pytest.raises(kvd.FileError, match="has a log already"):
                start_persistence(store)


def test_nothing_is_written_after_the_store_was_closed(tmp_path):
    """Background work of a closed store does not begin the log again, with what is left."""
    store = kvd.Store(dir=str(tmp_path), appendonly="yes")
    store.set("k", "v")
    close_files(store)
    kept = files(tmp_path)
    store.clock.advance(1)
    store.flushall()
    store.clock.advance(1)
    store.close()
    assert files(tmp_path) == kept and kvd.Store(dir=str(tmp_path), appendonly="yes").get("k") == b"v"


def test_a_rewrite_during_a_snapshot_comes_after_it(tmp_path):
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        store.set("k", "v")
        running = probes.Snapshot(store)
        before = files(tmp_path)
        for _ in range(3):
            assert store.execute("BGREWRITEAOF") == b"Background append only file rewriting scheduled"
        assert files(tmp_path) == before and info_of(store.execute, "aof_rewrite_in_progress") == "0"
        running.some(1 << 40)
        del running
        eventually(lambda: info_of(store.execute, "aof_rewrites") == "1")
        store.compact()
        assert info_of(store.execute, "aof_rewrites") == "2"


@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_a_log_that_cannot_be_begun_stays_off_and_the_client_is_told(tmp_path, policy):
    (tmp_path / "appendonlydir").write_text("not a folder")
    with Served(tmp_path, "--save", "", "--appendfsync", policy) as server:
        assert "Unable to turn on AOF. Check server logs." in str(server("CONFIG", "SET", "appendonly", "yes"))
        assert server("CONFIG", "GET", "appendonly") == [b"appendonly", b"no"] and server("SET", "k", "v") == b"OK"
        (tmp_path / "appendonlydir").unlink()
        assert server("CONFIG", "SET", "appendonly", "yes") == b"OK"
        eventually(lambda: server.info("aof_rewrite_in_progress") == "0" and server.info("aof_enabled") == "1")
        server("SET", "k2", "v")
        server.stop(signal.SIGKILL)
    with Served(tmp_path, *LOG) as server:
        assert server("MGET", "k", "k2") == [b"v", b"v"]


def test_a_log_stays_in_its_folder_when_the_program_changes_its_own(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    with kvd.Store(appendonly="yes") as store:
        store.set("k", "v")
        monkeypatch.chdir(tmp_path / "b")
        store.compact()
        store.set("k", "later")
    assert files(tmp_path / "b") == []
    assert kvd.Store(appendonly="yes", dir=str(tmp_path / "a")).get("k") == b"later"


# ---- real servers ------------------------------------------------------------------------------------

@pytest.mark.parametrize("program", REAL)
@pytest.mark.parametrize("rewritten", [False, True])
def test_a_real_server_loads_the_folder_and_back(tmp_path, program, rewritten):
    with Served(tmp_path, *LOG) as server:
        fill(server)
        if rewritten:
            rewrite(server)
            server("SET", "later", "1")
        server("SADD", "words again", "a", "b", "c")
        digest = server.digest()
        server.stop()
    theirs = RealServer(program, "--dir", str(tmp_path), *LOG)
    try:
        wire = Wire(theirs.address)
        assert wire("DEBUG", "DIGEST") == digest
        wire("RPUSH", "theirs", "a", "b")
        wire("FUNCTION", "LOAD", LIBRARY)
        if rewritten:
            wire("BGREWRITEAOF")
            eventually(lambda: b"aof_rewrite_in_progress:0\r\n" in wire("INFO", "persistence"))
        wire("SET", "timed", "v", "PXAT", FAR)
        digest = wire("DEBUG", "DIGEST")
    finally:
        theirs.stop()
    restarted(tmp_path, digest)


@pytest.mark.parametrize("program", REAL)
def test_a_real_server_loads_the_snapshot_and_back(tmp_path, program):
    with Served(tmp_path, "--save", "") as server:
        fill(server)
        server("SAVE")
        digest = server.digest()
        server.stop()
    theirs = RealServer(program, "--dir", str(tmp_path))
    try:
        wire = Wire(theirs.address)
        assert wire("DEBUG", "DIGEST") == digest
        wire("RPUSH", "theirs", "a", "b")
        wire("SAVE")
        digest = wire("DEBUG", "DIGEST")
    finally:
        theirs.stop()
    with Served(tmp_path) as server:
        assert server.digest() == digest


@pytest.mark.parametrize("program", REAL)
def test_a_real_server_loads_the_file_of_a_store(tmp_path, program):
    """As its base, if it knows the single form no more."""
    with kvd.Store(tmp_path / "appendonly.aof", enable_debug_command="yes") as store:
        fill(store.execute)
        store.compact()
        store.set("later", "1")
        digest = store.execute("DEBUG", "DIGEST")
    theirs = RealServer(program, "--dir", str(tmp_path), *LOG)
    try:
        assert Wire(theirs.address)("DEBUG", "DIGEST") == digest
    finally:
        theirs.stop()
