"""Snapshots for replicas: one instant, one walk for all that wait, and what happens to those that fail."""

import random
import threading

import pytest

import kvd

from ..waiting import eventually
from .tap import Tap, info, offset_of

FIELDS = ("HPEXPIREAT", "h", 4_000_000_000_000, "FIELDS", 1, "f")


def loaded(snapshot):
    store = kvd.Store(enable_debug_command="yes")
    store.load(snapshot)
    return store


def fill(store, n=20_000):
    store.eval("for i = 1, ARGV[1] do redis.call('SET', 'k' .. i, string.rep(i, 20)) end", 0, n)


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_snapshot_is_of_one_instant_and_the_stream_begins_there(origin, diskless):
    origin.config_set("repl-diskless-sync", diskless)
    fill(origin)
    tap = Tap(origin.port)
    for i in range(1, 200):
        origin.set(f"k{i * 50}", "new")
    copy = loaded(tap.snapshot)
    for words in tap.commands(offset_of(origin)):
        copy.execute(*words)
    assert copy.execute("DEBUG", "DIGEST") == origin.execute("DEBUG", "DIGEST")
    tap.close()


def test_writes_during_the_walk_are_in_the_stream_and_not_in_the_snapshot(origin):
    """The replica does not read: the walk stops in the middle, while clients go on."""
    fill(origin, 200_000)
    before = origin.execute("DEBUG", "DIGEST")
    tap = Tap.unread(origin.port)
    eventually(lambda: "state=send_bulk" in info(origin).get("slave0", ""))
    for i in range(0, 200_000, 1000):
        origin.delete(f"k{i}")
        assert origin.get(f"k{i + 1}")
    origin.flushall()
    assert tap.line() == b"+OK"
    tap.offset = int(tap.line().split()[2])
    tap.read_snapshot(tap.line())
    copy = loaded(tap.snapshot)
    assert copy.execute("DEBUG", "DIGEST") == before
    tap.acknowledge(tap.offset)
    for words in tap.commands(offset_of(origin)):
        copy.execute(*words)
    assert copy.dbsize() == origin.dbsize() == 0
    tap.close()


def test_replicas_that_wait_share_one_walk(origin):
    origin.config_set("repl-diskless-sync-delay", 2)
    fill(origin)
    taps = []
    threads = [threading.Thread(target=lambda: taps.append(Tap(origin.port))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tap.header for tap in taps}) == 1 and len({tap.snapshot for tap in taps}) == 1       # one mark, one time of creation
    assert info(origin, "stats")["sync_full"] == "3"
    for tap in taps:
        tap.close()


def test_enough_replicas_end_the_wait(origin):
    origin.config_set("repl-diskless-sync-delay", 1000)
    origin.config_set("repl-diskless-sync-max-replicas", 1)
    Tap(origin.port).close()


@pytest.mark.parametrize(("version", "magic"), [(None, b"REDIS0012"), ("9.0.0", b"VALKEY080"), ("8.1.0", b"REDIS0012")])
def test_deadlines_of_fields_go_in_the_form_that_the_replica_reads(origin, version, magic):
    origin.hset("h", "f", "v")
    plain = Tap(origin.port)
    assert plain.snapshot[:9] == b"REDIS0010"
    origin.execute(*FIELDS)
    tap = Tap(origin.port, options=(("capa", "eof"), *([("version", version)] if version else [])))
    assert tap.snapshot[:9] == magic and loaded(tap.snapshot).execute("HPEXPIRETIME", "h", "FIELDS", 1, "f") == [4_000_000_000_000]
    plain.close()
    tap.close()


def test_arrays_go_in_version_14_and_not_to_valkey(origin):
    origin.execute("ARSET", "a", 2**63, "x", 5)
    origin.execute("ARINSERT", "a", "y")
    tap = Tap(origin.port)
    assert tap.snapshot[:9] == b"REDIS0014" and loaded(tap.snapshot).execute("DEBUG", "DIGEST") == origin.execute("DEBUG", "DIGEST")
    origin.execute("ARRING", "a", 3, "p", "q", "r", "s")
    origin.execute("ARDELRANGE", "a", 1, 1)
    copy = loaded(tap.snapshot)
    for words in tap.commands(offset_of(origin)):
        copy.execute(*words)
    assert copy.execute("DEBUG", "DIGEST") == origin.execute("DEBUG", "DIGEST")
    tap.close()
    with pytest.raises((AssertionError, ConnectionError, ValueError)):
        Tap(origin.port, options=(("capa", "eof"), ("version", "9.0.0")))
    origin.delete("a")
    valkey = Tap(origin.port, options=(("capa", "eof"), ("version", "9.0.0")))
    assert valkey.snapshot[:9] == b"REDIS0010"
    valkey.close()


def test_a_version_that_was_asked_for_is_sent(origin):
    origin.config_set("rdb-version", 9)
    origin.xadd("x", {"a": 1})
    origin.xgroup_create("x", "g", "0")
    origin.execute("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")
    tap = Tap(origin.port)
    assert tap.snapshot[:9] == b"REDIS0009" and loaded(tap.snapshot).xlen("x") == 1
    tap.close()


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_replica_that_leaves_in_the_middle_ends_the_walk(origin, diskless):
    origin.config_set("repl-diskless-sync", diskless)
    fill(origin, 200_000)
    for _ in range(3):
        tap = Tap.unread(origin.port)
        assert (tap.line(), tap.line()[:11]) == (b"+OK", b"+FULLRESYNC")
        tap.close()
        eventually(lambda: info(origin)["connected_slaves"] == "0")
    tap = Tap(origin.port)
    assert loaded(tap.snapshot).dbsize() == 200_000
    tap.close()


def test_a_replica_that_takes_nothing_is_cut(origin):
    origin.config_set("repl-timeout", 1)
    fill(origin, 400_000)
    tap = Tap.unread(origin.port)
    eventually(lambda: "state=send_bulk" in info(origin).get("slave0", ""))
    eventually(lambda: info(origin)["connected_slaves"] == "0")
    tap.close()


def test_a_folder_that_cannot_be_written_is_told(origin, tmp_path):
    origin.config_set("repl-diskless-sync", "no")
    gone = tmp_path / "gone"
    gone.mkdir()
    origin.config_set("dir", str(gone))
    gone.rmdir()
    with pytest.raises((ConnectionError, OSError)):
        Tap(origin.port)
    origin.config_set("dir", str(tmp_path))
    tap = Tap(origin.port)
    assert tap.snapshot
    tap.close()


def test_closing_the_store_ends_a_transfer():
    store = kvd.Store(repl_diskless_sync_delay=0)
    with store.serve() as server:
        fill(store, 200_000)
        tap = Tap.unread(server.port)
        eventually(lambda: "state=send_bulk" in info(store).get("slave0", ""))
    store.close()
    tap.close()


@pytest.mark.parametrize("size", [1000, 262_000, 262_144, 263_000, 530_000, 800_000])
def test_a_file_of_any_size_arrives_whole(origin, size):
    """The last piece of the walk is smaller than those that the file is read in."""
    origin.config_set("repl-diskless-sync", "no")
    origin.config_set("rdbcompression", "no")
    for i in range(100):
        origin.set(f"k{i}", random.Random(i).randbytes(size // 100))
    tap = Tap(origin.port)
    assert loaded(tap.snapshot).execute("DEBUG", "DIGEST") == origin.execute("DEBUG", "DIGEST")
    tap.close()


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_one_acknowledgement_at_once_after_the_snapshot_is_enough(origin, diskless):
    origin.config_set("repl-diskless-sync", diskless)
    for _ in range(20):
        tap = Tap(origin.port)
        origin.set("k", "v")
        assert tap.read(20)
        tap.close()


def test_released_entries_go_to_replicas_that_read_them(origin):
    origin.xgroup_create("s", "g", 0, mkstream=True)
    origin.xadd("s", {"n": 1}, id="1-0")
    origin.xreadgroup("g", "alice", {"s": ">"})
    origin.xnack("s", "g", "FAIL", "1-0")
    with kvd.Store(enable_debug_command="yes") as copy:
        copy.replicate_from(f"redis://127.0.0.1:{origin.port}", timeout=60)
        assert copy.xpending_range("s", "g", "-", "+", 1) == [{"message_id": b"1-0", "consumer": b"", "time_since_delivered": -1, "times_delivered": 1}]
        origin.xclaim("s", "g", "bob", 10**9, ["1-0"])
        eventually(lambda: copy.xpending_range("s", "g", "-", "+", 1)[0]["consumer"] == b"bob")
        origin.xnack("s", "g", "SILENT", "1-0")
        eventually(lambda: copy.xinfo_stream("s", full=True)["groups"][0]["nacked-count"] == 1)
