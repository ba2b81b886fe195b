"""Server: where it listens, how it is found, what stops it, and what is refused."""

import threading

import pytest
import redis

import kvd
from kvd.doors.server import ask_stop

from ..compat.wire import Wire


def test_a_server_of_its_own_store():
    with kvd.Server() as server:
        assert server.port > 0 and server.unix_path is None and server.url == f"redis://127.0.0.1:{server.port}" and redis.from_url(server.url).set("k", "v")
        assert server.store.get("k") == b"v" and repr(server) == f"<kvd.Server {server.url}>"
    assert server.port == 0 and repr(server) == "<kvd.Server stopped>" and server.store.get("k") == b"v"


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "redis://127.0.0.1:{}"), ("::1", "redis://[::1]:{}"), ("*", "redis://127.0.0.1:{}"), (["127.0.0.1", "-::1"], "redis://127.0.0.1:{}"), ("localhost", "redis://localhost:{}")])
def test_addresses(store, host, url):
    try:
        server = store.serve(host=host)
    except kvd.ServerError:
        pytest.skip("there is no IPv6 here")
    with server:
        assert server.url == url.format(server.port) and redis.from_url(server.url).ping()


def test_a_unix_socket_alone(store, tmp_path):
    path = tmp_path / "s"
    with store.serve(unix_path=path) as server:
        assert server.port == 0 and server.unix_path == str(path) and server.url == f"unix://{path}" and redis.from_url(server.url).ping()
    assert not path.exists()


def test_a_store_has_one_server_at_a_time(store):
    with store.serve():
        with pytest.raises(kvd.ServerError, match="has a server already"):
            store.serve()
        assert store.ping()
    with store.serve() as again:
        assert redis.Redis(port=again.port).ping()


def test_what_cannot_be_listened_on(store, server, tmp_path):
    with pytest.raises(kvd.ServerError, match=f"Failed listening on port {server.port}"):
        store.serve(server.port)
    with pytest.raises(kvd.ServerError, match="Failed opening Unix socket"):
        store.serve(unix_path=tmp_path / "none" / "s")
    for port in (-1, 65536):
        with pytest.raises(ValueError, match="between 0 and 65535"):
            store.serve(port)
    with store.serve() as works:                              # nothing is left of those that failed
        assert works.port


def test_a_closed_store_is_not_served(store):
    store.close()
    with pytest.raises(kvd.ServerError, match="closed"):
        store.serve()


def test_stop_ends_connections_and_waits(store):
    server = store.serve()
    wire = Wire(("127.0.0.1", server.port))
    wire("SET", "k", "v")
    ended = []
    waiting = threading.Thread(target=lambda: ended.append(server.wait()))
    waiting.start()
    server.stop()
    server.stop()
    waiting.join(60)
    assert ended == [True] and store.get("k") == b"v"
    with pytest.raises(ConnectionError):
        wire("PING")


def test_wait_returns_false_when_its_time_is_over(server):
    assert server.wait(0.01) is False and server.wait(0) is False
    ask_stop(server.store)
    assert server.wait(60) is True


def test_closing_the_store_stops_its_server(store):
    server = store.serve()
    store.close()
    assert server.port == 0 and server.wait(0.01) is True


def test_the_number_of_threads(store):
    with store.serve(threads=3) as server:
        wires = [Wire(("127.0.0.1", server.port)) for _ in range(9)]
        assert all(wire("INCR", "n") == i for i, wire in enumerate(wires, 1))
