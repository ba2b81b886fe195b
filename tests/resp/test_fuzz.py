"""Broken input over a real socket: the server answers or closes, never crashes, and serves others on.

Runs under the address sanitizer too (`make asan`, longer with `make fuzz`)."""

import os
import random
import socket

import pytest

import kvd
from tests.compat.wire import Wire

ROUNDS = int(os.environ.get("KVDDEV_FUZZ_ROUNDS", "400"))
LINES = [
    ("SET", "k", "v"), ("GET", "k"), ("MSET", "a", "1", "b", "2"), ("INCR", "n"), ("APPEND", "k", "x" * 300), ("KEYS", "*"),
    ("SETRANGE", "k", "1000", "zz"), ("SCAN", "0", "COUNT", "5"), ("MULTI",), ("EXEC",), ("LCS", "a", "b"), ("CLIENT", "LIST"),
    ("CONFIG", "GET", "*"), ("COMMAND", "DOCS"), ("INFO",), ("EXPIRE", "k", "10"), ("COPY", "k", "k2"), ("HELLO", "3"), ("RESET",),
    ("OBJECT", "HELP"), ("COMMAND", "GETKEYS", "MSETEX", "2", "a", "b", "c", "d"), ("CLIENT", "REPLY", "SKIP"), ("WATCH", "k"),
    ("SLOWLOG", "GET"), ("MEMORY", "STATS"), ("DEBUG", "DIGEST"), ("LATENCY", "HISTOGRAM"), ("SELECT", "3"), ("CLIENT", "KILL", "ID", "99"),
]  # fmt: skip
USERS = [
    ("ACL", "SETUSER", "other", "on", ">word", "+@read", "%R~k*", "(+set ~s* &c*)"), ("ACL", "SETUSER", "other", "reset", "-@all", "+select|1", "+config|get", "clearselectors"),
    ("ACL", "DELUSER", "other"), ("ACL", "LIST"), ("ACL", "GETUSER", "other"), ("ACL", "DRYRUN", "other", "GET", "k"), ("ACL", "LOG"), ("ACL", "LOG", "RESET"), ("AUTH", "other", "word"),
    ("AUTH", "hostile", "word"), ("ACL", "SETUSER", "hostile", "~more*"), ("ACL", "CAT", "read"), ("ACL", "GENPASS", "7"), ("SUBSCRIBE", "c"), ("PSUBSCRIBE", "c*"), ("PUBLISH", "c", "m"),
    ("MULTI",), ("SET", "secret", "v"), ("EXEC",), ("MGET", "k", "secret"), ("SORT", "list", "BY", "w*", "GET", "secret*"), ("EVAL", "return redis.call('get', 'secret')", "0"),
    ("EVAL", "return redis.acl_check_cmd('set', 'k', ARGV[1])", "0", "1"), ("BLPOP", "secret", "0.01"), ("ACL", "WHOAMI"), ("CLIENT", "KILL", "USER", "other"),
]  # fmt: skip
LENGTHS = [b"-1", b"0", b"1", b"2147483647", b"2147483648", b"9223372036854775807", b"-9223372036854775809", b"1e3", b"", b"00", b" 1", b"+1"]


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(6)
        at = rng.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = rng.randbytes(rng.randint(1, 8))
        elif kind == 2:
            del data[at : at + rng.randint(1, 10)]
        elif kind == 3:
            data[at:at] = data[: rng.randint(0, len(data))]
        elif kind == 4:
            marker = rng.choice([b"$", b"*"])
            place = data.find(marker, at)
            if place >= 0:
                end = data.find(b"\r", place)
                data[place + 1 : end if end > 0 else None] = rng.choice(LENGTHS)
        else:
            data[at:at] = rng.choice([b"\r\n", b"\n", b"\0", b'"', b"'", b"\\x"])
    return bytes(data)


@pytest.fixture
def server():
    with kvd.Server(kvd.Store(enable_debug_command="yes", maxmemory="200mb")) as running:
        yield running


def drain(connection):
    connection.settimeout(0.02)
    try:
        while connection.recv(1 << 20):
            pass
    except (TimeoutError, OSError):
        pass


@pytest.mark.parametrize("user", [None, "hostile"])
def test_mutated_frames(server, user):
    """user: it may not do everything, and changes what users may."""
    rng = random.Random(os.environ.get("KVDDEV_FUZZ_SEED", 1))
    witness = Wire(("127.0.0.1", server.port))
    lines = [*LINES, *USERS] if user else LINES
    for round_ in range(ROUNDS):
        data = b"".join(Wire.frame(rng.choice(lines)) for _ in range(rng.randint(1, 6)))
        if rng.random() < 0.2:
            data = b" ".join(w.encode() for w in rng.choice(lines)) + b"\r\n" + data
        if rng.random() < 0.9:
            data = mutate(rng, data)
        if user:
            witness("ACL", "SETUSER", user, "reset", "on", ">word", "+@all", "-@dangerous", "+acl", "+client", "~k*", "%R~list", "%W~n", "&c*", "(+mget ~secret)")
            data = Wire.frame(("AUTH", user, "word")) + data
        connection = socket.create_connection(("127.0.0.1", server.port))
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(0, 4)))
        try:
            for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
                connection.sendall(data[a:b])
            drain(connection)
        except OSError:
            pass
        connection.close()
        if round_ % 20 == 0:
            assert witness("PING") == b"PONG"
            assert witness("DEBUG", "CHECK") == b"OK"
    assert witness("PING") == b"PONG"


def test_split_at_every_byte(server):
    data = b"".join(Wire.frame(line) for line in [("SET", "k", "hello"), ("GET", "k"), ("ECHO", ""), ("GET", "missing")])
    data += b'ECHO "in line"\r\n' + Wire.frame(("PING",))
    expected = b"+OK\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n$7\r\nin line\r\n+PONG\r\n"
    for cut in range(1, len(data)):
        wire = Wire(("127.0.0.1", server.port))
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.send(data[:cut])
        if cut % 7 == 0:
            Wire(("127.0.0.1", server.port))("PING")
        wire.send(data[cut:])
        got = b""
        while len(got) < len(expected):
            got += wire.socket.recv(1000)
        assert got == expected, cut
        wire.close()


def test_one_byte_at_a_time(server):
    wire = Wire(("127.0.0.1", server.port))
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in Wire.frame(("SET", "key", "value" * 10)):
        wire.send(bytes([byte]))
    assert wire.read() == b"OK"
    assert wire("GET", "key") == b"value" * 10


@pytest.mark.parametrize("size", [16_384, 100_000, 5_000_000, 60_000_000])
def test_big_arguments(server, size):
    wire = Wire(("127.0.0.1", server.port))
    wire("CONFIG", "SET", "maxmemory", "0")
    value = os.urandom(1000) * (size // 1000)
    assert wire("SET", "big", value) == b"OK"
    assert wire("GET", "big") == value
    assert wire("DEL", "big") == 1


def test_lengths_are_checked_before_anything_is_reserved(server):
    before = kvd.total_memory()        # of stores that other tests have left to the garbage collector
    for frame in (b"*1\r\n$536870913\r\n", b"*1000000000\r\n$1\r\na\r\n", b"*2\r\n$3\r\nGET\r\n$536870912\r\nabc"):
        wire = Wire(("127.0.0.1", server.port))
        wire.send(frame)
        wire.close()
    assert Wire(("127.0.0.1", server.port))("PING") == b"PONG"
    assert kvd.total_memory() - before < 50_000_000


def test_many_arguments(server):
    wire = Wire(("127.0.0.1", server.port))
    assert wire("DEL", *[f"k{i}" for i in range(100_000)]) == 0
    assert wire("MSET", *[str(i) for i in range(100_000)]) == b"OK"
    assert wire("DBSIZE") == 50_000


def test_empty_words_of_an_inline_command_are_apart(server):
    """They lie at one address; the hash that a batch computes ahead must not be taken for the other's."""
    wire = Wire(("127.0.0.1", server.port))
    wire.send(Wire.frame(("SET", "x", 1)) + b'SET "" value\r\n' + Wire.frame(("GET", "x")) + b'RENAME "" abc\r\n' + Wire.frame(("GET", "abc")))
    assert [wire.read() for _ in range(5)] == [b"OK", b"OK", b"1", b"OK", b"value"]
    assert wire("DEBUG", "CHECK") == b"OK"


def test_strangers_may_not_send_much():
    store = kvd.Store(requirepass="secret")
    with store.serve() as server:
        for frame, why in ((b"*11\r\n", "unauthenticated multibulk length"), (b"*1\r\n$16385\r\n", "unauthenticated bulk length")):
            wire = Wire(("127.0.0.1", server.port))
            wire.send(frame)
            assert str(wire.read()) == f"ERR Protocol error: {why}"
            with pytest.raises(ConnectionError):
                wire.read()
        wire = Wire(("127.0.0.1", server.port))
        wire.send(Wire.frame(("AUTH", "secret")) + Wire.frame(("SET", "k", "x" * 20_000)))
        assert [wire.read(), wire.read()] == [b"OK", b"OK"]


def test_nothing_is_left_behind():
    """Memory of the store and descriptors are as before, whatever was sent."""
    import gc

    gc.collect()
    memory, descriptors = kvd.total_memory(), len(os.listdir("/proc/self/fd"))
    rng = random.Random(5)
    with kvd.Server(kvd.Store(enable_debug_command="yes")) as server:
        for _ in range(150):
            connection = socket.create_connection(("127.0.0.1", server.port))
            try:
                connection.sendall(mutate(rng, b"".join(Wire.frame(rng.choice(LINES)) for _ in range(4))))
            except OSError:
                pass
            if rng.random() < 0.5:
                drain(connection)
            connection.close()
    del server
    gc.collect()
    assert kvd.total_memory() <= memory      # stores of other tests may go meanwhile
    assert len(os.listdir("/proc/self/fd")) <= descriptors
