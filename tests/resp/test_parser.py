"""Requests: frames and lines, whole and in pieces, and what is said of those that are broken."""

import pytest

import kvd

from ..compat.wire import Wire


@pytest.fixture
def wire(peer):
    return peer.open()


def closed(wire):
    try:
        while True:
            wire.read()
    except (ConnectionError, OSError):
        return True


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("PING\r\n", b"PONG"), ("PING\n", b"PONG"), ("  ping  \r\n", b"PONG"), ("ECHO a\r\n", b"a"), ('ECHO "a b"\r\n', b"a b"), ("ECHO 'a b'\r\n", b"a b"), (r"ECHO 'it\'s'" + "\r\n", b"it's"),
        (r'ECHO "\x41\n\r\t\a\b\\\""' + "\r\n", b'A\n\r\t\x07\x08\\"'), (r"ECHO '\x41'" + "\r\n", rb"\x41"), ('ECHO ""\r\n', b""), ("\r\nPING\r\n", b"PONG"), ("ECHO \ta\r\n", b"a"),
    ],
)  # fmt: skip
def test_lines(wire, line, reply):
    wire.send(line.encode())
    assert wire.read() == reply
    assert wire("PING") == b"PONG"


@pytest.mark.parametrize("line", ['ECHO "a', "ECHO 'a", '"', "ECHO x 'a"])
def test_quotes_that_are_not_closed(wire, line):
    wire.send(line.encode() + b"\r\n")
    assert str(wire.read()) == "ERR Protocol error: unbalanced quotes in request" and closed(wire)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"*1\r\nx\r\n", "expected '$', got 'x'"), (b"*x\r\n", "invalid multibulk length"), (b"*2147483648\r\n", "invalid multibulk length"), (b"*1\r\n$x\r\n", "invalid bulk length"), (b"*1\r\n$-5\r\n", "invalid bulk length"),
        (b"*1\r\n$99999999999\r\n", "invalid bulk length"), (b"x" * 70_000, "too big inline request"), (b"*" + b"1" * 70_000, "too big mbulk count string"), (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
    ],
)  # fmt: skip
def test_broken_requests(wire, data, error):
    wire.send(b"*1\r\n$4\r\nPING\r\n" + data)
    assert wire.read() == b"PONG"
    assert str(wire.read()) == f"ERR Protocol error: {error}" and closed(wire)


@pytest.mark.parametrize("data", [b"*0\r\n", b"*-1\r\n", b"\r\n", b"*-10\r\n"])
def test_requests_of_nothing_are_passed_over(wire, data):
    wire.send(data + b"PING\r\n")
    assert wire.read() == b"PONG"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
def test_pieces_of_any_size(wire, step):
    data = Wire.frame(("SET", "k", b"a\r\n$5\x00b" * 20)) + b"ECHO 'x y'\r\n" + Wire.frame(("GET", "k")) + b"\r\nPING\r\n"
    for at in range(0, len(data), step):
        wire.send(data[at : at + step])
    assert [wire.read() for _ in range(4)] == [b"OK", b"x y", b"a\r\n$5\x00b" * 20, b"PONG"]


def test_a_long_pipeline_is_answered_in_order(wire):
    wire.send(b"".join(Wire.frame(("ECHO", i)) for i in range(5000)))
    assert [wire.read() for _ in range(5000)] == [str(i).encode() for i in range(5000)]


def test_an_argument_of_the_largest_size(peer):
    peer("CONFIG", "SET", "proto-max-bulk-len", 1_048_576)
    try:
        wire = peer.open()
        assert wire("SET", "k", "x" * 1_048_576) == b"OK"
        wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n")
        assert str(wire.read()) == "ERR Protocol error: invalid bulk length" and closed(wire)
    finally:
        peer("CONFIG", "SET", "proto-max-bulk-len", 536_870_912)


def test_a_stranger_may_send_little():
    """Before AUTH: few and short arguments, so that nothing is reserved for whoever connects."""
    with kvd.Store(requirepass="p").serve() as server:
        for data, error in ((b"*11\r\n", "unauthenticated multibulk length"), (b"*2\r\n$16385\r\n", "unauthenticated bulk length")):
            wire = Wire(("127.0.0.1", server.port))
            wire.send(data)
            assert str(wire.read()) == f"ERR Protocol error: {error}" and closed(wire)
