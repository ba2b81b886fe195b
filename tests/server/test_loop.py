"""Network threads: rounds, fairness, background work, the end."""

import gc
import threading

import kvd

from ..compat.wire import Wire
from ..waiting import eventually


def refuses(port):
    try:
        Wire(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def test_a_client_with_a_long_pipeline_does_not_keep_others_waiting():
    with kvd.Store().serve(threads=1) as server:
        address = ("127.0.0.1", server.port)
        busy, other = Wire(address), Wire(address)
        busy.send(Wire.frame(("INCR", "n")) * 200_000)
        assert other("PING") == b"PONG"
        assert int(other("GET", "n") or 0) < 200_000          # it was served in between
        for _ in range(200_000):
            last = busy.read()
        assert last == 200_000


def test_clients_are_spread_over_threads():
    with kvd.Store().serve(threads=3) as server:
        wires = [Wire(("127.0.0.1", server.port)) for _ in range(9)]
        for i in range(100):
            for wire in wires:
                wire.send(Wire.frame(("INCR", "n")))
            assert sorted(wire.read() for wire in wires) == list(range(i * 9 + 1, i * 9 + 10))


def test_deadlines_are_kept_without_any_client():
    store = kvd.Store()
    with store.serve():
        store.set("k", "v", px=20)
        assert eventually(lambda: store.info("stats")["expired_keys"] == 1)


def test_stopping_closes_connections_and_keeps_the_data():
    threads = threading.active_count()
    store = kvd.Store()
    server = store.serve()
    wire = Wire(("127.0.0.1", server.port))
    wire("SET", "k", "v")
    waiting = Wire(("127.0.0.1", server.port))
    waiting.send(Wire.frame(("BLPOP", "l", 0)))
    server.stop()
    for one in (wire, waiting):
        try:
            assert one.socket.recv(100) == b""
        except OSError:
            pass
    assert store.get("k") == b"v" and threading.active_count() <= threads
    with store.serve() as again:
        assert Wire(("127.0.0.1", again.port))("GET", "k") == b"v"


def test_a_store_that_goes_away_takes_its_server_along():
    server = kvd.Store().serve()
    port = server.port
    del server
    gc.collect()
    assert eventually(lambda: refuses(port))
