"""Ends: what they are, and connections that are made again."""

import socket
import threading

import pytest

from kvd.migrate.ends import End, MigrateError, UnreachableError, scrub

from .conftest import KINDS


@pytest.mark.parametrize("program", KINDS)
def test_an_end_knows_what_it_is(start, ends, program):
    server = start(program)
    end = ends(server)
    assert end.family in program and len(end.run_id) == 40 and end.version and end.name == server.address
    assert end.knows("GET") and not end.knows("NOSUCHCOMMAND") and end.databases() == {} and end.address == ("127.0.0.1", server.port)
    server("SELECT", 2)
    server("SET", "k", "v")
    assert end.databases() == {2: 1} and end.ask([("GET", "k"), ("LPUSH", "k", "1")], 2)[0] == b"v"
    assert end.ask([("GET", "k")]) == [None]
    with pytest.raises(MigrateError, match=f"{server.address}: CONFIG SET: Unknown option"):
        end.one("CONFIG", "SET", "no-such-option", "secret")


def test_errors_are_values_and_do_not_end_the_pipeline(start, ends):
    end = ends(start())
    first, second, third = end.ask([("SET", "k", "v"), ("LPUSH", "k", "1"), ("GET", "k")])
    assert first == b"OK" and "WRONGTYPE" in str(second) and third == b"v"


def test_a_cut_connection_is_made_again(start, ends):
    server = start()
    end = ends(server)
    lost = []
    end.on_lost = lost.append
    end.ask([("SET", "k", "v")], 3)
    server("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert end.ask([("GET", "k")], 3) == [b"v"] and len(lost) == 1 and end.restarts == 0
    assert server.address in lost[0]


def test_another_process_at_the_address_is_noticed(start, ends):
    first, second = start(), start()
    end = ends(first)
    first("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    end._options["port"] = second.port
    end.ask([("PING",)])
    assert end.restarts == 1 and end.run_id == second("INFO", "server").split(b"run_id:")[1][:40].decode()


def test_a_connection_that_cannot_be_made_again_ends_the_move(start):
    server = start()
    end = End(server.url, "target", patience=0.2)
    end.learn()
    server.stop()
    with pytest.raises(UnreachableError, match=f"the target {server.address} cannot be reached"):
        end.ask([("PING",)])
    server.stop = lambda: None


def test_a_server_that_does_not_speak_the_protocol():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            made, _ = listener.accept()
            made.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            made.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(MigrateError, match="does not speak"), End(f"redis://127.0.0.1:{listener.getsockname()[1]}", "source") as end:
            end.learn()


def test_passwords_are_removed_from_texts(start, ends):
    server = start(password="p:ss word")
    end = ends(f"redis://:p%3Ass%20word@{server.address}")
    assert scrub("CONFIG SET masterauth p:ss word failed", [end]) == "CONFIG SET masterauth *** failed"
    assert "word" not in end.name


def test_addresses_are_shown_and_forwarded(tmp_path):
    assert End("redis://[::1]:7000/2", "source").name == "[::1]:7000"
    assert End("rediss://host", "source").address is None and End("valkey://host", "source").address == ("host", 6379)
    assert End("unix:///run/redis.sock", "source").name == "/run/redis.sock"
    with End(f"kvd://{tmp_path}/a.kvd", "target") as end:
        assert end.name == end.file == f"{tmp_path}/a.kvd" and end.address is None
        with pytest.raises(MigrateError, match="the target names a store in memory"):
            End("kvd://", "target")
