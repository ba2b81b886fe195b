"""The log begins and ends: at the start, by CONFIG SET, with the store, in the child of a fork."""

import os
import signal

import pytest

import kvd
from kvd.doors.files import close_files, start_persistence

from ..waiting import eventually
from .served import LOG, Served, files, fill, restarted


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
