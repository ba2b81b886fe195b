"""FAILOVER: a replica takes over, and nothing is lost."""

import contextlib
import threading

import pytest

from ..compat.wire import Wire
from ..waiting import eventually
from .node import Line, Node, agree, is_up
from .tap import Tap, info
from .test_matrix import PAIRS


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_replica_takes_over_during_writes(theirs, ours):
    with Node(theirs) as master, Node(ours) as replica:
        replica.follow(master.port)
        agree(master, replica)
        eventually(lambda: "state=online" in master.info()["slave0"])      # a real master learns a tenth of a second later that it has sent the snapshot
        written, wire = [], Wire(("127.0.0.1", master.port))

        def write():
            while wire("INCR", "n") == len(written) + 1:
                written.append(1)

        writer = threading.Thread(target=write)
        writer.start()
        eventually(lambda: len(written) > 50 and "state=online" in master.info()["slave0"])
        assert master("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 60_000) == b"OK"
        eventually(lambda: master.info()["role"] == "slave" and replica.info()["role"] == "master")
        writer.join(60)
        eventually(lambda: is_up(master))
        agree(replica, master)
        assert int(replica("GET", "n")) == len(written)
        assert replica.info()["master_failover_state"] == master.info()["master_failover_state"] == "no-failover"
        replica("SET", "after", "1")
        agree(replica, master)
        assert replica.number("sync_full", "stats") == 0
        wire.close()


def test_a_failover_that_takes_too_long_is_given_up():
    with Node() as master, Node() as replica:
        line = Line(master.port)
        replica.follow(line.port)
        agree(master, replica)
        replica("DEBUG", "SLEEP", "0")
        replica.process.send_signal(19)        # SIGSTOP: it acknowledges nothing
        master("SET", "a", "1")
        assert master("FAILOVER", "TIMEOUT", 300) == b"OK"
        assert str(master("FAILOVER")) == "ERR FAILOVER already in progress." and str(master("REPLICAOF", "NO", "ONE")) == "ERR REPLICAOF not allowed while failing over."
        assert master.info()["master_failover_state"] == "waiting-for-sync"
        eventually(lambda: master.info()["master_failover_state"] == "no-failover")
        assert master("SET", "a", "2") == b"OK" and master.info()["role"] == "master"
        assert "Aborting a failover" in master.said()
        replica.process.send_signal(18)
        line.close()


def test_a_failover_is_aborted_by_hand():
    with Node() as master, Node() as replica:
        replica.follow(master.port)
        agree(master, replica)
        replica.process.send_signal(19)
        master("SET", "a", "1")
        assert master("FAILOVER") == b"OK"
        writer = Wire(("127.0.0.1", master.port))
        writer.send(Wire.frame(("SET", "a", "3")))
        assert master("GET", "a") == b"1"          # reads go on, writes wait
        assert master("FAILOVER", "ABORT") == b"OK"
        assert writer.read() == b"OK" and str(master("FAILOVER", "ABORT")) == "ERR No failover in progress."
        replica.process.send_signal(18)
        agree(master, replica)
        writer.close()


def test_a_forced_failover_does_not_wait_for_ever():
    with Node() as master, Node() as replica:
        replica.follow(master.port)
        agree(master, replica)
        replica.process.send_signal(19)
        master("SET", "a", "1")
        assert master("FAILOVER", "TO", "127.0.0.1", replica.port, "FORCE", "TIMEOUT", 200) == b"OK"
        eventually(lambda: master.info()["master_failover_state"] == "failover-in-progress")
        replica.process.send_signal(18)
        eventually(lambda: replica.info()["role"] == "master")
        agree(replica, master)


def test_a_replica_that_acknowledges_late_takes_over(origin):
    """The question for an acknowledgement is a part of the stream: asking again and again would never end."""
    tap, ended = Tap(origin.port), threading.Event()

    def acknowledge():
        with contextlib.suppress(ConnectionError):          # the origin may cut it as it hands over
            while not ended.wait(0.5):                      # of what it had half a second ago
                tap.acknowledge(offset)
                offset_read()

    offset = tap.offset

    def offset_read():
        nonlocal offset
        tap.socket.settimeout(0.01)
        with contextlib.suppress(TimeoutError):
            tap.more()
        offset = tap.offset + len(tap.data)

    late = threading.Thread(target=acknowledge)
    late.start()
    origin.set("a", "1")
    assert origin.execute("FAILOVER", "TO", "127.0.0.1", 1) == b"OK"
    eventually(lambda: info(origin)["master_failover_state"] == "failover-in-progress")
    assert origin.execute("FAILOVER", "ABORT") == b"OK" and info(origin)["role"] == "master" and origin.set("a", "2")
    ended.set()
    late.join()
    tap.close()


def test_who_may_be_told_to_take_over(origin, follower):
    follower.replicate_from(f"redis://127.0.0.1:{origin.port}", timeout=60)
    with follower.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        assert str(wire("PSYNC", "a" * 40, "1", "FAILOVER")) == "ERR PSYNC FAILOVER replid must match my replid."
        id, offset = info(follower)["master_replid"], info(follower)["slave_repl_offset"]
        assert str(Wire(("127.0.0.1", origin.port))("PSYNC", id, "1", "FAILOVER")) == "ERR PSYNC FAILOVER can't be sent to a master."
        first = Tap(server.port, "PSYNC", id, int(offset) + 1, "FAILOVER")
        assert first.answer.startswith(b"+CONTINUE") and info(follower)["role"] == "master"
        again = Tap(server.port, "PSYNC", id, int(offset) + 1, "FAILOVER")          # as its answer may have been lost
        assert again.answer == first.answer
        for each in (wire, first, again):
            each.close()
