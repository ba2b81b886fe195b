"""Lines of CLIENT LIST: the flags of clients in each state."""

import kvd

from ..compat.wire import Wire


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
