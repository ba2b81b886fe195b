"""The folder of the log: older forms, left-over files, folders of real servers and for them."""

import signal

import pytest

import kvd

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from ..waiting import eventually
from .served import FAR, LIBRARY, LOG, Served, files, fill, restarted, rewrite
from .stored import stored


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
