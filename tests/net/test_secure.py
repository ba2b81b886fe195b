"""An SSL above a socket: bytes that wait for it, and two threads that share it."""

import os
import socket
import sys
import threading

import pytest
import redis

import kvd

from ..server.certificates import certificates, needs_openssl
from ..waiting import eventually

pytestmark = needs_openssl


@pytest.fixture
def server():
    certs = certificates()
    with kvd.Store(repl_diskless_sync_delay=0).serve(0, tls=kvd.TLS(certs("server.crt"), certs("server.key"))) as running:
        yield running


def raw(server, room=None):
    sock = socket.socket()
    if room:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    sock.settimeout(60)
    sock.connect(("127.0.0.1", server.tls_port))
    return certificates().context().wrap_socket(sock, server_hostname="localhost")


def test_a_client_with_little_room_gets_everything_slowly(server):
    server.store.set("k", bytes(range(256)) * 4000)
    sock = raw(server, room=4096)
    sock.sendall(b"GET k\r\nPING\r\n")
    got = b""
    while not got.endswith(b"+PONG\r\n"):
        got += sock.recv(777)
    assert got == b"$1024000\r\n" + bytes(range(256)) * 4000 + b"\r\n+PONG\r\n"


def test_a_client_that_reads_nothing_and_goes(server):
    server.store.set("k", b"x" * 1_000_000)
    for _ in range(20):
        sock = raw(server, room=4096)
        sock.sendall(b"GET k\r\n" * 20)
        sock.close()
    eventually(lambda: server.store.info("clients")["connected_clients"] == 0)


def test_a_busy_client_does_not_keep_others_from_being_served(server):
    """It always has more to be read than there is room for."""
    busy, ended = raw(server), threading.Event()

    def flood():
        while not ended.is_set():
            busy.sendall(b"PING\r\n" * 20000)
            left = 20000 * len(b"+PONG\r\n")
            while left:
                left -= len(busy.recv(left))

    flooding = threading.Thread(target=flood)
    flooding.start()
    client = redis.Redis(port=server.tls_port, **certificates().redis())
    for i in range(200):
        assert client.incr("n") == i + 1
    ended.set()
    flooding.join()


def test_acknowledgements_are_read_while_a_snapshot_is_written(server):
    """The network thread reads what the thread of the snapshot writes to: a replica that sends all the time."""
    noise = os.urandom(100_000)                               # it cannot be compressed
    for i in range(300):
        server.store.set(f"k{i}", noise)
    sock = raw(server)
    sock.sendall(b"REPLCONF capa eof capa psync2\r\n")
    assert sock.recv(100) == b"+OK\r\n"
    sock.sendall(b"PSYNC ? -1\r\n")
    got = 0
    while got < 30_000_000:
        piece = sock.recv(20_000)
        assert piece
        got += len(piece)
        sock.send(b"\n" * 10)
    sock.close()
    eventually(lambda: server.store.info("replication")["connected_slaves"] == 0)
    assert server.store.get("k1") == noise


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_connections_that_say_nothing_are_cheap(server):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    socks = [socket.create_connection(("127.0.0.1", server.tls_port)) for _ in range(400)]
    eventually(lambda: server.store.info("clients")["connected_clients"] == 400)
    assert resident() - before < 400 * 8000 + 2_000_000
    for sock in socks:
        sock.close()
