"""Network threads: rounds, fairness, background work, the end."""

import gc
import random
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


NAP = Wire.frame(("DEBUG", "SLEEP", "0.001"))      # more than a slice every time


def calls(store, name):
    return store.info("commandstats").get(f"cmdstat_{name}", {}).get("calls", 0)


def test_slow_commands_of_a_pipeline_do_not_keep_others_waiting():
    with kvd.Store(enable_debug_command="yes").serve(threads=1) as server:
        address = ("127.0.0.1", server.port)
        busy = [Wire(address) for _ in range(10)]
        other = Wire(address)
        for one in busy:
            one.send(NAP * 300)
        for _ in range(20):
            assert other("PING") == b"PONG"
        assert 0 < calls(server.store, "debug") < 3000
        for one in busy:
            one.close()                                      # in the middle of their input
        eventually(lambda: server.store.info("clients")["connected_clients"] == 1)
        assert other("PING") == b"PONG"


def test_a_pipeline_that_is_run_in_slices_is_run_whole_and_in_order():
    """Inline commands, transactions, blocked and paused commands, large arguments and replies in the middle of it."""
    big = b"x" * 300_000
    parts = [
        ([("DEBUG", "SLEEP", "0.001")], [b"OK"]), ([("INCR", "n")], [None]), ([("SET", "big", big), ("GET", "big")], [b"OK", big]),
        ([("MULTI",), ("INCR", "n"), ("DEBUG", "SLEEP", "0.001"), ("EXEC",)], [b"OK", b"QUEUED", b"QUEUED", [None, b"OK"]]),
        ([("RPUSH", "l", "e"), ("BLPOP", "l", "0")], [1, [b"l", b"e"]]), ([("BLPOP", "none", "0.001")], [None]), ([("CLIENT", "PAUSE", "1", "WRITE")], [b"OK"]),
    ]  # fmt: skip
    dice = random.Random(7)
    with kvd.Store(enable_debug_command="yes").serve(threads=1) as server:
        for cuts in (0, 7):
            wire = Wire(("127.0.0.1", server.port))
            wire("DEL", "n")
            chosen = [dice.choice(parts) for _ in range(150)]
            data = b"".join(b"ECHO inline\r\n" + b"".join(map(Wire.frame, lines)) for lines, _ in chosen)
            places = sorted(dice.randrange(len(data)) for _ in range(cuts))
            sender = threading.Thread(target=lambda d=data, p=places, w=wire: [w.send(d[a:b]) for a, b in zip([0, *p], [*p, len(d)], strict=True)])
            sender.start()
            n = 0
            for lines, replies in chosen:
                assert wire.read() == b"inline"
                for reply in replies:
                    counts = reply is None and lines[0][0] == "INCR"
                    n += counts or isinstance(reply, list) and None in reply
                    assert wire.read() == (n if counts else [n, b"OK"] if isinstance(reply, list) and None in reply else reply)
            sender.join()
            wire.close()


def test_strangers_wait_for_those_who_have_logged_in():
    with kvd.Store(requirepass="secret", enable_debug_command="yes").serve(threads=1) as server:
        address = ("127.0.0.1", server.port)
        other = Wire(address)
        assert other("AUTH", "secret") == b"OK"
        strangers = [Wire(address) for _ in range(20)]
        for one in strangers:
            one.send(Wire.frame(("AUTH", "guess")) * 20_000)
        for _ in range(20):
            assert other("PING") == b"PONG"
        assert 0 < calls(server.store, "auth") < 20 * 20_000
        for one in strangers[1:]:
            one.close()
        assert [str(strangers[0].read()).split()[0] for _ in range(20_000)] == ["WRONGPASS"] * 20_000


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
