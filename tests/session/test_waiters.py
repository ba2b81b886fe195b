"""Commands that wait: who is served, when, by what, and what ends a wait."""

import time

import pytest

import kvd
from tests.compat.wire import RealServer, Wire
from tests.conftest import REAL


@pytest.fixture(scope="module", params=["kvd", *REAL])
def address(request):
    """kvd, and the real servers: every expectation here is checked on them too."""
    if request.param != "kvd":
        server = RealServer(request.param)
        yield server.address
        server.stop()
        return
    with kvd.Server(kvd.Store(enable_debug_command="yes")) as server:
        yield ("127.0.0.1", server.port)


@pytest.fixture
def open_wire(address):
    wires = []

    def make(proto=2):
        wires.append(Wire(address, proto))
        return wires[-1]

    make()("FLUSHALL")
    yield make
    for wire in wires:
        wire.close()


def starts(wire, *words):
    """Sends a command that is going to wait, and waits until it does."""
    wire.send(Wire.frame(words))


def blocked(wire, n):
    for _ in range(6000):
        if f"blocked_clients:{n}\r\n".encode() in wire("INFO", "clients"):
            return True
        time.sleep(0.005)
    return False


def silent(wire):
    wire.socket.settimeout(0.05)
    try:
        wire.read()
    except TimeoutError:
        return True
    finally:
        wire.socket.settimeout(20)
    return False


def test_served_in_the_order_they_came(open_wire):
    pusher, *waiters = [open_wire() for _ in range(4)]
    for i, wire in enumerate(waiters):
        starts(wire, "BLPOP", "q", 0)
        assert blocked(pusher, i + 1)
    assert pusher("RPUSH", "q", "a", "b") == 2
    assert waiters[0].read() == [b"q", b"a"]
    assert waiters[1].read() == [b"q", b"b"]
    assert silent(waiters[2])
    pusher("RPUSH", "q", "c")
    assert waiters[2].read() == [b"q", b"c"]
    assert pusher("EXISTS", "q") == 0


FILLED_BY = {
    "RENAME": [("RPUSH", "other", "x"), ("RENAME", "other", "q")],
    "COPY": [("RPUSH", "other", "x"), ("COPY", "other", "q")],
    "MOVE": [("SELECT", 3), ("RPUSH", "q", "x"), ("MOVE", "q", 0), ("SELECT", 0)],
    "SWAPDB": [("SELECT", 3), ("RPUSH", "q", "x"), ("SWAPDB", 0, 3), ("SELECT", 0)],
    "SORT STORE": [("RPUSH", "other", "x"), ("SORT", "other", "ALPHA", "STORE", "q")],
    "EXEC": [("MULTI",), ("RPUSH", "q", "y"), ("LPUSH", "q", "x"), ("RPOP", "q"), ("EXEC",)],
    "LMOVE": [("RPUSH", "other", "x"), ("LMOVE", "other", "q", "LEFT", "LEFT")],
}  # fmt: skip


@pytest.mark.parametrize("how", FILLED_BY)
def test_served_however_the_key_is_filled(open_wire, how):
    other, waiter = open_wire(), open_wire()
    starts(waiter, "BLPOP", "q", 0)
    assert blocked(other, 1)
    for line in FILLED_BY[how]:
        other(*line)
    assert waiter.read() == [b"q", b"x"]


def test_served_by_restore(open_wire):
    other, waiter = open_wire(), open_wire()
    other("RPUSH", "l", "x")
    payload = other("DUMP", "l")
    starts(waiter, "BLPOP", "q", 0)
    assert blocked(other, 1)
    other("RESTORE", "q", 0, payload)
    assert waiter.read() == [b"q", b"x"]


COMMANDS = [
    (("BRPOP", "q", 0), ("RPUSH", "q", "a", "b"), [b"q", b"b"]),
    (("BLMOVE", "q", "d", "LEFT", "RIGHT", 0), ("RPUSH", "q", "a"), b"a"),
    (("BRPOPLPUSH", "q", "d", 0), ("RPUSH", "q", "a"), b"a"),
    (("BLMPOP", 0, 2, "p", "q", "LEFT", "COUNT", 2), ("RPUSH", "q", "a", "b", "c"), [b"q", [b"a", b"b"]]),
    (("BZPOPMIN", "p", "q", 0), ("ZADD", "q", 2, "b", 1, "a"), [b"q", b"a", b"1"]),
    (("BZPOPMAX", "q", 0), ("ZADD", "q", 2, "b", 1, "a"), [b"q", b"b", b"2"]),
    (("BZMPOP", 0, 1, "q", "MAX", "COUNT", 2), ("ZADD", "q", 2, "b", 1, "a"), [b"q", [[b"b", b"2"], [b"a", b"1"]]]),
    (("XREAD", "BLOCK", 0, "STREAMS", "q", "$"), ("XADD", "q", "1-1", "f", "v"), [[b"q", [[b"1-1", [b"f", b"v"]]]]]),
]  # fmt: skip


@pytest.mark.parametrize("wait, fill, reply", COMMANDS, ids=[c[0][0] for c in COMMANDS])
def test_every_waiting_command(open_wire, wait, fill, reply):
    other, waiter = open_wire(), open_wire()
    starts(waiter, *wait)
    assert blocked(other, 1)
    other(*fill)
    assert waiter.read() == reply
    assert blocked(other, 0)


def test_values_of_another_type_wake_nobody(open_wire):
    other, waiter = open_wire(), open_wire()
    starts(waiter, "BLPOP", "q", 0)
    assert blocked(other, 1)
    other("SET", "q", "x")
    other("DEL", "q")
    other("ZADD", "q", 1, "m")
    assert silent(waiter)
    other("DEL", "q")
    other("RPUSH", "q", "v")
    assert waiter.read() == [b"q", b"v"]


@pytest.mark.parametrize("line, null", [(("BLPOP", "q", 0.05), None), (("BLMOVE", "q", "d", "LEFT", "LEFT", 0.05), None), (("XREAD", "BLOCK", 50, "STREAMS", "q", "$"), None)])
def test_time_is_over(open_wire, line, null):
    wire = open_wire()
    begin = time.monotonic()
    assert wire(*line) is null
    assert time.monotonic() - begin >= 0.045      # a server may be late, but not early


def test_inside_a_transaction_nobody_waits(open_wire):
    wire = open_wire()
    wire("MULTI")
    wire("BLPOP", "q", 0)
    wire("BZPOPMIN", "q", 0)
    wire("XREAD", "BLOCK", 0, "STREAMS", "q", "$")
    assert wire("EXEC") == [None, None, None]


def test_client_unblock(open_wire):
    other, waiter = open_wire(), open_wire()
    name = waiter("CLIENT", "ID")
    starts(waiter, "BLPOP", "q", 0)
    assert blocked(other, 1)
    assert other("CLIENT", "UNBLOCK", name, "ERROR") == 1
    assert str(waiter.read()) == "UNBLOCKED client unblocked via CLIENT UNBLOCK"
    starts(waiter, "BLPOP", "q", 0)
    assert blocked(other, 1)
    assert other("CLIENT", "UNBLOCK", name) == 1
    assert waiter.read() is None
    assert other("CLIENT", "UNBLOCK", name) == 0


def test_a_client_that_leaves_is_not_served(open_wire):
    other, waiter, second = open_wire(), open_wire(), open_wire()
    starts(waiter, "BLPOP", "q", 0)
    assert blocked(other, 1)
    starts(second, "BLPOP", "q", 0)
    assert blocked(other, 2)
    waiter.close()
    assert blocked(other, 1)
    other("RPUSH", "q", "x")
    assert second.read() == [b"q", b"x"]


def test_commands_behind_a_waiting_one_run_after_it(open_wire):
    other, waiter = open_wire(), open_wire()
    waiter.send(Wire.frame(("BLPOP", "q", 0)) + Wire.frame(("PING",)))
    assert blocked(other, 1)
    assert silent(waiter)
    other("RPUSH", "q", "x")
    assert waiter.read() == [b"q", b"x"]
    assert waiter.read() == b"PONG"


def test_moving_along_a_chain_of_waiters(open_wire):
    other, first, second = open_wire(), open_wire(), open_wire()
    starts(first, "BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
    assert blocked(other, 1)
    starts(second, "BLPOP", "b", 0)
    assert blocked(other, 2)
    other("RPUSH", "a", "x")
    assert first.read() == b"x"
    assert second.read() == [b"b", b"x"]


def test_group_that_is_destroyed(open_wire):
    other, waiter = open_wire(), open_wire()
    other("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    starts(waiter, "XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">")
    assert blocked(other, 1)
    other("XGROUP", "DESTROY", "s", "g")
    assert str(waiter.read()).startswith("NOGROUP ")


def test_ten_thousand_waiters_do_not_slow_others():
    with kvd.Server(kvd.Store()) as server:
        wire = Wire(("127.0.0.1", server.port))
        sessions = [Wire(("127.0.0.1", server.port)) for _ in range(100)]
        for i, one in enumerate(sessions):
            starts(one, "BLPOP", *[f"q{i}:{k}" for k in range(100)], 0)
        assert blocked(wire, 100)
        cpu = wire("INFO", "cpu")
        time.sleep(1)
        spent = [float(text.split(b"used_cpu_user:")[1].split(b"\r")[0]) for text in (cpu, wire("INFO", "cpu"))]
        assert spent[1] - spent[0] < 0.5  # idle waiters cost nothing; this process's own work is in it
        wire("RPUSH", "q57:42", "x")
        assert sessions[57].read() == [b"q57:42", b"x"]
        for one in sessions:
            one.close()
