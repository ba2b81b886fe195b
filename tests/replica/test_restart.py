"""Servers that load a snapshot file at start, and continue the history that it names."""

import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ..waiting import eventually
from .node import KVD, Node, agree, is_up, write_lines
from .tap import Tap
from .test_matrix import PAIRS


def end(node, *how):
    """SHUTDOWN, and the end of the process."""
    with suppress(OSError, EOFError, ConnectionError):
        node("SHUTDOWN", *how)
    node.wire.close()
    node.process.wait(60)


def syncs(node):
    stats = node.info("stats")
    return int(stats["sync_full"]), int(stats["sync_partial_ok"])


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_master_restarts_and_its_replica_needs_no_snapshot(theirs, ours):
    dice = random.Random(1)
    with Node(theirs) as master, Node(ours) as replica:
        master.pipeline(write_lines(dice, 300))
        replica.follow(master.port)
        agree(master, replica)
        end(master, "SAVE")
        master.start()
        eventually(lambda: is_up(replica))
        assert syncs(master) == (0, 1)
        master.pipeline(write_lines(dice, 100))
        agree(master, replica)


@pytest.mark.parametrize(("theirs", "ours"), [one for one in PAIRS if one.values[1] == KVD])
@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_a_replica_restarts_and_asks_for_what_follows(theirs, ours, killed):
    dice = random.Random(2)
    with Node(theirs) as master, Node(ours, "--replicaof", f"127.0.0.1 {master.port}") as replica:
        for db in (9, 0, 3):
            master.pipeline([("SELECT", db), *write_lines(dice, 100), ("SELECT", db), ("SET", f"before{db}", 1)])
        agree(master, replica)
        if killed:
            assert replica("SAVE") == b"OK"
            master.pipeline([("SET", "in the same database", i) for i in range(10)])
            agree(master, replica)
            replica.kill()
        else:
            end(replica, "SAVE")
        master.pipeline([("SET", "also", i) for i in range(10)])
        before = syncs(master)
        replica.start()
        agree(master, replica)
        assert syncs(master) == (before[0], before[1] + 1)
        assert replica("SELECT", 3) == b"OK" and replica("GET", "also") == b"9" and replica("EXISTS", "in the same database") == killed


@pytest.mark.parametrize(("theirs", "ours"), [one for one in PAIRS if one.values[0] == KVD])
def test_a_replica_that_is_ahead_of_the_file_needs_a_snapshot(theirs, ours):
    with Node(theirs) as master, Node(ours) as replica:
        replica.follow(master.port)
        master("SET", "a", 1)
        agree(master, replica)
        assert master("SAVE") == b"OK"
        master("SET", "lost", 1)
        agree(master, replica)
        master.kill()
        master.start()
        eventually(lambda: is_up(replica))
        agree(master, replica)
        assert syncs(master)[0] == 1 and replica("EXISTS", "lost") == 0 and replica("GET", "a") == b"1"


@pytest.mark.parametrize(("theirs", "ours"), [one for one in PAIRS if one.values[0] == KVD])
def test_what_expires_while_the_master_is_down_is_deleted_on_replicas(theirs, ours):
    with Node(theirs) as master, Node(ours) as replica:
        replica.follow(master.port)
        master.pipeline([("SET", "k", 1, "PX", 500), ("SET", "stays", 1)])
        agree(master, replica)
        end(master, "SAVE")
        time.sleep(0.6)
        master.start()
        eventually(lambda: is_up(replica))
        eventually(lambda: replica("DBSIZE") == 1)             # an expired key of a replica stays until it is told
        agree(master, replica)
        assert syncs(master) == (0, 1)


def test_a_file_that_is_written_in_the_middle_of_a_transaction_names_no_history():
    with Node(KVD) as node:
        Tap(node.port).close()
        node("SET", "a", 1)
        assert node("SAVE") == b"OK" and b"repl-offset" in Path(node.folder, "dump.rdb").read_bytes()
        for words in (("MULTI",), ("INCR", "n"), ("DEBUG", "RELOAD")):
            node(*words)
        assert node("EXEC") == [1, b"OK"]
        assert b"repl-offset" not in Path(node.folder, "dump.rdb").read_bytes()


@pytest.mark.parametrize("bad", [b"\n" * 40, b"\xff" * 40, b"a b" + b"c" * 37])
def test_a_file_with_an_id_that_is_no_word_is_loaded_without_history(bad):
    with Node(KVD, "--rdbchecksum", "no") as node:
        Tap(node.port).close()
        id = node.info()["master_replid"].encode()
        node("SET", "a", 1)
        end(node, "SAVE")
        path = Path(node.folder, "dump.rdb")
        assert id in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(id, bad))
        node.start()
        assert node("GET", "a") == b"1" and node.info()["master_replid2"] == "0" * 40


def test_a_log_names_no_history():
    with Node(KVD, "--appendonly", "yes") as node:
        tap = Tap(node.port)
        node("SET", "a", 1)
        end(node, "NOW")                       # the tap would be waited for
        tap.close()
        node.start()
        assert node("GET", "a") == b"1" and node.info()["second_repl_offset"] == "-1"
