"""SHUTDOWN of a master waits until its replicas have everything."""

import signal

from ..compat.wire import Wire
from ..waiting import eventually
from .node import Node, agree
from .tap import Tap


def ended(node):
    eventually(lambda: node.process.poll() is not None)
    return node.process.returncode


def waiting(node):
    return "Waiting for replicas before shutting down." in node.said()


def asked(node, *words):
    wire = Wire(("127.0.0.1", node.port))
    wire.send(Wire.frame(("SHUTDOWN", *words)))
    return wire


def test_replicas_that_have_everything_are_not_waited_for():
    with Node() as master, Node() as replica:
        replica.follow(master.port)
        master("SET", "a", "1")
        agree(master, replica)
        eventually(lambda: f"offset={master.number('master_repl_offset')}," in master.info()["slave0"])
        master.process.send_signal(signal.SIGTERM)
        assert ended(master) == 0 and not waiting(master)


def test_a_slow_replica_gets_the_last_writes():
    with Node() as master, Node() as replica:
        replica.follow(master.port)
        agree(master, replica)
        replica.process.send_signal(signal.SIGSTOP)
        master("SET", "a", "x" * 5_000_000)
        client = asked(master)
        eventually(lambda: waiting(master))
        writer = Wire(("127.0.0.1", master.port))
        writer.send(Wire.frame(("SET", "late", "1")))
        assert master("GET", "none") is None and master.process.poll() is None
        replica.process.send_signal(signal.SIGCONT)
        assert ended(master) == 0
        assert replica("STRLEN", "a") == 5_000_000 and replica("EXISTS", "late") == 0
        client.close()
        writer.close()


def test_the_wait_ends_after_shutdown_timeout():
    with Node("kvd", "--shutdown-timeout", "1") as master:
        tap = Tap(master.port)
        master("SET", "a", "1")
        master.process.send_signal(signal.SIGTERM)
        assert ended(master) == 0 and waiting(master) and "Lagging replicas do not have all writes" in master.said()
        tap.close()


def test_now_does_not_wait_and_abort_ends_the_wait():
    with Node("kvd", "--shutdown-timeout", "600") as master:
        tap = Tap(master.port)
        master("SET", "a", "1")
        first = asked(master)
        eventually(lambda: waiting(master))
        assert master("SHUTDOWN", "ABORT") == b"OK"
        assert str(first.read()) == "ERR Errors trying to SHUTDOWN. Check logs."
        assert master("SET", "a", "2") == b"OK" and str(master("SHUTDOWN", "ABORT")) == "ERR No shutdown in progress."
        first.close()
        client = asked(master, "NOW")
        assert ended(master) == 0
        client.close()
        tap.close()


def test_a_client_that_leaves_while_it_waits_does_not_stop_the_shutdown():
    with Node("kvd", "--shutdown-timeout", "600") as master, Node() as replica:
        replica.follow(master.port)
        agree(master, replica)
        replica.process.send_signal(signal.SIGSTOP)
        master("SET", "a", "x" * 5_000_000)
        asked(master).close()
        eventually(lambda: waiting(master) and master.info("clients")["connected_clients"] == "1")
        assert master.process.poll() is None
        replica.process.send_signal(signal.SIGCONT)
        assert ended(master) == 0 and replica("STRLEN", "a") == 5_000_000


def test_a_shutdown_whose_client_has_left_can_be_aborted():
    with Node("kvd", "--shutdown-timeout", "600") as master:
        tap = Tap(master.port)
        master("SET", "a", "1")
        asked(master).close()
        eventually(lambda: waiting(master))
        assert master("SHUTDOWN", "ABORT") == b"OK" and master("SET", "a", "2") == b"OK"
        assert str(master("SHUTDOWN", "ABORT")) == "ERR No shutdown in progress." and b"SHUTDOWN" not in master("CLIENT", "LIST").upper()
        tap.close()
