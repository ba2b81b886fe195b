"""Large arguments: taken over or copied, every byte arrives, whatever surrounds them."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually

LARGE = 65536
VAST = 1 << 20


def text_of(n, seed=0):
    return random.Random(n * 7 + seed).randbytes(n)


SIZES = [LARGE - 1, LARGE, 300_000, VAST, VAST + 4321]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("words", [
    ("SET", "k", "$"), ("SET", "k", "$", "EX", "100"), ("SETEX", "k", "100", "$"), ("PSETEX", "k", "100000", "$"), ("SETNX", "k", "$"), ("GETSET", "k", "$"),
    ("APPEND", "k", "$"), ("MSET", "a", "1", "k", "$"), ("MSET", "k", "$", "a", "$"), ("MSETNX", "k", "$"), ("SET", "k", "$", "GET"), ("SETRANGE", "k", "0", "$"),
    ("MSET", "k", "old", "k", "$"), ("MSET", "k", "$", "k", "$"),
])  # fmt: skip
def test_commands_on_strings(run, words, n):
    value = text_of(n)
    run(*[value if word == "$" else word for word in words])
    assert run("GET", "k") == value and run("OBJECT", "ENCODING", "k") == b"raw"
    assert run("DEBUG", "CHECK") == b"OK"
    assert run("APPEND", "k", "tail") == n + 4 and run("GET", "k") == value + b"tail"
    assert run("SETRANGE", "k", 3, "xyz") == n + 4 and run("GETRANGE", "k", 0, 8) == value[:3] + b"xyz" + value[6:9]
    assert run("DEL", "k") == 1 and run("EXISTS", "k") == 0


@pytest.mark.parametrize("n", SIZES)
def test_elements_of_other_types(run, n):
    value = text_of(n)
    assert run("HSET", "h", "f", value, "g", value) == 2 and run("HGET", "h", "g") == value
    assert run("RPUSH", "l", value, "x", value) == 3 and run("LINDEX", "l", -1) == value
    assert run("SADD", "s", value) == 1 and run("SISMEMBER", "s", value) == 1
    assert run("ZADD", "z", 1, value) == 1 and run("ZSCORE", "z", value) in (b"1", 1.0)
    run("XADD", "x", "1-1", "f", value)
    assert run("XRANGE", "x", "-", "+")[0][1] in ([b"f", value], {b"f": value}, [(b"f", value)])
    assert run("DEBUG", "CHECK") == b"OK"


def test_a_value_that_does_not_outlive_its_command(run):
    value = text_of(VAST)
    assert run("SET", "k", value, "PXAT", 1) == b"OK" and run("EXISTS", "k") == 0
    assert run("MSET", "k", value, "k", "short") == b"OK" and run("GET", "k") == b"short"
    assert run("SET", "k", value, "NX") is None and run("GET", "k") == b"short"
    assert "not an integer" in run("SET", "k", value, "EX", "abc") and run("GET", "k") == b"short"


def test_a_refused_value_is_freed(store):
    value = text_of(VAST)
    before = store.used_memory
    store.execute("RPUSH", "list", 1)
    for _ in range(20):
        with pytest.raises(kvd.KvdError):
            store.execute("APPEND", "list", value)
        store.execute("SET", "k", value, "XX")
    assert store.used_memory < before + VAST


def test_transactions_take_them_too(run):
    value, other = text_of(VAST), text_of(VAST, 1)
    for end in ("EXEC", "DISCARD"):
        run("MULTI")
        assert run("SET", "k", value) == b"QUEUED" and run("HSET", "h", "f", other) == b"QUEUED" and run("SET", "k2", other) == b"QUEUED"
        assert run("GET", "k") == b"QUEUED" and run("DEL", "k") == b"QUEUED"
        reply = run(end)
        assert reply == ([b"OK", 1, b"OK", value, 1] if end == "EXEC" else b"OK")
        assert (run("GET", "k"), run("HGET", "h", "f"), run("GET", "k2")) == ((None, other, other) if end == "EXEC" else (None, None, None))
        run("FLUSHALL")


def pieces(data, seed):
    dice = random.Random(seed)
    while data:
        n = dice.choice([1, 10, 1000, 16384, 70_000, 400_000])
        yield data[:n]
        data = data[n:]


@pytest.mark.parametrize("seed", range(12))
def test_pipelines_in_pieces_of_any_size(server, seed):
    dice = random.Random(seed)
    model, sent, expected = {}, [], []
    for i in range(60):
        key = f"k{dice.randrange(4)}".encode()
        what = dice.choice(["SET", "SETEX", "GET", "DEL", "APPEND", "HSET"])
        value = text_of(dice.choice([3, 5000, LARGE, 200_000, VAST + 5]), i)
        if what == "SET":
            sent.append(("SET", key, value, *dice.choice([(), ("EX", "100")])))
            expected.append(b"OK")
            model[key] = value
        elif what == "SETEX":
            sent.append(("SETEX", key, "100", value))
            expected.append(b"OK")
            model[key] = value
        elif what == "APPEND":
            sent.append(("APPEND", key, value))
            model[key] = model.get(key, b"") + value
            expected.append(len(model[key]))
        elif what == "HSET":
            sent.append(("HSET", b"h" + key, str(i), value))
            expected.append(1)
        elif what == "DEL":
            sent.append(("DEL", key))
            expected.append(int(model.pop(key, None) is not None))
        else:
            sent.append(("GET", key))
            expected.append(model.get(key))
    wire = server_wire(server)
    data = b"".join(Wire.frame(words) for words in sent)
    replies = []
    for piece in pieces(data, seed):
        wire.send(piece)
    for _ in sent:
        replies.append(wire.read())
    assert replies == expected and wire("DEBUG", "CHECK") == b"OK"


def server_wire(server):
    return Wire(("127.0.0.1", server.port))


def test_a_paused_command_is_read_again(server):
    wire, admin = server_wire(server), server_wire(server)
    value = text_of(VAST)
    admin("CLIENT", "PAUSE", 100_000, "WRITE")
    for piece in pieces(Wire.frame(("SET", "a-key", value, "EX", 100)) + Wire.frame(("STRLEN", "a-key")), 1):
        wire.send(piece)
    eventually(lambda: int(server.store.info("memory")["mem_clients_normal"]) > VAST)
    assert admin("EXISTS", "a-key") == 0
    admin("CLIENT", "UNPAUSE")
    assert wire.read() == b"OK" and wire.read() == VAST and admin("GET", "a-key") == value


def test_a_paused_command_of_several_pieces_is_read_again(server):
    wire, admin = server_wire(server), server_wire(server)
    admin("SET", "k", "v")
    wire("PING")
    admin("CLIENT", "PAUSE", 100_000, "ALL")
    wire.send(b"*2\r\n$3\r\nGET\r\n")
    time.sleep(0.05)
    wire.send(b"$1\r\nk\r\n")
    time.sleep(0.05)
    server.store.execute("CLIENT", "UNPAUSE")
    assert wire.read() == b"v"


def test_a_connection_that_breaks_off_leaves_nothing(server):
    before = server.store.used_memory
    for words in (("SET", "k"), ("HSET", "h", "f")):
        for n in (10, VAST, 3 * VAST):
            wire = server_wire(server)
            wire.send(Wire.frame((*words, "")).removesuffix(b"$0\r\n\r\n") + b"$%d\r\n" % (4 * VAST) + b"x" * n)
            wire.close()
    eventually(lambda: int(server.store.info("clients")["connected_clients"]) == 0)
    assert server.store.used_memory < before + VAST and server.store.dbsize() == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer keeps freed blocks")
def test_the_value_is_the_memory_that_was_received():
    """The process grows by the value once, not twice."""
    n = 64 << 20
    code = "import kvd, signal; s = kvd.Store().serve(); print(s.port, flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        wire = Wire(("127.0.0.1", int(process.stdout.readline())))

        def peak():
            with open(f"/proc/{process.pid}/status") as file:
                return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) * 1024

        before = peak()
        wire("SET", "k", b"x" * n)
        assert n <= peak() - before < 1.3 * n
        assert wire("STRLEN", "k") == n
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
