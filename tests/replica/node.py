"""Servers that replicate each other, the line between them, and what is written to them."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from ..compat.wire import Wire, free_port, programs
from ..waiting import eventually

KVD = "kvd"
DEBUG = ("--enable-debug-command", "yes")
OPTIONS = ("--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--bind", "127.0.0.1")


class Node:
    """A server process: `kvd`, or the path of a real server. Calls are commands; error replies are returned."""

    def __init__(self, program=KVD, *options):
        self.program, self.options = program, options
        self.folder = tempfile.mkdtemp(prefix="kvd-replica-")
        self.port = free_port()
        self.process = self.wire = None
        self.start()

    def start(self):
        command = [sys.executable, "-m", "kvd", "serve"] if self.program == KVD else [self.program]
        with Path(self.folder, "out").open("ab") as out:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), "--dir", self.folder, "--logfile", f"{self.folder}/log", *OPTIONS,
                 *(() if self.program.endswith("6.2") else DEBUG), *self.options],
                stdout=out, stderr=subprocess.STDOUT, env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD" or self.program == KVD},
            )  # fmt: skip
        self.wire = eventually(self.connected)
        info = self.info("server")
        self.valkey = "valkey_version" in info
        self.release = (99, 0) if self.program == KVD else tuple(map(int, info["valkey_version" if self.valkey else "redis_version"].split(".")[:2]))

    def connected(self):
        assert self.process.poll() is None, self.said()
        try:
            wire = Wire(("127.0.0.1", self.port))
        except OSError:
            return None
        if isinstance(wire("PING"), Exception):
            wire.close()
            return None
        return wire

    def __call__(self, *words):
        return self.wire(*words)

    def pipeline(self, lines):
        """Replies to all of them."""
        self.wire.send(b"".join(Wire.frame(words) for words in lines))
        return [self.wire.read() for _ in lines]

    def info(self, section="replication"):
        text = self("INFO", section)
        assert isinstance(text, bytes), text
        return dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)

    def number(self, field, section="replication"):
        return int(self.info(section)[field])

    def digest(self):
        return self("DEBUG", "DIGEST")

    def said(self):
        path = Path(self.folder, "log")
        return path.read_text(errors="replace") if path.exists() else ""

    def follow(self, port):
        reply = self("REPLICAOF", "127.0.0.1", port)
        while str(reply).startswith("LOADING"):
            reply = self("REPLICAOF", "127.0.0.1", port)
        assert reply in (b"OK", b"OK Already connected to specified master", "OK"), reply

    def lead(self):
        reply = self("REPLICAOF", "NO", "ONE")
        while str(reply).startswith("LOADING"):       # of a snapshot of the master
            reply = self("REPLICAOF", "NO", "ONE")
        assert reply in (b"OK", "OK"), reply

    def kill(self):
        self.wire.close()
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop()


def is_up(replica):
    return replica.info().get("master_link_status") == "up"


def agree(master, *replicas):
    """Waits until the replicas are where the master is: offset, and digest."""

    def same():
        offset = master.number("master_repl_offset")
        if not all(is_up(one) and one.number("slave_repl_offset") == offset for one in replicas):
            return False
        found = master.digest()
        return all(one.digest() == found for one in replicas) and master.number("master_repl_offset") == offset

    try:
        eventually(same)
    except AssertionError:
        told = "\n".join(f"{one.program} {one.port} {one.digest()} {one('DBSIZE')} {one.info()}\n{one.said()[-1200:]}" for one in (master, *replicas))
        raise AssertionError(f"they differ:\n{told}") from None


class Line:
    """A line to a port, which can be cut: at once, or after so many bytes from the master."""

    def __init__(self, port):
        self.target, self.after, self.pairs = port, None, []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self.pairs.append((near, far))
            threading.Thread(target=self.pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, True), daemon=True).start()

    def pump(self, source, sink, counts):
        try:
            while True:
                data, ends = self.shortened(source.recv(4096)) if counts else (source.recv(4096), False)
                if data:
                    sink.sendall(data)
                if not data or ends:
                    break
        except OSError:
            pass
        for one in (source, sink):
            one.close() if one.fileno() < 0 else self.shut(one)

    def shortened(self, data):
        """What of it still passes, and whether the line is cut behind that."""
        with self.lock:
            if self.after is None or not data:
                return data, False
            if len(data) < self.after:
                self.after -= len(data)
                return data, False
            data, self.after = data[: self.after], None
            return data, True

    @staticmethod
    def shut(one):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def cut(self, after=None):
        """after: bytes from the master that still pass."""
        with self.lock:
            self.after = after
        if after is None:
            for pair in self.pairs:
                for one in pair:
                    self.shut(one)
            self.pairs = []

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)       # accept ends; close alone leaves it waiting
        self.listener.close()
        self.cut()


# ---- what is written -----------------------------------------------------------------------------------

SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1], 'x') redis.call('LTRIM', KEYS[2], 0, 20) return redis.call('INCR', KEYS[3])"
LIBRARY = "#!lua name=lib{0}\nredis.register_function('twice{0}', function(keys, args) redis.call('INCR', keys[1]) return redis.call('APPEND', keys[2], args[1]) end)"


def write_lines(dice: random.Random, n, field_deadlines=()):
    """n commands of all types, whose effect does not depend on the server. Some keys expire at once. field_deadlines: milliseconds to choose from."""
    made: list[tuple[Any, ...]] = []
    while len(made) < n:
        k, v = f"{dice.choice('abcdefgh')}{dice.randrange(12)}", dice.randrange(1000)
        kinds: list[Any] = [
            [("SET", "s" + k, "v" * dice.randrange(200), *dice.choice([(), ("PX", dice.randrange(1, 50)), ("EX", 10000), ("NX",)]))],
            [("INCRBY", "n" + k, v)], [("APPEND", "s" + k, v)], [("SETRANGE", "s" + k, dice.randrange(60), v)],
            [("INCRBYFLOAT", "f" + k, v / 4)], [("GETDEL", "s" + k)], [("GETEX", "s" + k, "PX", dice.randrange(1, 3000))],
            [(dice.choice(["LPUSH", "RPUSH"]), "l" + k, *range(dice.randrange(1, 9)))], [("LPOP", "l" + k, dice.randrange(1, 4))],
            [("LMOVE", "l" + k, "l" + dice.choice("abc"), "LEFT", "RIGHT")], [("BLPOP", "l" + k, "ln", "0.002")], [("LTRIM", "l" + k, 0, 40)],
            [("SADD", "t" + k, *[dice.randrange(400) for _ in range(dice.randrange(1, 30))])], [("SPOP", "t" + k, dice.randrange(1, 5))],
            [("SADD", "t" + k, f"word {v}")], [("SUNIONSTORE", "t" + k, "ta1", "tb1")], [("SREM", "t" + k, v)],
            [("HSET", "h" + k, *[w for i in range(dice.randrange(1, 20)) for w in (f"f{dice.randrange(200)}", i)])], [("HDEL", "h" + k, f"f{v % 200}")],
            [("HINCRBY", "h" + k, "count", v)], [("ZADD", "z" + k, *[w for i in range(dice.randrange(1, 20)) for w in (dice.randrange(400) / 4, f"m{i * 7 % 50}")])],
            [("ZINCRBY", "z" + k, v / 4, f"m{v % 50}")], [("ZPOPMIN", "z" + k, 2)], [("ZREMRANGEBYRANK", "z" + k, 0, 1)],
            [("XADD", "x" + k, "MAXLEN", "50", "*", "f", v)], [("XGROUP", "CREATE", "x" + k, "g", "$", "MKSTREAM")],
            [("XREADGROUP", "GROUP", "g", f"c{v % 3}", "COUNT", 3, "STREAMS", "x" + k, ">")], [("XTRIM", "x" + k, "MAXLEN", "20")],
            [("PFADD", "p" + k, v)], [("SETBIT", "b" + k, v, 1)], [("GEOADD", "g" + k, v / 10, v / 20, f"m{v % 9}")],
            [("EXPIRE", dice.choice("slthz") + k, dice.choice([-1, 1, 5000]))], [("PERSIST", "s" + k)], [("PEXPIRE", "h" + k, v)],
            [("RENAME", "s" + k, "s" + dice.choice("abc") + "0")], [("COPY", "h" + k, "hcopy", "REPLACE")], [("DEL", dice.choice("slthzx") + k)],
            [("MOVE", "s" + k, 2)], [("EVAL", SCRIPT, 3, "s" + k, "l" + k, "n" + k, v)], [("SORT", "t" + k, "ALPHA", "STORE", "lsorted")],
            [("MULTI",), ("SET", "s" + k, v), ("INCR", "n" + k), ("SADD", "t" + k, v), ("EXEC",)], [("SELECT", dice.randrange(4))],
            [("MULTI",), ("SPOP", "t" + k), ("SELECT", dice.randrange(4)), ("ZADD", "z" + k, "1", "m"), ("EXEC",)], [("PUBLISH", "news", v)],
            [("BITOP", "NOT", "b" + k, "b" + k)], [("LINSERT", "l" + k, "BEFORE", "1", v)], [("SMOVE", "t" + k, "tmoved", v)],
        ]  # fmt: skip
        if v == 7:
            kinds = [[(dice.choice(["FLUSHDB", "FLUSHALL"]),)], [("SWAPDB", 0, 2)], [("FUNCTION", "LOAD", "REPLACE", LIBRARY.format(v % 3))]]
        if field_deadlines and v % 9 == 0:
            kinds = [[("HPEXPIRE", "h" + k, dice.choice(field_deadlines), "FIELDS", 2, "f1", f"f{v % 200}")]]
        made += dice.choice(kinds)
    return made


def all_programs():
    return [KVD, *programs()]
