"""maxmemory-clients: the largest clients are closed, on kvd and on real servers."""

from contextlib import suppress

import pytest

import kvd

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from ..waiting import eventually


@pytest.fixture(params=["kvd", *REAL[-2:]])
def address(request):
    if request.param == "kvd":
        with kvd.Store().serve() as server:
            yield ("127.0.0.1", server.port)
        return
    server = RealServer(request.param)
    yield server.address
    server.stop()


def evicted(admin):
    return int(admin("INFO", "stats").split(b"evicted_clients:")[1].split(b"\r\n")[0])


def sends(address, n):
    """A client that has sent n bytes of a command, and not its end."""
    wire = Wire(address)
    with suppress(OSError):                    # it may be closed before it has sent all
        wire.socket.sendall(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (n + 1) + b"x" * n)
    return wire


def held(admin):
    """The memory of clients that are not to be closed."""
    return max((int(line.split(b"tot-mem=")[1].split(b" ")[0]) for line in admin("CLIENT", "LIST").splitlines() if b"flags=e" in line), default=0)


def is_closed(wire):
    wire.socket.settimeout(0.05)
    try:
        return wire.socket.recv(10) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_the_largest_is_closed(address):
    admin, small = Wire(address), Wire(address)
    assert admin("CONFIG", "SET", "maxmemory-clients", "7mb") == b"OK"
    middle, large = sends(address, 3_000_000), sends(address, 5_000_000)
    eventually(lambda: evicted(admin) == 1)
    eventually(lambda: is_closed(large))
    assert not is_closed(middle) and small("PING") == b"PONG" and admin("CONFIG", "GET", "maxmemory-clients") == [b"maxmemory-clients", b"7340032"]
    assert admin("CONFIG", "SET", "maxmemory-clients", "2mb") == b"OK"
    eventually(lambda: is_closed(middle))
    assert evicted(admin) == 2 and small("PING") == b"PONG"


def test_those_that_must_not_be_closed():
    with kvd.Store().serve() as server:
        address = ("127.0.0.1", server.port)
        admin, kept = Wire(address), Wire(address)
        assert kept("CLIENT", "NO-EVICT", "ON") == b"OK"
        kept.socket.sendall(b"*2\r\n$4\r\nECHO\r\n$4000001\r\n" + b"x" * 4_000_000)
        eventually(lambda: held(admin) > 3_900_000)
        admin("CLIENT", "NO-EVICT", "ON")
        admin("CONFIG", "SET", "maxmemory-clients", "1mb")
        other = sends(address, 900_000)
        eventually(lambda: is_closed(other))
        kept.socket.sendall(b"x\r\n")
        assert len(kept.read()) == 4_000_001


def test_a_share_of_maxmemory(address):
    admin = Wire(address)
    assert admin("CONFIG", "SET", "maxmemory-clients", "10%") == b"OK" and admin("CONFIG", "GET", "maxmemory-clients")[1] == b"10%"
    fits = sends(address, 4_000_000)
    assert not is_closed(fits)
    admin("CONFIG", "SET", "maxmemory", "20mb")
    eventually(lambda: is_closed(fits))
    assert evicted(admin) == 1 and admin("PING") == b"PONG"


def test_replies_that_are_not_taken_count():
    with kvd.Store().serve() as server:
        address = ("127.0.0.1", server.port)
        admin, slow = Wire(address), Wire(address)
        admin("SET", "k", "v" * 1_000_000)
        admin("CONFIG", "SET", "maxmemory-clients", "20mb")
        slow.socket.sendall(b"GET k\r\n" * 60)
        eventually(lambda: evicted(admin) == 1)
        assert admin("GET", "k") and admin("STRLEN", "k") == 1_000_000
