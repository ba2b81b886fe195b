"""FAILOVER: a replica takes over, and nothing is lost."""

import threading

import pytest

from ..compat.wire import Wire
from ..waiting import eventually
from .node import Line, Node, agree, is_up
from .test_matrix import PAIRS


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_replica_takes_over_during_writes(theirs, ours):
    with Node(theirs) as master, Node(ours) as replica:
        replica.follow(master.port)
        agree(master, replica)
        written, wire = [], Wire(("127.0.0.1", master.port))

        def write():
            while wire("INCR", "n") == len(written) + 1:
                written.append(1)

        writer = threading.Thread(target=write)
        writer.start()
        eventually(lambda: written and "state=online" in master.info()["slave0"])
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
