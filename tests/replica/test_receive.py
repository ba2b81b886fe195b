"""Snapshots from a master that is broken, hostile or slow: nothing is half loaded."""

import io
import random
import socket
import threading
import time

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually
from .node import KVD, Node
from .tap import Master, Tap, info, is_up, snapshot, up

FILE = snapshot(**{f"k{i}": "v" * i for i in range(300)})
MODES = ["disabled", "swapdb", "on-empty-db", "flush-before-load"]
MARK = b"m" * 40


def sends(*answers):
    """A master that gives these answers to PSYNC, one after the other, the last one again and again."""
    left = list(answers)

    def serve(caller):
        caller.greet()
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 100\r\n")
        caller.send(left.pop(0) if len(left) > 1 else left[0])
        caller.acknowledged(100)
        caller.hold()

    return serve


def keys(store):
    """How many keys it has, None while it loads."""
    try:
        return store.dbsize()
    except kvd.BusyLoadingError:
        return None


def bulk(data):
    return b"$%d\r\n%s" % (len(data), data)


def marked(data):
    return b"$EOF:%s\r\n%s%s" % (MARK, data, MARK)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("frame", [bulk, marked])
def test_a_snapshot_arrives(follower, mode, frame):
    follower.configure("repl-diskless-load", mode)
    follower.set("old", "1")
    follower.execute("FUNCTION", "LOAD", "#!lua name=old\nredis.register_function('old', function() return 1 end)")
    with Master(sends(b"\n\n" + frame(FILE))) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        assert follower.dbsize() == 300 and follower.get("old") is None and follower.execute("FUNCTION", "LIST") == []
        assert (info(follower)["master_replid"], info(follower)["slave_repl_offset"]) == ("a" * 40, "100")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("broken", [
    bulk(FILE[:-9] + b"x" + FILE[-8:]), bulk(b"garbage"), bulk(b""), marked(FILE[:-1] + b"x"), marked(b""), b"$EOF:" + b"m" * 39 + b"\r\n", b"$-1\r\n", b"$99999999999999999999\r\n",
    b"$9223372036854775807\r\n" + FILE, b"*1\r\n", b"-ERR no\r\n", b"$EOF:" + MARK + b"\r\n" + FILE + b"n" * 40, b"$%d\r\n%s" % (len(FILE) + 1, FILE + b"x"), b"$5\r\nREDIS",
], ids=range(14))  # fmt: skip
def test_after_a_broken_snapshot_it_asks_again(follower, mode, broken):
    follower.configure("repl-diskless-load", mode)
    follower.configure("repl-timeout", 1)
    follower.set("old", "1")
    with Master(sends(broken, bulk(FILE))) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
        eventually(lambda: is_up(follower))
        assert follower.dbsize() == 300 and len([words for words in master.requests if words[0] == b"PSYNC"]) >= 2


def test_the_old_data_is_read_until_the_new_is_complete(follower):
    follower.set("old", "1")
    go = threading.Event()

    def serve(caller):
        caller.greet()
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 0\r\n$%d\r\n" % len(FILE) + FILE[:1000])
        go.wait(30)
        caller.send(FILE[1000:])
        caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
        eventually(lambda: info(follower).get("master_sync_read_bytes") == "1000")
        found = info(follower)
        assert (found["master_sync_in_progress"], found["master_sync_total_bytes"], found["master_sync_left_bytes"]) == ("1", str(len(FILE)), str(len(FILE) - 1000))
        assert follower.get("old") == b"1"
        with pytest.raises(kvd.ReadOnlyError):
            follower.set("old", "2")
        go.set()
        up(follower)
        assert follower.get("old") is None and follower.dbsize() == 300


def test_promoting_during_a_transfer_keeps_the_old_data(follower):
    follower.set("old", "1")

    def serve(caller):
        caller.greet()
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 0\r\n$%d\r\n" % len(FILE) + FILE[:1000])
        caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
        eventually(lambda: info(follower).get("master_sync_read_bytes") == "1000")
        follower.promote()
        assert follower.set("old", "2") and info(follower)["role"] == "master"


def test_a_store_in_a_file_holds_what_was_received(tmp_path):
    path = tmp_path / "app.kvd"
    with kvd.Store(path, synchronous="full") as store, Master(sends(bulk(FILE))) as master:
        store.set("old", "1")
        store.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
    with kvd.Store(path) as again:
        assert again.dbsize() == 300 and again.get("old") is None


def test_mutants_of_a_snapshot(follower):
    """Each is refused, or loads; the link goes on with the next one, a second later."""
    dice = random.Random(5)
    mutants = []
    for _ in range(18):
        data = bytearray(FILE)
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        mutants.append(bulk(bytes(data[: dice.choice([len(data), dice.randrange(len(data))])])))
    follower.configure("rdbchecksum", "no")
    follower.configure("repl-diskless-load", "swapdb")

    def serve(caller):
        caller.greet()
        mutant = mutants.pop() if mutants else None
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 0\r\n" + (mutant or bulk(FILE)))
        if mutant:
            caller.socket.shutdown(1)
        else:
            caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
        eventually(lambda: not mutants and is_up(follower) and follower.dbsize() == 300)
        assert follower.execute("DEBUG", "CHECK") == b"OK"


def test_replicas_of_the_former_history_get_nothing_of_the_new_one(follower):
    """Some read, some are behind, one is in the middle of a snapshot: all are cut, and the new stream is for others."""
    file = snapshot(**{f"k{i}": "v" * 5000 for i in range(3000)})

    def serve(caller):
        caller.greet()
        caller.full(file, 100, b"b" * 40)
        caller.send(Wire.frame(("SELECT", 0)) + Wire.frame(("SET", "of the new history", 1)) * 3)
        caller.acknowledged(100)
        caller.hold()

    with follower.serve() as server, Master(serve) as master:
        follower.eval("for i = 1, 4000 do redis.call('SET', 'k' .. i, string.rep('x', 5000)) end", 0)
        taps = [Tap(server.port) for _ in range(3)]
        unread = Tap.unread(server.port)
        eventually(lambda: info(follower)["connected_slaves"] == "4")
        for _ in range(100):
            follower.set("of the former history", "x" * 50_000)
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        for tap in [*taps, unread]:
            with pytest.raises(ConnectionError):
                while True:
                    tap.more()
            assert b"of the new history" not in tap.data
            tap.close()
        follower.promote()
        for _ in range(100):
            follower.set("later", "x" * 50_000)
        assert follower.execute("DEBUG", "CHECK") == b"OK"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 7, 39, 41])
def test_a_snapshot_with_a_mark_arrives_in_pieces_smaller_than_the_mark(follower, mode, size):
    file = snapshot(a="v" * 300, b="w")

    def serve(caller):
        caller.greet()
        caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 100\r\n")
        data = marked(file)
        for i in range(0, len(data), size):
            caller.send(data[i : i + size])
        caller.acknowledged(100)
        caller.hold()

    follower.configure("repl-diskless-load", mode)
    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        assert follower.get("a") == b"v" * 300 and follower.dbsize() == 2


def test_a_log_that_cannot_hold_what_arrived_is_tried_once_a_second_until_it_can():
    source, file = kvd.Store(), io.BytesIO()
    source.execute("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
    source.snapshot(file)
    with Master(sends(bulk(file.getvalue()))) as master, Node(KVD, "--appendonly", "yes", "--rdb-version", "9") as node:

        def failures():
            return node.said().count("Background AOF rewrite terminated with an error")

        node.follow(master.port)
        eventually(failures)
        begun, before = time.monotonic(), failures()
        eventually(lambda: failures() >= before + 2)
        assert time.monotonic() - begun > 0.9
        assert node.info()["master_link_status"] == "down"
        node("CONFIG", "SET", "rdb-version", "auto")
        eventually(lambda: node.info()["master_link_status"] == "up")


@pytest.mark.parametrize("mode", MODES)
def test_after_the_old_data_was_dropped_nothing_is_continued(follower, mode):
    """It asks for everything, though the master would continue the history that it had."""
    follower.configure("repl-diskless-load", mode)
    asked = []

    def serve(caller):
        asked.append(caller.greet()[1:])
        if len(asked) == 1:
            caller.full(FILE, 100)
            caller.acknowledged(100)
        elif len(asked) == 2:
            caller.send(b"+FULLRESYNC " + b"b" * 40 + b" 500\r\n" + marked(FILE[: len(FILE) // 2] + b"x" * 3000))
        elif asked[-1][0] == b"?":
            caller.full(FILE, 700, b"c" * 40)
            caller.hold()
        else:
            caller.send(b"+CONTINUE\r\n")
            caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        eventually(lambda: len(asked) >= 3 and is_up(follower))
        assert follower.dbsize() == 300
        assert asked[2][0] == (b"?" if mode != "swapdb" else b"a" * 40)


@pytest.mark.parametrize("mode", MODES)
def test_replicas_of_a_replica_are_cut_when_its_data_is_replaced(follower, mode):
    follower.configure("repl-diskless-load", mode)
    files = [(100, b"a" * 40), (9000, b"b" * 40)]
    cut = threading.Event()

    def serve(caller):
        caller.greet()
        caller.full(FILE, *files[0])
        if files[1:]:
            caller.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n")
            cut.wait(30)
            files.pop(0)
            return
        caller.hold()

    with Master(serve) as master, follower.serve() as server:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        eventually(lambda: follower.get("a"))
        taps = [Tap(server.port) for _ in range(3)]
        cut.set()
        for tap in taps:
            with pytest.raises(ConnectionError):
                tap.read(10**6)
        eventually(lambda: info(follower)["slave_repl_offset"] == "9000" and info(follower)["connected_slaves"] == "0")
        assert follower.execute("DEBUG", "CHECK") == b"OK"


def test_the_master_is_given_signs_of_life_while_a_snapshot_is_loaded(follower):
    follower.configure("repl-diskless-load", "swapdb")
    seen = []

    def serve(caller):
        caller.greet()
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 0\r\n$%d\r\n" % len(FILE))
        caller.socket.settimeout(0.02)
        for i in range(len(FILE)):
            caller.send(FILE[i : i + 1])
            if not seen:
                try:
                    seen.append(caller.socket.recv(10))
                except TimeoutError:
                    pass
        caller.socket.settimeout(30)
        caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        assert seen == [b"\n"] and follower.dbsize() == 300


def test_a_log_that_cannot_be_written_anew_stops_the_link(tmp_path):
    """If the store is promoted meanwhile, closing it writes the log anew, or fails: what is written then must not follow the old data."""
    path = tmp_path / "app.kvd"
    blocked = tmp_path / "app.kvd.rewrite"
    with kvd.Store(path) as store, Master(sends(bulk(FILE))) as master:
        store.set("old", "1")
        blocked.mkdir()
        store.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
        eventually(lambda: keys(store) == 300)
        assert not is_up(store)
        store.promote()
        store.set("new", "1")
        eventually(lambda: info(store, "persistence")["aof_last_bgrewrite_status"] == "err")
        blocked.rmdir()
    with kvd.Store(path) as again:
        assert again.dbsize() == 301 and again.get("old") is None
