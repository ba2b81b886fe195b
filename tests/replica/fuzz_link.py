"""Hostile masters and hostile replicas for stores in this process: none may crash it, hang it, or leave the store broken.

    python -m tests.replica.fuzz_link [--seconds S] [--seed N]

Masters answer the greeting, PSYNC and REPLCONF with garbage, send mutants of snapshots and of streams, and close at any byte. Replicas send garbage
as arguments of REPLCONF, PSYNC and SYNC, and any command when they are replicas; they read, or do not. A store follows the masters and serves
the replicas at once, and both kinds of disorder meet. Every so often a good master comes: then the store must hold what that holds.
"""

import argparse
import random
import socket
import sys
import threading
import time

import kvd

from ..compat.wire import Wire
from ..persist.fuzz_load import Fuzzer
from ..waiting import eventually
from .node import write_lines
from .tap import Caller, Master, Tap, is_up, snapshot

FILE = snapshot(**{f"k{i}": "v" * i for i in range(200)})
ID = b"a" * 40
NUMBERS = [0, 1, -1, 2, 100, 101, 102, 2**31, -(2**31), 2**63 - 1, -(2**63), 2**63, 2**64, "", "x", "+1", "00", "1.5"]
COMMANDS = [
    ("MULTI",), ("EXEC",), ("DISCARD",), ("WATCH", "a"), ("SUBSCRIBE", "news"), ("PSUBSCRIBE", "*"), ("SSUBSCRIBE", "s"), ("MONITOR",), ("QUIT",), ("RESET",), ("HELLO", 3), ("HELLO", 2), ("SYNC",),
    ("PSYNC", "?", -1), ("PSYNC", ID, 1, "FAILOVER"), ("REPLCONF", "GETACK", "*"), ("REPLCONF", "ACK", 1), ("REPLCONF",), ("REPLCONF", "ack"), ("CLIENT", "REPLY", "OFF"), ("CLIENT", "REPLY", "SKIP"),
    ("CLIENT", "REPLY", "ON"), ("CLIENT", "TRACKING", "ON"), ("CLIENT", "NO-EVICT", "ON"), ("CLIENT", "KILL", "TYPE", "replica"), ("CLIENT", "KILL", "TYPE", "master"), ("CLIENT", "SETNAME", "x"),
    ("SELECT", 15), ("SELECT", 99999), ("SELECT", -1), ("FAILOVER",), ("FAILOVER", "ABORT"), ("WAIT", 1, 10), ("WAITAOF", 0, 1, 10), ("BLPOP", "none", 0), ("BLPOP", "none", 0.01), ("XREAD", "BLOCK", 0, "STREAMS", "x", "$"),
    ("PING",), ("ROLE",), ("INFO",), ("CLIENT", "LIST"), ("AUTH", "x"), ("CONFIG", "SET", "repl-backlog-size", 1), ("SWAPDB", 0, 1), ("FLUSHALL",), ("FLUSHALL", "ASYNC"), ("NOSUCH", "command"),
    ("EVAL", "return redis.call('SET', 'a', 1)", 0), ("EVAL", "error('x')", 0), ("FUNCTION", "FLUSH"), ("SPUBLISH", "s", 1), ("PUBLISH", "news", 1), ("EXPIRE", "k1", -1), ("RESTORE", "a", 0, "garbage"), ("",), ("REPLICAOF", "NO"),
]  # fmt: skip


def garbage(dice, most=300):
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(most))
    if kind == 1:
        return bytes([dice.choice(b"*$+-:\r\n0123456789 ")]) * dice.randrange(1, most)
    if kind == 2:
        return b"".join(dice.choice([b"*", b"$", b"\r\n", b"-1", b"3", b"99999999999", b"SET", b"a"]) for _ in range(dice.randrange(most // 8)))
    return b"$" * dice.choice([1, 60_000, 70_000])


def word(dice):
    return dice.choice([dice.choice(NUMBERS), garbage(dice, 60), ID, b"?", "x" * 300])


def mutated(dice, fuzzer, data, most=3):
    data = bytearray(data or b"x")
    for _ in range(dice.randrange(most)):
        fuzzer.change(data)
    return bytes(data)


def stream(dice):
    """Commands that a master sends, and some that it does not."""
    lines = write_lines(dice, dice.randrange(1, 80), True)
    lines += [("REPLCONF", "GETACK", "*"), *dice.sample(COMMANDS, 3)]
    dice.shuffle(lines)
    return b"".join(Wire.frame(words) for words in lines)


def tell(store, lines):
    """Errors are not of interest."""
    for words in lines:
        try:
            store.execute(*words)
        except kvd.KvdError:
            pass


class HostileMaster:
    """`serve` of a Master."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.fuzzer = Fuzzer([FILE], seed)

    def __call__(self, caller):
        dice = self.dice
        caller.socket.settimeout(3)
        if dice.random() < 0.1:
            return caller.send(garbage(dice))
        self.greet(caller)
        if dice.random() < 0.2:
            caller.send(b"\n" * dice.randrange(100))
        caller.send(self.answer())
        if dice.random() < 0.8:
            self.send_snapshot(caller)
        for _ in range(dice.randrange(5)):
            self.trickle(caller, mutated(dice, self.fuzzer, stream(dice), dice.choice([1, 1, 3])))
            if dice.random() < 0.3:
                time.sleep(0.01)
        return None

    def greet(self, caller):
        while caller.words()[0].upper() != b"PSYNC":
            caller.send(b"+OK\r\n" if self.dice.random() < 0.97 else garbage(self.dice) + b"\r\n")

    def answer(self):
        dice = self.dice
        id = dice.choice([ID, ID, b"b" * 40, dice.randbytes(40), b"a" * 39, b"a" * 41, b"a" * 5000, b""])
        if dice.random() < 0.8:
            return b"+FULLRESYNC %s %s\r\n" % (id, str(dice.choice([100, 100, 100, *NUMBERS])).encode())
        return dice.choice([b"+CONTINUE\r\n", b"+CONTINUE %s\r\n" % id, b"-NOMASTERLINK\r\n", b"-ERR x\r\n", garbage(dice)])

    def send_snapshot(self, caller):
        dice = self.dice
        data = FILE if dice.random() < 0.5 else FILE[:9] + mutated(dice, self.fuzzer, FILE[9:-8]) + bytes(8)
        mark = dice.randbytes(40).replace(b"\n", b"n").replace(b"\r", b"r")
        if dice.random() < 0.5:
            data = b"$EOF:%s\r\n%s%s" % (mark, data, mark if dice.random() < 0.9 else b"n" * 40)
        else:
            data = b"$%s\r\n%s" % (str(len(data) if dice.random() < 0.9 else dice.choice(NUMBERS)).encode(), data)
        if dice.random() < 0.1:
            data = data[: dice.randrange(len(data))]
        self.trickle(caller, data)

    def trickle(self, caller, data):
        """In pieces of any size."""
        while data:
            n = int(10 ** self.dice.uniform(0, 5)) if len(data) < 5000 else 4096
            caller.send(data[:n])
            data = data[n:]


class HostileReplicas(threading.Thread):
    """One after the other, until `over`."""

    def __init__(self, port, seed):
        super().__init__(daemon=True)
        self.port, self.dice, self.over, self.made = port, random.Random(seed), False, 0
        self.start()

    def run(self):
        while not self.over:
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as one:
                    one.settimeout(0.05)
                    self.talk(one)
            except OSError:
                pass
            self.made += 1

    def talk(self, one):
        dice = self.dice
        for _ in range(dice.randrange(1, 12)):
            one.sendall(self.said())
            if dice.random() < 0.5:
                self.read(one)
        if dice.random() < 0.3:
            one.shutdown(socket.SHUT_WR)
            self.read(one)

    @staticmethod
    def read(one):
        try:
            one.recv(200_000)
        except TimeoutError:
            pass

    def said(self):
        dice = self.dice
        kind = dice.randrange(8)
        if kind < 2:
            option = dice.choice(["listening-port", "ip-address", "capa", "version", "rdb-only", "rdb-filter-only", "ack", "getack", "rdb-channel", "x"])
            return Wire.frame(("REPLCONF", option, dice.choice(["eof", "psync2", "1", "9.1.0", "functions", word(dice)]), *dice.choice([(), ("fack", word(dice)), ("capa", "eof"), (word(dice),)])))
        if kind == 2:
            return Wire.frame(("PSYNC", dice.choice(["?", ID, word(dice)]), dice.choice([-1, *NUMBERS]), *dice.choice([(), (), (), ("FAILOVER",), (word(dice),)])))
        if kind == 3:
            return Wire.frame(("REPLCONF", "ACK", dice.choice(NUMBERS), *dice.choice([(), ("FACK", dice.choice(NUMBERS))])))
        if kind == 4:
            return dice.choice([Wire.frame(("PSYNC", "?", -1)), Wire.frame(("SYNC",)), b"SYNC\r\n", b"PSYNC ? -1\r\n"])
        if kind == 5:
            return b"".join(Wire.frame(words) for words in write_lines(dice, 5))
        if kind == 6 and dice.random() < 0.2:
            return garbage(dice)
        return Wire.frame(dice.choice(COMMANDS))


class Fuzz:
    """A served store that follows hostile masters, and has hostile replicas and one that is good."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.seed, self.masters, self.checks = seed, 0, 0

    def open(self):
        d = self.dice
        return kvd.Store(
            enable_debug_command="yes", repl_diskless_sync_delay=0, repl_timeout=2, lua_memory_limit="16mb", repl_backlog_size=d.choice([1, 50_000, 1_000_000]),
            repl_diskless_sync=d.choice(["yes", "no"]), repl_diskless_load=d.choice(["disabled", "swapdb", "on-empty-db", "flush-before-load"]),
            client_output_buffer_limit=d.choice(["replica 256mb 64mb 60", "replica 100kb 50kb 1"]),
        )  # fmt: skip

    def round(self, seconds):
        store, under = self.open(), self.open()
        with store.serve() as server, Master(self.counted(HostileMaster(self.dice.random()))) as master:
            under.replicate_from(f"redis://127.0.0.1:{server.port}")
            replicas = [HostileReplicas(server.port, self.dice.random()) for _ in range(2)]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self.step(store, master)
            for one in replicas:
                one.over = True
            for one in replicas:
                one.join(30)
                assert not one.is_alive(), "a connection hangs"
            self.examine(store, under)
        under.close()
        store.close()

    def counted(self, serve):
        def served(caller: Caller):
            self.masters += 1
            serve(caller)

        return served

    def step(self, store, master):
        """Master, replica, and what is asked meanwhile."""
        d = self.dice
        asked = [("INFO",), ("ROLE",), ("CLIENT", "LIST"), ("DBSIZE",), ("MEMORY", "STATS"), ("CONFIG", "SET", "repl-backlog-size", d.choice([1, 100_000])), ("WAIT", 1, 1)]
        lines = d.choice([[("REPLICAOF", "127.0.0.1", master.port)], [("REPLICAOF", "127.0.0.1", master.port)], [("REPLICAOF", "NO", "ONE")], write_lines(d, 30)])
        tell(store, [*lines, *d.sample(asked, 2)])
        time.sleep(d.choice([0.001, 0.02, 0.1]))

    def examine(self, store, under):
        """A good master: the store holds what that holds, and so does the store under it."""
        good = kvd.Store(enable_debug_command="yes", repl_diskless_sync_delay=0)
        tell(good, write_lines(self.dice, 200))
        tell(store, [("FAILOVER", "ABORT")])
        with good.serve() as server:
            store.execute("REPLICAOF", "127.0.0.1", server.port)
            for one in (store, under):
                eventually(lambda one=one: is_up(one) and one.execute("DEBUG", "DIGEST") == good.execute("DEBUG", "DIGEST"))
                assert one.execute("DEBUG", "CHECK") == b"OK"
            Tap(server.port).close()
        good.close()
        self.checks += 1


def main():
    arguments = argparse.ArgumentParser(description="Hostile masters and replicas.")
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    fuzz, end = Fuzz(given.seed), time.monotonic() + given.seconds
    while time.monotonic() < end:
        fuzz.round(5)
        print(f"{fuzz.masters} masters, {fuzz.checks} checks", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
