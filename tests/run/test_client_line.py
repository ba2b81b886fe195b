"""Lines of CLIENT LIST: the flags of clients in each state."""

import signal

import kvd

from ..compat.wire import Wire
from ..replica.node import Node, agree


def flags(wire, id):
    lines = dict(line.split(b" ", 1) for line in wire("CLIENT", "LIST").splitlines())
    return lines[b"id=%d" % id].split(b"flags=")[1].split(b" ")[0]


def test_flags():
    with kvd.Store(enable_debug_command="yes").serve() as server:
        admin, wire = Wire(("127.0.0.1", server.port)), Wire(("127.0.0.1", server.port))
        id = wire("CLIENT", "ID")
        assert flags(admin, id) == b"N"
        wire("CLIENT", "NO-EVICT", "ON")
        wire("CLIENT", "NO-TOUCH", "ON")
        assert flags(admin, id) == b"eT"
        wire("RESET")
        wire("WATCH", "k")
        wire("MULTI")
        admin("SET", "k", 1)
        assert flags(admin, id) == b"xd"
        wire("RESET")
        wire("HELLO", 3)
        wire("CLIENT", "TRACKING", "ON", "BCAST")
        assert flags(admin, id) == b"tB"
        wire("SUBSCRIBE", "c")
        assert flags(admin, id) == b"PtB"
        wire.close()
        admin.close()


def test_output_of_a_replica_that_is_behind():
    """What it has yet to be sent waits in the stream, not in a buffer of its own."""
    with Node() as master, Node() as replica:
        replica.follow(master.port)
        agree(master, replica)
        replica.process.send_signal(signal.SIGSTOP)
        for _ in range(20):
            master("SET", "k", "x" * 1_000_000)
        line = master("CLIENT", "LIST", "TYPE", "replica").decode().split()
        figures = {name: int(value) for name, value in (word.split("=", 1) for word in line) if name in ("obl", "oll", "omem")}
        replica.process.send_signal(signal.SIGCONT)
        assert figures["obl"] <= 16384 and figures["oll"] > 0 and 1_000_000 < figures["omem"] < 21_000_000
