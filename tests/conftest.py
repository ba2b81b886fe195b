"""Shared fixtures: a store, a server on it, and the same `run` through both doors."""

import pytest

import kvd

from .compat.wire import RealServer, Wire, programs

REAL = [pytest.param(program, marks=pytest.mark.real_server) for program in programs()]
if not REAL:
    REAL = [pytest.param("", marks=[pytest.mark.real_server, pytest.mark.skip("there is no redis-server or valkey-server in PATH or KVDDEV_SERVERS")])]


@pytest.fixture
def store():
    return kvd.Store()


@pytest.fixture
def server():
    with kvd.Server(kvd.Store(enable_debug_command="yes")) as running:
        yield running


class Door:
    """Runs command lines; error replies come back as text that starts with the error's first word."""

    def __init__(self, store, wire=None):
        self.store = store
        self.wire = wire

    def __call__(self, *words):
        if self.wire is not None:
            reply = self.wire(*words)
            return str(reply) if isinstance(reply, Exception) else reply
        try:
            return self.store.execute(*words)
        except kvd.KvdError as error:
            text = str(error)
            return text if text.split(" ", 1)[0].isupper() and len(text.split(" ", 1)[0]) > 2 else f"ERR {text}"


@pytest.fixture(params=["python", "resp2", "resp3"])
def run(request):
    store = kvd.Store(enable_debug_command="yes")
    if request.param == "python":
        yield Door(store)
        return
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port), 3 if request.param == "resp3" else 2)
        yield Door(store, wire)
        wire.close()


class Peer:
    """A server on which an expectation is checked: kvd, or a real server. version: (7, 0) of Redis 7.0; kvd counts as the newest."""

    def __init__(self, address, version):
        self.address, self.version = address, version
        self.wires = [Wire(address)]

    def __call__(self, *words):
        """Run a command in a connection of its own; errors are returned."""
        return self.wires[0](*words)

    def open(self, proto=2):
        self.wires.append(Wire(self.address, proto))
        return self.wires[-1]

    def close(self):
        while self.wires:
            self.wires.pop().close()


@pytest.fixture(scope="session")
def real_servers():
    """Real servers by their programs, started when they are first asked for."""
    started = {}
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture(params=["kvd", *REAL])
def peer(request, real_servers):
    """An empty kvd server, and each of the real servers: they show that what a test expects of kvd is right."""
    if request.param == "kvd":
        with kvd.Store(enable_debug_command="yes").serve() as server:
            one = Peer(("127.0.0.1", server.port), (99, 0))
            yield one
            one.close()
        return
    if request.param not in real_servers:
        real_servers[request.param] = RealServer(request.param)
    name = real_servers[request.param].name
    version = tuple(int(n) for n in name.split()[-1].split(".")[:2])
    one = Peer(real_servers[request.param].address, (8, 9) if name.startswith("valkey") else version)
    one("FLUSHALL")
    one("CONFIG", "RESETSTAT")
    one("SLOWLOG", "RESET")
    yield one
    one.close()
