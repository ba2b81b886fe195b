"""Every kind of server as master and as replica of kvd, under a random load of all types: at the end digest and offset are equal.

KVDDEV_REPLICATION: rounds of each pair (3); a round writes, and cuts the line at a random byte, or kills a connection or a process."""

import os
import random

import pytest

from ..conftest import REAL
from ..waiting import eventually
from .node import KVD, Line, Node, agree, is_up, write_lines

ROUNDS = int(os.environ.get("KVDDEV_REPLICATION", "3"))


def pairs(others):
    """kvd with itself, and with each of them in either role."""
    return [pytest.param(KVD, KVD, id="kvd-kvd"),
            *[pytest.param(KVD, p.values[0], marks=p.marks, id=f"kvd-{i}") for i, p in enumerate(others)],
            *[pytest.param(p.values[0], KVD, marks=p.marks, id=f"{i}-kvd") for i, p in enumerate(others)]]  # fmt: skip


ALL = pairs(REAL)
PAIRS = ALL if os.environ.get("KVDDEV_LONG") else pairs(REAL[-2:])      # the newest of each, unless there is time


def field_deadlines(master, replica):
    """Those that both know. Redis and Valkey write them in forms that the other does not read; Valkey's digest of a hash that has one is its own."""
    others = [one for one in (master, replica) if one.program != KVD]
    if not all(one.release >= ((9, 0) if one.valkey else (7, 4)) for one in others):
        return ()
    return (1, 40) if any(one.valkey for one in others) else (1, 40, 100_000)


def disturb(dice, line, master, replica):
    what = dice.randrange(6)
    if what == 0:
        line.cut()
    elif what == 1:
        line.cut(after=dice.randrange(20000))
    elif what == 2:
        master("CLIENT", "KILL", "TYPE", "replica")
    elif what == 3:
        replica("CLIENT", "KILL", "TYPE", "master")
    elif what == 4:
        replica.lead()
        replica.follow(line.port)


def go_through(dice, master, replica):
    """Both agree after each round, in which the master is written to and the line disturbed."""
    line = Line(master.port)
    fields = field_deadlines(master, replica)
    without = {"FUNCTION"} if min(master.release, replica.release) < (7, 0) else set()

    def write(n):
        master.pipeline([words for words in write_lines(dice, n, fields) if words[0] not in without])

    write(300)
    replica.follow(line.port)
    for _ in range(ROUNDS):
        for _ in range(4):
            write(dice.randrange(10, 300))
            disturb(dice, line, master, replica)
        agree(master, replica)
    line.close()


@pytest.mark.parametrize(("theirs", "ours"), ALL)
def test_a_replica_equals_its_master_whatever_happens_to_the_line(theirs, ours):
    with Node(theirs) as master, Node(ours) as replica:
        go_through(random.Random(f"{theirs}{ours}".rsplit("/", 1)[-1]), master, replica)


@pytest.mark.real_server
@pytest.mark.parametrize("follows", [False, True], ids=["of-kvd", "kvd-of"])
def test_redis_6_2_on_either_side(redis_6, follows):
    with Node(KVD, "--rdb-version", "9") as ours, Node(redis_6) as old:
        go_through(random.Random(6), *((old, ours) if follows else (ours, old)))


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_lost_line_is_taken_up_without_a_snapshot(theirs, ours):
    dice = random.Random(1)
    with Node(theirs) as master, Node(ours) as replica:
        line = Line(master.port)
        replica.follow(line.port)
        eventually(lambda: is_up(replica))
        for _ in range(3):
            line.cut(after=dice.randrange(5000))
            master.pipeline(write_lines(dice, 200))
            agree(master, replica)
        assert master.number("sync_full", "stats") == 1
        assert master.number("sync_partial_ok", "stats") >= 1
        line.close()


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
@pytest.mark.parametrize("persists", [False, True], ids=["without-files", "with-a-log"])
def test_a_master_that_is_killed_comes_back(theirs, ours, persists):
    dice = random.Random(2)
    with Node(theirs, *(("--appendonly", "yes", "--appendfsync", "always") if persists else ())) as master, Node(ours) as replica:
        master.pipeline(write_lines(dice, 300))
        replica.follow(master.port)
        agree(master, replica)
        master.kill()
        eventually(lambda: not is_up(replica))
        master.start()
        eventually(lambda: is_up(replica))
        assert bool(master("DBSIZE")) == persists
        master.pipeline(write_lines(dice, 100))
        agree(master, replica)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_replica_that_is_killed_comes_back(theirs, ours):
    dice = random.Random(3)
    with Node(theirs) as master, Node(ours, "--appendonly", "yes", "--appendfsync", "always") as replica:
        master.pipeline(write_lines(dice, 300))
        replica.follow(master.port)
        agree(master, replica)
        master.pipeline(write_lines(dice, 100))
        agree(master, replica)
        replica.kill()
        replica.start()
        replica.follow(master.port)
        master.pipeline(write_lines(dice, 100))
        agree(master, replica)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_roles_are_exchanged_without_a_snapshot(theirs, ours):
    dice = random.Random(4)
    with Node(theirs) as first, Node(ours) as second:
        first.pipeline(write_lines(dice, 200))
        second.follow(first.port)
        agree(first, second)
        second.lead()
        first.follow(second.port)
        second.pipeline(write_lines(dice, 200))
        agree(second, first)
        assert second.number("sync_partial_ok", "stats") == 1
        assert second.number("sync_full", "stats") == 0


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_replica_has_replicas(theirs, ours):
    dice = random.Random(5)
    with Node(theirs) as master, Node(ours) as middle, Node(theirs) as last:
        master.pipeline(write_lines(dice, 200))
        middle.follow(master.port)
        agree(master, middle)
        last.follow(middle.port)
        master.pipeline(write_lines(dice, 200))
        agree(master, middle, last)
        middle("CLIENT", "KILL", "TYPE", "master")
        master.pipeline(write_lines(dice, 200))
        agree(master, middle, last)
        master.kill()                  # the last one follows the middle one when that is promoted
        middle.lead()
        middle.pipeline(write_lines(dice, 100))
        agree(middle, last)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
@pytest.mark.parametrize("mode", ["disabled", "swapdb", "on-empty-db"])
@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_snapshots_go_by_file_and_without(theirs, ours, mode, diskless):
    dice = random.Random(6)
    with Node(theirs, "--repl-diskless-sync", diskless) as master, Node(ours, "--repl-diskless-load", mode) as replica:
        replica.pipeline([("SET", "of before", 1), ("SELECT", 5), ("SET", "of before", 1), ("SELECT", 0)])
        master.pipeline(write_lines(dice, 300))
        master("EVAL", "for i = 1, 3000 do redis.call('RPUSH', 'long', string.rep(i, 100)) end", 0)
        replica.follow(master.port)
        master.pipeline(write_lines(dice, 100))
        agree(master, replica)


@pytest.mark.real_server
@pytest.mark.parametrize("follows", [False, True], ids=["of-kvd", "kvd-of"])
def test_valkey_8_on_either_side(valkey_8, follows):
    with Node(KVD) as ours, Node(valkey_8) as other:
        go_through(random.Random(8), *((other, ours) if follows else (ours, other)))
