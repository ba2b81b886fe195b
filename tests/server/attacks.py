"""Hostile clients: what they send, and how they go on. Tests let them run in a thread, benchmarks/hostile.py in processes.

An attack is a function of (port, n, over): it attacks with up to n connections until over(), and returns what it counted. Clients that know the
password use PASSWORD; the others have none.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import time
from collections.abc import Callable

from ..compat.wire import Wire

PASSWORD = b"open sesame"
BIG = b"big"  # a key with a value of BIG_BYTES, for those that ask and do not read
BIG_BYTES = 100_000
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: no goodbye
PERIOD = 0.01  # seconds between two visits of a connection

Over = Callable[[], bool]


LOGIN = Wire.frame(("AUTH", PASSWORD))
HEADER = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n"


def connect(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=10)
    one.setblocking(False)
    return one


def push(one: socket.socket, data: bytes) -> bool:
    """Sends what fits. False: the connection is gone."""
    try:
        one.send(data)
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(1 << 16) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def keep(port: int, n: int, over: Over, begin: bytes, visit: Callable[[socket.socket], bool]) -> int:
    """n connections that begin with these bytes and are visited in turn. One that the server closes is replaced; returns how many were."""
    held: list[socket.socket | None] = [None] * n
    closed = 0
    while not over():
        started = time.monotonic()
        for i, one in enumerate(held):
            if over():
                break
            with contextlib.suppress(OSError):
                if one is None:
                    one = held[i] = connect(port)
                    push(one, begin)
                if not visit(one):
                    one.close()
                    held[i] = None
                    closed += 1
        time.sleep(max(0.0, PERIOD - (time.monotonic() - started)))
    for one in held:
        if one is not None:
            one.close()
    return closed


# ---- connections --------------------------------------------------------------------------------------


def connection_flood(port: int, n: int, over: Over) -> int:
    """Connects and leaves at once, in turn by closing, by reset, and after half a command."""
    count = 0
    while not over():
        with contextlib.suppress(OSError):
            one = connect(port)
            if count % 3 == 1:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            elif count % 3 == 2:
                push(one, b"*2\r\n$4\r\nAUTH\r\n$5\r\nab")
            one.close()
            count += 1
    return count


def idle_connections(port: int, n: int, over: Over) -> int:
    """More than maxclients: those that are refused try again."""
    return keep(port, n, over, b"", lambda one: not is_closed(one))


def half_closed(port: int, n: int, over: Over) -> int:
    """Half a command, then the end of what is sent, while the other direction stays open."""

    def visit(one: socket.socket) -> bool:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_WR)
        return not is_closed(one)

    return keep(port, n, over, LOGIN + b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf", visit)


# ---- input ------------------------------------------------------------------------------------------------


def slowloris(port: int, n: int, over: Over) -> int:
    """A byte at a time of a command that has no end."""
    endless = LOGIN + b"*1000000\r\n" + b"$1\r\na\r\n" * 100_000
    at: dict[int, int] = {}

    def visit(one: socket.socket) -> bool:
        i = at[one.fileno()] = at.get(one.fileno(), 0) + 1
        return push(one, endless[i % len(endless) :][:1])

    return keep(port, n, over, endless[: len(LOGIN) + 10], visit)


def headers_of_512_mb(port: int, n: int, over: Over) -> int:
    """With the password, arguments of 512 MB are announced, of which 1 kB comes at each visit."""
    return keep(port, n, over, LOGIN + HEADER, lambda one: push(one, b"x" * 1000))


def unauthenticated_headers(port: int, n: int, over: Over) -> int:
    """Arguments of 512 MB, and a million of them, without the password: refused at the header."""
    dice = random.Random(1)
    headers = (HEADER, b"*1000000\r\n", b"*2147483647\r\n", b"*2\r\n$99999\r\n")
    return keep(port, n, over, b"", lambda one: not is_closed(one) and push(one, dice.choice(headers)))


def garbage(port: int, n: int, over: Over) -> int:
    """Random bytes, lines without end, broken frames, HTTP; without the password."""
    dice = random.Random(2)
    pieces = [dice.randbytes(2000), b"x" * 70_000, b"*-9\r\n$$$\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b'SET "a \r\n',
              b"PING\r\n" * 500, b"\r\n" * 5000, b"*1\r\n$0\r\n\r\n" * 300]  # fmt: skip
    return keep(port, n, over, b"", lambda one: not is_closed(one) and push(one, dice.choice(pieces)))


def wrong_passwords(port: int, n: int, over: Over) -> int:
    """A hundred guesses in each packet."""
    guesses = b"".join(Wire.frame(("AUTH", f"guess {i}")) for i in range(100))
    return keep(port, n, over, b"", lambda one: not is_closed(one) and push(one, guesses))


# ---- output and memory -------------------------------------------------------------------------------------


def never_reading(port: int, n: int, over: Over) -> int:
    """Asks for large values and reads no reply."""
    return keep(port, n, over, LOGIN, lambda one: push(one, Wire.frame(("GET", BIG)) * 10))


def endless_transactions(port: int, n: int, over: Over) -> int:
    """Queues commands after MULTI, never EXEC."""
    more = Wire.frame(("SET", "k", "x" * 1000)) * 10

    def visit(one: socket.socket) -> bool:
        return not is_closed(one) and push(one, more)

    return keep(port, n, over, LOGIN + Wire.frame(("MULTI",)), visit)


# ---- TLS ----------------------------------------------------------------------------------------------------


def client_hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()


def cut_handshakes(port: int, n: int, over: Over) -> int:
    """The first half of a handshake: the server's expensive half of it is done, then the client is gone. For a TLS port."""
    hello = client_hello()
    turn = 0

    def visit(one: socket.socket) -> bool:
        nonlocal turn
        turn += 1
        return turn % 3 != 0 and not is_closed(one)

    return keep(port, n, over, hello, visit)


ATTACKS: tuple[Callable[[int, int, Over], int], ...] = (
    connection_flood, idle_connections, half_closed, slowloris, headers_of_512_mb, unauthenticated_headers, garbage, wrong_passwords, never_reading,
    endless_transactions,
)  # fmt: skip
