"""The rewrite of the log: nothing is lost, what is old is removed; with a failure all is as before."""

import signal

import pytest

import kvd
from kvd.doors import _probe_snapshot as probes

from ..compat.wire import Wire
from ..waiting import eventually
from .served import LOG, Served, files, fill, info_of, restarted, rewrite


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


@pytest.mark.parametrize("blocked", ["appendonly.aof.2.incr.aof", "temp-appendonly.aof.manifest"])
def test_a_rewrite_whose_increment_cannot_be_made_leaves_the_log_as_it_is(tmp_path, blocked):
    """It has begun when that is found out."""
    folder = tmp_path / "appendonlydir"
    with kvd.Store(dir=str(tmp_path), appendonly="yes", enable_debug_command="yes") as store:
        store.set("k", "v")
        before = files(folder)
        (folder / blocked / "full").mkdir(parents=True)
        with pytest.raises(kvd.FileError, match="appendonly.aof.2.incr.aof"):
            store.compact()
        assert info_of(store.execute, "aof_last_bgrewrite_status") == "err" and info_of(store.execute, "aof_last_write_status") == "ok"
        (folder / blocked / "full").rmdir()
        (folder / blocked).rmdir()
        assert files(folder) == before
        store.set("later", "v")
        digest = store.execute("DEBUG", "DIGEST")
        store.compact()
        assert files(folder) == ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]
    with kvd.Store(dir=str(tmp_path), appendonly="yes", enable_debug_command="yes") as store:
        assert store.execute("DEBUG", "DIGEST") == digest


def test_until_the_first_base_is_complete_the_log_before_it_is_valid(tmp_path):
    """Also if writing it has failed, and is tried again."""
    folder = tmp_path / "appendonlydir"
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        store.set("k", "of the old log")
    with kvd.Store(dir=str(tmp_path)) as store:
        store.set("k", "of the new log")
        for seq in (2, 3):
            (folder / f"appendonly.aof.{seq}.base.rdb" / "full").mkdir(parents=True)
        store.config_set("appendonly", "yes")
        for failures in (1, 2):
            eventually(lambda n=failures: info_of(store.execute, "aof_rewrites_consecutive_failures") == str(n))
            manifest = (folder / "appendonly.aof.manifest").read_text()
            assert manifest == "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
            if failures == 1:
                store.execute("BGREWRITEAOF")
        for seq in (2, 3):
            (folder / f"appendonly.aof.{seq}.base.rdb" / "full").rmdir()
            (folder / f"appendonly.aof.{seq}.base.rdb").rmdir()
        store.compact()
    assert len(files(folder)) == 3
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        assert store.get("k") == b"of the new log"


def test_a_rewrite_waits_until_a_script_has_ended(tmp_path):
    """What a script has done is logged at its end, as one: its middle cannot be the instant of a snapshot."""
    script = "redis.call('incr', 'n') local t = os.clock() repeat until os.clock() - t > 0.3 redis.call('incr', 'n')"
    with Served(tmp_path, *LOG, "--busy-reply-threshold", "1") as server:
        fill(server, plain=False)
        server("DEL", "n")
        other = server.open()
        for n in range(3):
            server.wire.send(b"".join(Wire.frame(words) for words in [("BGREWRITEAOF",), ("EVAL", script, "0")]))
            assert [server.wire.read(), server.wire.read()] == [b"Background append only file rewriting started", None]
            eventually(lambda: info_of(other, "aof_rewrite_in_progress") == "0")
            assert server("GET", "n") == str(2 * n + 2).encode() and server.info("aof_last_bgrewrite_status") == "ok"
        digest = server.digest()
        server.stop(signal.SIGKILL)
    restarted(tmp_path, digest)
