"""`kvd serve` in a folder, and work of every type to find again after a restart."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ..compat.wire import Wire, free_port
from ..waiting import eventually

LIBRARY = "#!lua name=lib\nredis.register_function('seven', function() return 7 end)"
LOG = ("--appendonly", "yes", "--save", "")    # options of a server that has a log, and no snapshots
FAR = 4_000_000_000_000           # a deadline that no test reaches


class Served:
    """A server process; calls are commands. It is killed at the end of its `with`. loads: it is not waited for until it has loaded."""

    def __init__(self, folder, *options, loads=False):
        self.log = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115  until the process has ended
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kvd", "serve", "--dir", str(folder), "--enable-debug-command", "yes", *options, "--port", str(self.port), "--bind", "127.0.0.1"],
            stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.ready = "Server initialized" if loads else "Ready to accept connections"
        eventually(lambda: self.ready in self.said() or self.process.poll() is not None)
        self.wire = self.open() if self.process.poll() is None else None

    def open(self):
        return Wire(("127.0.0.1", self.port))

    def __call__(self, *words):
        return self.wire(*words)

    def said(self):
        """What it has logged."""
        return Path(self.log.name).read_text()

    def digest(self):
        return self("DEBUG", "DIGEST")

    def info(self, field):
        return info_of(self, field)

    def ended(self):
        """The exit code, when it has ended."""
        eventually(lambda: self.process.poll() is not None)
        return self.process.returncode

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.ended()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.wire is not None:
            self.wire.close()


def info_of(run, field, section="persistence"):
    """A field of INFO, as text."""
    return dict(line.split(":", 1) for line in run("INFO", section).decode().splitlines() if ":" in line)[field]


def lines(plain=True):
    """Commands that make keys of every type and encoding. plain: without what only the newest servers can load.

    Scores are binary fractions, of which all servers make the same digest."""
    yield from [
        ("SET", "s", "v"), ("SET", "n", "12345"), ("SET", "long", "x" * 3000), ("SET", "bytes", bytes(range(256))), ("SET", "timed", "v", "PXAT", FAR),
        ("INCRBYFLOAT", "n", "0.25"), ("APPEND", "s", "w"), ("SETRANGE", "s", "5", "y"), ("SET", "dropped", "v"), ("DEL", "dropped"),
        ("RPUSH", "l", "a", "1", "b"), ("LPUSH", "l", "z"), ("RPUSH", "many l", *range(500)), ("LTRIM", "many l", "3", "400"),
        ("SADD", "ints", "1", "2", "300000"), ("SADD", "words", "a", "b"), ("SADD", "many words", *[f"m{i}" for i in range(300)]), ("SPOP", "many words", "3"),
        ("HSET", "h", "f", "1", "g", "2"), ("HINCRBY", "h", "f", "4"), ("HSET", "many h", *range(600)), ("HDEL", "many h", "0", "2"),
        ("ZADD", "z", "1.5", "a", "-inf", "b"), ("ZADD", "many z", *[w for i in range(300) for w in (i / 4, f"m{i}")]), ("ZINCRBY", "z", "0.25", "a"),
        *[("XADD", "x", f"{i}-1", "f", i, "g", "v" * i) for i in range(1, 200)], ("XDEL", "x", "5-1"), ("XTRIM", "x", "MAXLEN", "150"), ("XGROUP", "CREATE", "x", "g", "60-1"),
        ("PFADD", "hll", *range(100)), ("GEOADD", "geo", "13.3", "38.1", "p"), ("EXPIRE", "l", "1000000"), ("PERSIST", "l"), ("PEXPIREAT", "z", FAR),
        ("RENAME", "words", "renamed"), ("COPY", "s", "copied"),
        ("EVAL", "redis.call('set', KEYS[1], 'x') redis.call('rpush', KEYS[2], 'a', 'b')", "2", "by script", "list by script"),
        ("MULTI",), ("SET", "in multi", "1"), ("INCR", "in multi"), ("EXEC",),
        ("SELECT", "3"), ("SET", "s", "of 3"), ("MOVE", "s", "5"), ("SET", "t", "of 3"), ("SELECT", "0"),
    ]  # fmt: skip
    if not plain:
        yield from [("HPEXPIREAT", "h", FAR, "FIELDS", "1", "f"), ("XREADGROUP", "GROUP", "g", "alice", "COUNT", "7", "STREAMS", "x", ">"), ("FUNCTION", "LOAD", LIBRARY)]


def fill(run, plain=True):
    """Runs them. Errors fail the test."""
    for words in lines(plain):
        reply = run(*words)
        assert not isinstance(reply, Exception), (words, reply)


def restarted(folder, digest, *options):
    """A server with a log that starts there has these data."""
    with Served(folder, *LOG, *options) as server:
        assert server.digest() == digest
        assert server("FCALL", "seven", "0") == 7


def files(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)


def increment(folder):
    """The path of the last increment that the manifest names."""
    text = (folder / "appendonlydir" / "appendonly.aof.manifest").read_text()
    return folder / "appendonlydir" / re.findall(r"file (\S+incr\S+)", text)[-1]


def log_of_two_keys(folder):
    """The increment of a server that has stopped, and its bytes."""
    with Served(folder, *LOG) as server:
        server("SET", "a", "1")
        server("SET", "b", "1")
        server.stop()
    return increment(folder), increment(folder).read_bytes()


def rewrite(run):
    """Rewrites the log of a server, or of a wire to one."""
    before = info_of(run, "aof_rewrites")
    run("BGREWRITEAOF")
    eventually(lambda: info_of(run, "aof_rewrite_in_progress") == "0" and info_of(run, "aof_rewrites") != before)
