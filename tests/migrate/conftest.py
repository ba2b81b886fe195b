"""Servers at both ends of a move: kvd in this process, and real ones."""

import io
import os
import random
import threading

import pytest

import kvd
from kvd.migrate.ends import End
from kvd.migrate.moving import Options, run
from kvd.migrate.progress import Progress

from ..compat.wire import RealServer, Wire, free_port
from ..conftest import REAL

KINDS = ["kvd", *(REAL if os.environ.get("KVDDEV_LONG") else REAL[-2:])]       # the newest of each, unless there is time


class Server:
    """A server on TCP. program: "kvd" for one in this process. plain: it lacks what persist/served.py calls not plain."""

    def __init__(self, program, *options, password=None):
        self.program, self.password, self.wires = program, None, []
        if program == "kvd":
            settings = {name.removeprefix("--").replace("-", "_"): value for name, value in zip(options[::2], options[1::2], strict=True)}
            self.running = kvd.Store(enable_debug_command="yes", repl_diskless_sync_delay="0", **settings).serve()
            self.port, self.plain = self.running.port, False
        else:
            self.port = free_port()
            self.running = RealServer(program, "--port", str(self.port), "--repl-diskless-sync-delay", "0", *options)
            self.plain = "hpexpire" not in self.running.commands
        self.run = self.open()
        if password:
            assert self("CONFIG", "SET", "requirepass", password) == b"OK"
            self.password = password
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"redis://:{password}@{self.address}" if password else f"redis://{self.address}"

    def open(self):
        wire = Wire(("127.0.0.1", self.port))
        if self.password:
            wire("AUTH", self.password)
        self.wires.append(wire)
        return wire

    def __call__(self, *words):
        return self.run(*words)

    def stop(self):
        for wire in self.wires:
            wire.close()
        self.running.stop()


@pytest.fixture
def start():
    """Starts servers, which are stopped after the test."""
    started = []

    def make(program="kvd", *options, password=None):
        started.append(Server(program, *options, password=password))
        return started[-1]

    yield make
    for one in started:
        one.stop()


@pytest.fixture
def ends():
    """Ends of URLs, which are closed after the test."""
    opened = []

    def make(server, role="source", **options):
        opened.append(End(getattr(server, "url", server), role, **options))
        opened[-1].learn()
        return opened[-1]

    yield make
    for one in opened:
        one.close()


class Moved:
    """What a move has said, and its exit code."""

    def __init__(self, source, target, **options):
        self.out, self.err = options.pop("out", None) or io.StringIO(), io.StringIO()
        self.code = run(getattr(source, "url", source), getattr(target, "url", target), Options(**options), self.out, self.err)

    @property
    def text(self):
        return self.out.getvalue() + self.err.getvalue()


class Hook(Progress):
    """A progress that calls a function once, at the first update of a phase."""

    def __init__(self, phase, call):
        super().__init__(io.StringIO())
        self.at, self.call = phase, call

    def update(self, text, done=0, total=0):
        super().update(text, done, total)
        if self.name == self.at and self.call is not None:
            call, self.call = self.call, None
            call()


class Writers(io.StringIO):
    """Clients that write values of all types to a server until the output of a move, which this is, tells that it is verified.

    pending: the keys of commands that waited for the end of the pause then, and were executed after the switch."""

    def __init__(self, server, count=2):
        super().__init__()
        self.server, self.end, self.pending = server, threading.Event(), set()
        self.rounds = 0
        self.threads = [threading.Thread(target=self.write_all, args=(server.open(), n)) for n in range(count)]

    def write(self, text):
        if "verify" in text:
            self.end.set()
        return super().write(text)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *what):
        self.end.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def write_all(self, run, seed):
        choose = random.Random(seed)
        while True:
            self.rounds += 1
            for words in self.lines(choose, f"w{seed}"):
                reply = run(*words)
                assert not isinstance(reply, Exception), (words, reply)
                if self.end.is_set():
                    self.pending.update(str(word).encode() for word in words[1:])
                    return

    @staticmethod
    def lines(choose, name):
        k, n = choose.randrange(50), choose.randrange(1000)
        yield from [
            ("SET", f"{name} s {k}", n), ("APPEND", f"{name} s {k}", "x" * (n % 50)), ("SET", f"{name} timed {k}", n, "EX", 10_000 + n), ("RPUSH", f"{name} l {k}", n, k),
            ("LPOP", f"{name} l {(k * 7) % 50}"), ("SADD", f"{name} set {k}", n), ("SPOP", f"{name} set {(k * 3) % 50}"), ("HSET", f"{name} h {k}", n % 90, n),
            ("HDEL", f"{name} h {k}", (n + 1) % 90), ("ZADD", f"{name} z {k}", n / 4, n % 70), ("ZPOPMIN", f"{name} z {(k * 3) % 50}"), ("XADD", f"{name} x {k}", "*", "f", n),
            ("XTRIM", f"{name} x {k}", "MAXLEN", 30), ("DEL", f"{name} s {(k * 11) % 50}"), ("SET", f"{name} short {k}", n, "PX", 1 + n % 40), ("INCR", f"{name} n"),
            ("SETBIT", f"{name} bits", n, k % 2), ("PFADD", f"{name} hll {k % 3}", n), ("RENAME", f"{name} timed {k}", f"{name} renamed {k}"),
        ]  # fmt: skip


def digests(server, but=(), timed=False):
    """The digests of all values, by database and key; without some keys, and those that live shortly.

    Valkey's digest of deadlines of fields is its own, so hashes that may have some are shown by their fields."""
    found, run = {}, server.open()
    for db in range(16):
        run("SELECT", db)
        for key in sorted(run("KEYS", "*")):
            if key == b"h":
                found[db, key] = (sorted(run("HGETALL", key)), str(run("HPEXPIRETIME", key, "FIELDS", "2", "f", "g")) if timed else "")
            elif key not in but and b" short " not in key:
                found[db, key] = (run("DEBUG", "DIGEST-VALUE", key), run("PTTL", key) > 0)
    return found
