"""What a server listens on: addresses, ports, sockets in the file system, and CONFIG SET of them."""

import socket
import stat

import pytest

import kvd

from ..compat.wire import Wire, free_port


def answers(port, host="127.0.0.1"):
    try:
        return Wire((host, port))("PING") == b"PONG"
    except OSError:
        return False


def test_several_addresses_and_a_free_port():
    with kvd.Store().serve(host=["127.0.0.1", "127.0.0.2"]) as server:
        assert answers(server.port) and answers(server.port, "127.0.0.2")
    assert not answers(server.port)


def test_an_address_that_is_not_ours():
    with pytest.raises(kvd.ServerError):
        kvd.Store().serve(host="203.0.113.1")


def test_after_a_failed_start_the_store_can_be_served():
    store = kvd.Store()
    with kvd.Store().serve() as other:
        with pytest.raises(kvd.ServerError):
            store.serve(port=other.port)
        with store.serve() as server:
            assert answers(server.port) and server.port != other.port


def test_a_socket_in_the_file_system(tmp_path):
    path = tmp_path / "s"
    with kvd.Store(unixsocketperm=600).serve(unix_path=path) as server:
        assert stat.S_ISSOCK(path.stat().st_mode) and path.stat().st_mode & 0o777 == 0o600 and Wire(str(path))("PING") == b"PONG" and server.port == 0
    assert not path.exists()


def test_a_socket_left_behind_is_replaced_and_a_file_is_not(tmp_path):
    left, file = tmp_path / "left", tmp_path / "file"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(left))
    file.write_text("mine")
    with kvd.Store().serve(unix_path=left):
        assert Wire(str(left))("PING") == b"PONG"
    with pytest.raises(kvd.ServerError, match="file"):
        kvd.Store().serve(unix_path=file)
    assert file.read_text() == "mine"


def test_a_path_that_is_too_long_or_nowhere(tmp_path):
    for path in (tmp_path / ("x" * 200), tmp_path / "none" / "s"):
        with pytest.raises(kvd.ServerError):
            kvd.Store().serve(unix_path=path)


def test_the_port_may_change_while_clients_are_connected():
    with kvd.Store().serve() as server:
        wire, old, new = Wire(("127.0.0.1", server.port)), server.port, free_port()
        assert wire("CONFIG", "SET", "port", new) == b"OK"
        assert answers(new) and not answers(old) and wire("PING") == b"PONG" and server.port == new


def test_a_port_that_is_taken_changes_nothing():
    with kvd.Store().serve() as server, kvd.Store().serve() as other:
        wire = Wire(("127.0.0.1", server.port))
        before = wire("CONFIG", "GET", "port")
        assert "Unable to listen" in str(wire("CONFIG", "SET", "port", other.port))
        assert answers(server.port) and wire("CONFIG", "GET", "port") == before
