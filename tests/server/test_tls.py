"""TLS: clients of all kinds, certificates, changes while clients are connected, and connections that do not keep to the protocol."""

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
import redis
import redis.asyncio
import redis.exceptions

import kvd
from kvd import TLS

from ..compat.wire import Wire, free_port
from ..conftest import REAL
from ..waiting import eventually
from .certificates import PASSWORD, certificates, needs_openssl

pytestmark = needs_openssl
REFUSED = (redis.exceptions.ConnectionError, OSError)


@pytest.fixture
def certs():
    return certificates()


@pytest.fixture
def secure(certs, tmp_path):
    """A server with a plain and a TLS port, which does not ask for certificates; log.txt has its log."""
    store = kvd.Store(logfile=tmp_path / "log.txt", enable_debug_command="yes")
    with store.serve(0, tls=TLS(certs("server.crt"), certs("server.key")), log=True) as server:
        yield server


def said(tmp_path):
    return (tmp_path / "log.txt").read_text()


def connect(server, certs, name=None, **options):
    return redis.Redis(port=server.tls_port, **{**certs.redis(name), **options})


def raw(server, certs, name=None, version=None):
    """An encrypted socket without a client above it."""
    context = certs.context(name)
    if version:
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.tls_port), timeout=60), server_hostname="localhost")


def is_alive(server):
    wire = Wire(("127.0.0.1", server.port))
    try:
        return wire("PING") == b"PONG"
    finally:
        wire.close()


def is_closed(sock):
    """Has the server ended the connection? What it says before is dropped."""
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass
        return True
    return True


# ---- clients --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(secure, certs, protocol):
    client = connect(secure, certs, protocol=protocol)
    assert client.set("k", "v") and client.get("k") == b"v"
    assert secure.url == f"redis://127.0.0.1:{secure.port}" and redis.from_url(secure.url).get("k") == b"v"
    messages = client.pubsub()
    messages.subscribe("news")
    assert messages.get_message(timeout=60)["type"] == "subscribe"
    assert redis.from_url(secure.url).publish("news", "x") == 1
    assert messages.get_message(timeout=60)["data"] == b"x"


def test_redis_py_asyncio(secure, certs):
    async def talk():
        client = redis.asyncio.Redis(port=secure.tls_port, **certs.redis())
        await asyncio.gather(*[client.incr("n") for _ in range(100)])
        found = await client.get("n")
        await client.aclose()
        return found

    assert asyncio.run(talk()) == b"100"


def test_the_url_of_a_server_that_only_has_a_tls_port(certs):
    with kvd.Store().serve(tls=TLS(certs("server.crt"), certs("server.key"))) as server:
        assert server.port == 0 and server.url == f"rediss://127.0.0.1:{server.tls_port}" and "rediss" in repr(server)
        assert redis.from_url(server.url, ssl_ca_certs=certs("ca.crt")).ping()
        assert server.unix_path is None
    assert server.tls_port == 0 and "stopped" in repr(server)


def test_a_port_is_chosen(certs):
    port = free_port()
    with kvd.Store(tls_cert_file=certs("server.crt"), tls_key_file=certs("server.key"), tls_auth_clients="no").serve(tls_port=port) as server:
        assert server.tls_port == port and server.port == 0 and connect(server, certs).ping()
    with pytest.raises(ValueError, match="tls_port must be between"):
        kvd.Store().serve(tls_port=70000)


@pytest.mark.parametrize("program", REAL)
def test_redis_cli(secure, certs, program):
    words = [str(program).replace("-server", "-cli"), "--tls", "--cacert", certs("ca.crt"), "-p", str(secure.tls_port)]
    done = subprocess.run([*words, "SET", "k", "v"], capture_output=True, text=True)
    assert done.stdout == "OK\n", done
    lines = "".join(f"SET k{i} v\r\n" for i in range(10000))
    done = subprocess.run([*words, "--pipe"], input=lines, capture_output=True, text=True)
    assert "errors: 0, replies: 10000" in done.stdout


@pytest.mark.parametrize("threads", [1, 4])
def test_large_pipelines_and_values_in_both_directions(certs, threads):
    with kvd.Store().serve(tls=TLS(certs("server.crt"), certs("server.key")), threads=threads) as server:
        client = connect(server, certs)
        pipe = client.pipeline(transaction=False)
        for i in range(20000):
            pipe.set(f"k{i}", f"{i}" * 20).get(f"k{i}")
        assert pipe.execute()[1::2] == [f"{i}".encode() * 20 for i in range(20000)]
        value = bytes(range(256)) * 200_000
        assert client.set("large", value) and client.get("large") == value
        assert client.append("large", value[:70000]) == len(value) + 70000
        assert client.getrange("large", len(value), -1) == value[:70000]


def test_a_pipeline_whose_replies_are_not_read_at_first(secure, certs):
    secure.store.set("k", b"x" * 100_000)
    sock = raw(secure, certs)
    sock.sendall(Wire.frame(("GET", "k")) * 300)
    time.sleep(0.2)
    whole = len(b"$100000\r\n") + 100_002
    got = 0
    while got < 300 * whole:
        got += len(sock.recv(1 << 20))
    assert got == 300 * whole
    sock.close()


def test_a_command_in_many_records_and_many_commands_in_one(secure, certs):
    sock = raw(secure, certs)
    for byte in Wire.frame(("SET", "key", "value")):
        sock.send(bytes([byte]))
    assert sock.recv(100) == b"+OK\r\n"
    sock.send(b"GET key\r\n" * 500)
    got = b""
    while len(got) < 500 * 11:
        got += sock.recv(65536)
    assert got == b"$5\r\nvalue\r\n" * 500
    sock.close()


def test_blocked_clients_and_scripts_are_served(secure, certs):
    first, second = connect(secure, certs), connect(secure, certs)
    found = []
    waiter = threading.Thread(target=lambda: found.append(first.blpop("list", timeout=60)))
    waiter.start()
    eventually(lambda: second.info("clients")["blocked_clients"] == 1)
    second.rpush("list", "x")
    waiter.join()
    assert found == [[b"list", b"x"]] or found == [(b"list", b"x")]


def test_a_thousand_connections(secure, certs):
    context = certs.context()
    socks = []
    for _ in range(1000):
        sock = context.wrap_socket(socket.create_connection(("127.0.0.1", secure.tls_port), timeout=60), server_hostname="localhost")
        socks.append(sock)
    assert secure.store.info("clients")["connected_clients"] == 1000
    for sock in socks:
        sock.send(b"PING\r\n")
    assert all(sock.recv(100) == b"+PONG\r\n" for sock in socks)
    for sock in socks:
        sock.close()
    eventually(lambda: secure.store.info("clients")["connected_clients"] == 0)


def test_an_old_version_and_what_it_can_do(secure, certs):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        sock = raw(secure, certs, version=version)
        sock.send(b"PING\r\n")
        assert sock.recv(100) == b"+PONG\r\n" and sock.version() == version.name.replace("_", ".")
        assert sock.compression() is None
        sock.close()


def test_a_session_is_resumed_unless_that_is_off(secure, certs):
    context = certs.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def meet(session):
        sock = context.wrap_socket(socket.create_connection(("127.0.0.1", secure.tls_port)), server_hostname="localhost", session=session)
        sock.send(b"PING\r\n")
        assert sock.recv(100) == b"+PONG\r\n"
        return sock

    first = meet(None)
    assert meet(first.session).session_reused


# ---- certificates ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("clients", "name", "is_in"), [
    ("required", "client", True), ("required", None, False), ("required", "stranger", False), ("required", "expired", False),
    ("optional", "client", True), ("optional", None, True), ("optional", "stranger", False), ("optional", "expired", False),
    ("no", None, True), ("no", "stranger", True), (None, "client", True), (None, None, False),
])  # fmt: skip
def test_certificates_of_clients(certs, clients, name, is_in, version):
    tls = TLS(certs("server.crt"), certs("server.key"), ca=certs("ca.crt"), clients=clients)
    with kvd.Store().serve(0, tls=tls) as server:
        try:
            sock = raw(server, certs, name, version)
            sock.send(b"PING\r\n")
            assert (sock.recv(100) == b"+PONG\r\n") == is_in
        except OSError:
            assert not is_in
        assert is_alive(server)


def test_a_client_does_not_trust_another_ca(secure, certs, tmp_path):
    with pytest.raises(REFUSED):
        redis.Redis(port=secure.tls_port, **certs.redis(ca="other")).ping()
    eventually(lambda: "Error accepting a client connection: error:" in said(tmp_path))
    assert "(addr=127.0.0.1:" in said(tmp_path)


def test_a_directory_of_cas(certs, tmp_path):
    digest = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", certs("ca.crt")], capture_output=True, text=True).stdout.strip()
    (tmp_path / f"{digest}.0").write_bytes((certs.folder / "ca.crt").read_bytes())
    with kvd.Store().serve(tls=TLS(certs("server.crt"), certs("server.key"), ca=tmp_path)) as server:
        assert connect(server, certs, "client").ping()
        with pytest.raises(REFUSED):
            connect(server, certs, "stranger").ping()


def test_the_password_of_a_key(certs):
    assert kvd.Store().serve(tls=TLS(certs("server.crt"), certs("locked.key"), password=PASSWORD)).tls_port
    for password in ("", "wrong"):
        with pytest.raises(kvd.ConfigError, match="Failed to load private key: .*locked.key: error:") as failed:
            kvd.Store().serve(tls=TLS(certs("server.crt"), certs("locked.key"), password=password))
        assert PASSWORD not in str(failed.value)
    assert PASSWORD not in repr(TLS("a", "b", password=PASSWORD))


def test_ciphers_and_protocols(certs):
    tls = TLS(certs("server.crt"), certs("server.key"), protocols="TLSv1.2", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")
    with kvd.Store().serve(tls=tls) as server:
        assert raw(server, certs).cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
        with pytest.raises(OSError):
            raw(server, certs, version=ssl.TLSVersion.TLSv1_3)
    with kvd.Store().serve(tls=TLS(certs("server.crt"), certs("server.key"), ciphersuites="TLS_CHACHA20_POLY1305_SHA256")) as server:
        assert raw(server, certs).cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"


# ---- what stops the start ------------------------------------------------------------------------------

def start(*options):
    return subprocess.run([sys.executable, "-m", "kvd", "serve", "--port", "0", "--save", "", *map(str, options)], capture_output=True, text=True, timeout=60)


def test_errors_at_start_name_the_file(certs, tmp_path):
    (tmp_path / "no.pem").write_text("no certificate")
    cases = [
        ({"tls_cert_file": ""}, "No tls-cert-file configured!"),
        ({"tls_key_file": ""}, "No tls-key-file configured!"),
        ({"tls_ca_cert_file": ""}, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified"),
        ({"tls_cert_file": "/no/file"}, "Failed to load certificate: /no/file: error:"),
        ({"tls_cert_file": tmp_path / "no.pem"}, f"Failed to load certificate: {tmp_path}/no.pem: error:"),
        ({"tls_key_file": "/no/file"}, "Failed to load private key: /no/file: error:"),
        ({"tls_key_file": certs("client.key")}, "Failed to load private key: "),
        ({"tls_ca_cert_file": "/no/file"}, "Failed to configure CA certificate(s) file/directory: /no/file: error:"),
        ({"tls_protocols": "SSLv3"}, "Invalid tls-protocols specified."),
        ({"tls_ciphers": "nonsense"}, "Failed to configure ciphers: nonsense: error:"),
        ({"tls_ciphersuites": "nonsense"}, "Failed to configure ciphersuites: nonsense: error:"),
        ({"tls_dh_params_file": "/no/file"}, "Failed to load DH params file: /no/file: error:"),
    ]
    for others, text in cases:
        done = start("--tls-port", free_port(), "--dir", tmp_path, *certs.options(**others))
        assert done.returncode == 1 and text in done.stdout and "Failed to configure TLS. Check logs for more info." in done.stdout, (others, done)


def test_links_to_masters_are_checked_at_start(certs, tmp_path):
    done = start("--port", free_port(), "--dir", tmp_path, "--tls-replication", "yes")
    assert done.returncode == 1 and "Either tls-ca-cert-file or tls-ca-cert-dir must be specified" in done.stdout


def test_what_is_not_made_is_refused(tmp_path):
    for option in ("--tls-cluster yes", "--tls-auth-clients-user cn"):
        done = start("--dir", tmp_path, *option.split())
        assert done.returncode == 1 and "is not implemented" in done.stderr


def test_the_options_have_no_effect_without_a_port(server):
    client = redis.Redis(port=server.port)
    assert client.config_set("tls-cert-file", "/no/file") and client.config_get("tls-*")["tls-cert-file"] == "/no/file"
    assert "tls-key-file-pass" in client.config_get("tls-*")


# ---- CONFIG SET -----------------------------------------------------------------------------------------

def test_a_new_certificate_is_for_new_clients_and_the_others_stay(secure, certs):
    old = raw(secure, certs)
    before = old.getpeercert()["serialNumber"]
    client = redis.Redis(port=secure.port)
    assert client.config_set("tls-cert-file", certs("client.crt"), "tls-key-file", certs("client.key"))
    assert raw(secure, certs).getpeercert()["serialNumber"] != before
    old.send(b"PING\r\n")
    assert old.recv(100) == b"+PONG\r\n"
    assert client.config_set("tls-auth-clients", "yes", "tls-ca-cert-file", certs("ca.crt"))
    old.send(b"PING\r\n")
    assert old.recv(100) == b"+PONG\r\n"
    with pytest.raises(REFUSED):
        connect(secure, certs).ping()
    assert connect(secure, certs, "client").ping()


@pytest.mark.parametrize(("name", "value"), [
    ("tls-cert-file", "/no/file"), ("tls-cert-file", ""), ("tls-key-file", "/no/file"), ("tls-ca-cert-file", None), ("tls-auth-clients", "yes"),
    ("tls-protocols", "TLSv9"), ("tls-ciphers", "x"), ("tls-ciphersuites", "x"), ("tls-dh-params-file", "/no/file"), ("tls-replication", "yes"),
])  # fmt: skip
def test_what_does_not_work_is_refused_and_changes_nothing(secure, certs, tmp_path, name, value):
    client = redis.Redis(port=secure.port)
    if value is None:
        client.config_set("tls-auth-clients", "optional", "tls-ca-cert-file", certs("ca.crt"))
        value = "/no/file"
    before = client.config_get("tls-*")
    with pytest.raises(redis.ResponseError) as refused:
        client.config_set(name, value)
    assert str(refused.value) == f"CONFIG SET failed (possibly related to argument '{name}') - Unable to update TLS configuration. Check server logs."
    assert client.config_get("tls-*") == before
    assert connect(secure, certs).ping()


def test_a_tls_port_comes_moves_and_goes(certs):
    with kvd.Store().serve() as server:
        client = redis.Redis(port=server.port)
        port, other = free_port(), free_port()
        with pytest.raises(redis.ResponseError, match="Unable to update TLS configuration"):
            client.config_set("tls-port", port)
        client.config_set("tls-port", port, "tls-cert-file", certs("server.crt"), "tls-key-file", certs("server.key"), "tls-auth-clients", "no")
        assert server.tls_port == port
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port))                   # only where the plain port is
        old = raw(server, certs)
        client.config_set("tls-port", other)
        assert server.tls_port == other and connect(server, certs).ping()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port))
        old.send(b"PING\r\n")
        assert old.recv(100) == b"+PONG\r\n"
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(redis.ResponseError, match="Unable to listen on this port"):
            client.config_set("tls-port", taken.getsockname()[1])
        assert server.tls_port == other and connect(server, certs).ping() and is_alive(server)
        client.config_set("tls-port", 0)
        assert server.tls_port == 0 and is_alive(server)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", other))


def test_a_file_that_is_gone_matters_when_it_is_to_be_read_again(certs, tmp_path):
    own = tmp_path / "server.crt"
    own.write_bytes((certs.folder / "server.crt").read_bytes())
    with kvd.Store().serve(0, tls=TLS(own, certs("server.key"))) as server:
        client = redis.Redis(port=server.port)
        assert client.config_set("tls-port", server.tls_port) and connect(server, certs).ping()
        own.unlink()
        assert client.config_set("bind", "127.0.0.1 -::1") and connect(server, certs).ping()
        with pytest.raises(redis.ResponseError, match="Unable to update TLS configuration"):
            client.config_set("tls-cert-file", str(own))
        assert connect(server, certs).ping()
        assert client.config_set("tls-port", 0) and server.tls_port == 0 and client.ping()


def test_a_port_that_cannot_be_had_takes_the_other_back(certs):
    with kvd.Store().serve(0, tls=TLS(certs("server.crt"), certs("server.key"))) as server:
        client, plain, before = redis.Redis(port=server.port), server.port, server.tls_port
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(redis.ResponseError, match="'tls-port'"):
            client.config_set("port", free_port(), "tls-port", taken.getsockname()[1])
        assert (server.port, server.tls_port) == (plain, before)
        assert is_alive(server) and connect(server, certs).ping()


# ---- connections that are not what they should be ---------------------------------------------------

def test_plain_commands_and_garbage_sent_to_the_tls_port(secure, tmp_path):
    for bytes_ in (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", bytes(range(256)) * 100, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70000,
                   b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x15\x03\x03\x00\x02\x02\x28"):  # fmt: skip
        sock = socket.create_connection(("127.0.0.1", secure.tls_port), timeout=60)
        with contextlib.suppress(OSError):
            sock.sendall(bytes_)
            sock.shutdown(socket.SHUT_WR)
        assert is_closed(sock)
        assert is_alive(secure)
    eventually(lambda: said(tmp_path).count("Error accepting a client connection: ") >= 7)
    eventually(lambda: secure.store.info("clients")["connected_clients"] == 0)


def test_tls_sent_to_the_plain_port(secure, certs):
    with pytest.raises(OSError):
        sock = socket.create_connection(("127.0.0.1", secure.port), timeout=5)
        certs.context().wrap_socket(sock, server_hostname="localhost")
    assert is_alive(secure)


def hello(certs):
    """The first bytes of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        certs.context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def test_handshakes_that_are_cut_at_every_byte(secure, certs):
    first = hello(certs)
    for n in range(0, len(first), 7):
        with socket.create_connection(("127.0.0.1", secure.tls_port)) as sock:
            sock.sendall(first[:n])
    eventually(lambda: secure.store.info("clients")["connected_clients"] == 0)
    assert connect(secure, certs).ping()


def test_a_slow_handshake_succeeds_and_one_that_stops_is_closed(secure, certs, tmp_path):
    stuck = socket.create_connection(("127.0.0.1", secure.tls_port), timeout=60)
    stuck.sendall(hello(certs)[:50])
    silent = socket.create_connection(("127.0.0.1", secure.tls_port), timeout=60)
    assert eventually(lambda: secure.store.info("clients")["connected_clients"] == 2)
    assert connect(secure, certs).ping()                     # others do not wait for them
    assert is_closed(stuck) and is_closed(silent)            # after 10 seconds
    assert said(tmp_path).count("Error accepting a client connection: the handshake takes too long") == 2


def test_handshakes_count_against_maxclients(certs):
    with kvd.Store(maxclients=3).serve(0, tls=TLS(certs("server.crt"), certs("server.key"))) as server:
        begun = [socket.create_connection(("127.0.0.1", server.tls_port), timeout=60) for _ in range(3)]
        eventually(lambda: server.store.info("clients")["connected_clients"] == 3)
        assert is_closed(socket.create_connection(("127.0.0.1", server.tls_port), timeout=60))
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
            assert sock.recv(100) == b"-ERR max number of clients reached\r\n"
        for one in begun:
            one.close()
        eventually(lambda: server.store.info("clients")["connected_clients"] == 0)
        assert connect(server, certs).ping()


def test_connections_that_are_half_closed_or_cut(secure, certs):
    sock = raw(secure, certs)
    sock.sendall(b"SET k v\r\nGET k\r\n")
    socket.socket.shutdown(sock, socket.SHUT_WR)                            # without TLS's word for it
    assert sock.recv(5) == b"+OK\r\n"
    assert is_closed(sock)
    sock = raw(secure, certs)
    sock.sendall(b"PING\r\n")
    assert sock.recv(100) == b"+PONG\r\n"
    with contextlib.suppress(OSError):
        sock.unwrap()                                                       # with it
    for _ in range(20):
        sock = raw(secure, certs)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(b"DEBUG SLEEP 0\r\nGET k\r\n")
        sock.close()                                                        # a reset
    eventually(lambda: secure.store.info("clients")["connected_clients"] == 0)
    assert connect(secure, certs).get("k") == b"v"


@pytest.mark.parametrize("encrypted", [False, True])
def test_commands_are_answered_that_arrive_with_the_end_of_the_connection(secure, certs, encrypted):
    """Also right after the handshake."""
    for i in range(100):
        sock = raw(secure, certs) if encrypted else socket.create_connection(("127.0.0.1", secure.port), timeout=60)
        sock.sendall(b"SET k %d\r\nGET k\r\n" % i)
        socket.socket.shutdown(sock, socket.SHUT_WR)
        said = b""
        while piece := sock.recv(100):
            said += piece
        assert said == b"+OK\r\n$%d\r\n%d\r\n" % (len(str(i)), i)
        sock.close()


def test_bytes_that_were_altered_end_the_connection(secure, certs):
    """Between the client and the server, after the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as between:
        ends = []

        def pump(source, sink, state):
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data[:-1] + bytes([data[-1] ^ 1]) if state.get("alter") else data)

        def accept():
            near, _ = between.accept()
            far = socket.create_connection(("127.0.0.1", secure.tls_port))
            ends.extend([near, far])
            threading.Thread(target=pump, args=(near, far, state), daemon=True).start()
            threading.Thread(target=pump, args=(far, near, {}), daemon=True).start()

        state: dict = {}
        threading.Thread(target=accept, daemon=True).start()
        sock = certs.context().wrap_socket(socket.create_connection(between.getsockname(), timeout=60), server_hostname="localhost")
        sock.sendall(b"PING\r\n")
        assert sock.recv(100) == b"+PONG\r\n"
        state["alter"] = True
        sock.sendall(b"SET altered x\r\n")
        eventually(lambda: secure.store.info("clients")["connected_clients"] == 0)
        assert not secure.store.exists("altered")
        for end in ends:
            end.close()


def test_renegotiation_is_refused(secure, certs):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.tls_port}", "-tls1_2", "-CAfile", certs("ca.crt")],
                          input="R\n", capture_output=True, text=True, timeout=60)  # fmt: skip
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stderr
    assert is_alive(secure)


def test_new_keys_may_be_asked_for_at_any_time(secure, certs):
    """`K` makes s_client send a KeyUpdate that asks for one of the server's."""
    talk = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.tls_port}", "-tls1_3", "-CAfile", certs("ca.crt")],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    for line in ("SET a 1\n", "K\n", "SET b 2\n", "K\n", "SET c 3\n"):
        talk.stdin.write(line)
        talk.stdin.flush()
        time.sleep(0.2)
    eventually(lambda: secure.store.exists("c"))
    talk.kill()
    assert talk.communicate()[0].count("+OK") == 3


def test_clients_are_killed_and_the_server_stops_while_they_are_connected(certs):
    store = kvd.Store()
    with store.serve(0, tls=TLS(certs("server.crt"), certs("server.key")), threads=2) as server:
        sock = raw(server, certs)
        sock.send(b"CLIENT ID\r\n")
        id_ = int(sock.recv(100)[1:])
        begun = socket.create_connection(("127.0.0.1", server.tls_port))
        assert redis.Redis(port=server.port).client_kill_filter(_id=id_) == 1
        assert sock.recv(100) == b""                          # TLS's word for the end, not an error
        stays = raw(server, certs)
        stays.send(b"QUIT\r\n")
        assert stays.recv(100) == b"+OK\r\n" and stays.recv(100) == b""
        stays = raw(server, certs)
    assert stays.recv(100) == b""
    begun.close()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_forked_child_leaves_the_connections_alone(secure, certs, encrypted):
    sock = raw(secure, certs) if encrypted else socket.create_connection(("127.0.0.1", secure.port), timeout=60)
    sock.send(b"PING\r\n")
    assert sock.recv(100) == b"+PONG\r\n"
    child = os.fork()
    if child == 0:
        ok = secure.store.set("of the child", 1)
        secure.store.close()
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    sock.send(b"PING\r\n")
    assert sock.recv(100) == b"+PONG\r\n"
    sock.close()


def test_info_has_the_tls_port_if_there_is_no_other(certs, tmp_path):
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "kvd", "serve", "--port", "0", "--tls-port", str(port), "--save", "", "--dir", str(tmp_path),
                               "--tls-auth-clients", "no", *certs.options()], stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert any("Ready to accept connections tls" in line for line in server.stdout)
        client = redis.Redis(port=port, **certs.redis())
        assert client.info("server")["tcp_port"] == port
        client.shutdown()
        assert server.wait(60) == 0
    finally:
        server.kill()
