"""A server of kvd, and real ones, each with connections as several users."""

import os

import pytest

import kvd

from ...compat.wire import RealServer, Wire
from ...conftest import REAL

SERVERS = REAL if os.environ.get("KVDDEV_LONG") else REAL[-2:]      # the newest of each, unless there is time


class Place:
    """A server. `admin` is a connection of the default user; `version`: of Redis, or of Valkey; kvd's is (8, 0)."""

    def __init__(self, address, version=(8, 0), valkey=False):
        self.address, self.version, self.valkey = address, version, valkey
        self.wires = []
        self.admin = self.connect()

    def connect(self, user=None, password="p", proto=2):
        wire = Wire(self.address, proto)
        self.wires.append(wire)
        if user is not None:
            assert wire("AUTH", user, password) == b"OK"
        return wire

    def user(self, name, *rules):
        """Makes it anew, with the password p, and connects as it."""
        assert self.admin("ACL", "SETUSER", name, "reset", "on", ">p", *rules) == b"OK"
        return self.connect(name)

    def described(self, name):
        """Its line of ACL LIST, as Redis 8 writes it."""
        line = next((line.decode() for line in self.admin("ACL", "LIST") if line.startswith(f"user {name} ".encode())), None)
        if line is not None and "sanitize-payload" not in line:
            words = line.split(" ")
            at = 4 if words[3] == "nopass" else 3
            line = " ".join([*words[:at], "sanitize-payload", *words[at:]])
        return line

    def close(self):
        for wire in self.wires:
            wire.close()


@pytest.fixture
def ours():
    with kvd.Store(enable_debug_command="yes").serve() as server:
        place = Place(("127.0.0.1", server.port))
        yield place
        place.close()


@pytest.fixture(params=SERVERS)
def theirs(request):
    server = RealServer(request.param)
    place = Place(server.address, server.release, server.valkey)
    yield place
    place.close()
    server.stop()


@pytest.fixture(params=["kvd", *SERVERS])
def place(request):
    """kvd, and each real server: expectations hold on all of them."""
    if request.param == "kvd":
        with kvd.Store(enable_debug_command="yes").serve() as server:
            found = Place(("127.0.0.1", server.port))
            yield found
            found.close()
        return
    server = RealServer(request.param)
    found = Place(server.address, server.release, server.valkey)
    yield found
    found.close()
    server.stop()
