"""Chains and trees of servers of random kinds, under load and disturbed in every way: at the end all must hold the same.

    python -m tests.replica.chaos [--rounds N] [--seconds S] [--seed N] [--real PROGRAM] [--steps N]

A round starts two to four servers, at least one of them kvd, with random options; several connections write to them; links are cut,
processes stopped and killed, roles and options changed. Then every server is put in its place, and data, offsets and function
libraries must become equal. The plan of a round follows from its seed; when a write meets a disturbance does not, so that a failure
may need several runs. What went wrong is printed with the seed, the options and what was done; the folders of its servers are kept.

In an orderly round no server is killed and no write undone (FLUSHALL, promotion by force): then every write that was answered
must be there at the end, whoever is the master by then.
"""

import argparse
import collections
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback

from ..compat.wire import Wire
from ..conftest import REAL
from ..waiting import eventually
from .node import KVD, Line, Node, agree, is_up, write_lines
from .tap import Tap

HARMFUL = {"FLUSHALL", "FLUSHDB", "SWAPDB"}
WITNESS = "a counter that is never deleted"
COMMON = {
    "appendonly": ["yes", "no"], "appendfsync": ["always", "everysec", "no"], "repl-backlog-size": ["1", "20kb", "100kb", "1mb", "64mb"],
    "repl-diskless-sync": ["yes", "no"], "repl-diskless-load": ["disabled", "on-empty-db", "swapdb"], "repl-timeout": ["4", "60"],
    "client-output-buffer-limit": ["replica 256mb 64mb 60", "replica 200kb 100kb 1", "replica 2mb 0 0"],
    "maxmemory": ["0", "0", "30mb"], "maxmemory-policy": ["allkeys-random", "volatile-lru", "allkeys-lfu"],
}  # fmt: skip
OURS = {"repl-diskless-load": [*COMMON["repl-diskless-load"], "flush-before-load"]}
AT_START = {"io-threads": ["1", "2", "3"]}


def is_newer(program):
    """A release that knows deadlines of fields."""
    folder = os.environ.get("KVDDEV_SERVERS")
    return bool(folder) and program.startswith(folder)


def libraries(server):
    """Name to code."""
    found = [dict(zip(one[::2], one[1::2], strict=True)) for one in server("FUNCTION", "LIST", "WITHCODE")]
    return {one[b"library_name"]: one[b"library_code"] for one in found}


def deadlines(server, db, soon):
    """Of fields that live longer than until then, in ms: key to {field: deadline}."""
    server("SELECT", db)
    found = {}
    for key in server("KEYS", "h*"):
        fields = server("HKEYS", key)
        times = server("HPEXPIRETIME", key, "FIELDS", len(fields), *fields) if isinstance(fields, list) and fields else []
        timed = {field: ms for field, ms in zip(fields, times, strict=True) if ms > soon} if times else {}
        found.update({key: timed} if timed else {})
    return found


class Server(Node):
    """A node with a place: the server that it follows, and the line to that."""

    def __init__(self, program, options):
        self.above = self.line = None
        self.lock = threading.Lock()
        super().__init__(program, *(word for pair in options.items() for word in (f"--{pair[0]}", *pair[1].split(" "))))

    @property
    def ours(self):
        return self.program == KVD

    def told(self, *words):
        """One command by a connection of its own. None: it was not answered."""
        try:
            wire = Wire(("127.0.0.1", self.port))
        except OSError:
            return None
        try:
            return wire(*words)
        except OSError:
            return None
        finally:
            wire.close()

    def below(self, above):
        """Follows another server, through a line that can be cut."""
        if self.line is not None:
            self.line.close()
        self.above, self.line = above, Line(above.port)
        return self.told("REPLICAOF", "127.0.0.1", self.line.port)

    def first(self):
        if self.line is not None:
            self.line.close()
        self.above = self.line = None
        return self.told("REPLICAOF", "NO", "ONE")

    def restart(self):
        """As a master: its place is not in a file."""
        with self.lock:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.process.kill()
            self.process.wait()
            self.wire.close()
            self.start()


class Writer(threading.Thread):
    """A connection that writes what `lines()` makes, mostly to the master, now and then elsewhere."""

    def __init__(self, round, number):
        super().__init__(daemon=True)
        self.round, self.dice = round, random.Random(f"{round.seed} {number}")
        self.written = self.refused = 0
        self.start()

    def run(self):
        while not self.round.over:
            server = self.round.master if self.dice.random() < 0.9 else self.dice.choice(self.round.servers)
            try:
                self.write(server)
            except (OSError, ConnectionError):
                time.sleep(0.02)

    def write(self, server):
        wire = Wire(("127.0.0.1", server.port))
        try:
            for _ in range(self.dice.randrange(1, 40)):
                lines = self.lines()
                wire.send(b"".join(Wire.frame(words) for words in lines))
                for _ in lines:
                    self.refused += isinstance(wire.read(), Exception)
                self.written += len(lines)
                if self.round.over:
                    break
                time.sleep(self.dice.choice([0, 0, 0.001, 0.01]))
        finally:
            wire.close()

    def lines(self):
        lines = write_lines(self.dice, self.dice.randrange(1, 60), self.round.fields)
        if self.dice.random() < 0.1:
            lines += self.rare()
        if self.round.orderly:
            lines = [words for words in lines if words[0] not in HARMFUL]
        return lines

    def rare(self):
        """What is large, or changes everything."""
        d = self.dice
        library = f"#!lua name=l{d.randrange(4)}\nredis.register_function('f{d.randrange(4)}', function(k) return redis.call('INCR', k[1]) end)"
        size = d.choice([20_000, 200_000, 1_500_000])
        return d.choice([
            [("SET", f"s{d.choice('abcdefgh')}1", "L" * size)], [("APPEND", "sa1", "M" * size)], [("RPUSH", "la1", "N" * size, "x" * 70_000)], [("LTRIM", "la1", -3, -1)],
            [("HSET", "ha1", f"f{d.randrange(200)}", "O" * size)], [("SETRANGE", "sb1", d.randrange(size), "p" * 1000)],
            [("EVAL", "for i = 1, 300 do redis.call('SET', 'k' .. i, string.rep(ARGV[1], i)) redis.call('SADD', 'tmany', i * ARGV[1]) end", 0, d.randrange(99))],
            [("MULTI",), *[("RPUSH", "lmulti", "q" * d.randrange(3000)) for _ in range(50)], ("EXEC",), ("DEL", "lmulti")],
            [("FLUSHALL",)], [("FLUSHDB",)], [("SWAPDB", 0, d.randrange(1, 4))], [("FUNCTION", "LOAD", "REPLACE", library)], [("FUNCTION", "DELETE", "l1")], [("FUNCTION", "FLUSH")],
            [("FCALL", f"f{d.randrange(4)}", 1, "na1")], [("MULTI",), ("FLUSHDB",), ("SET", "sa1", 1), ("SELECT", 1), ("SET", "sa1", 2), ("EXEC",)],
            [("DEL", "sa1", "la1", "ha1", "sb1")], [("XADD", "xa1", "*", "f", "v" * 9000)], [("BLPOP", "lnone", "0.05")],
            [("WAIT", 1, 30)], [("SCRIPT", "FLUSH")], [("EVAL", "redis.call('SELECT', 3) return redis.call('INCR', 'nscript')", 0)],
        ])  # fmt: skip


class Witness(threading.Thread):
    """Counts what the master has answered, in a database that is not swapped and not flushed."""

    def __init__(self, round):
        super().__init__(daemon=True)
        self.round, self.answered = round, 0
        self.start()

    def run(self):
        while not self.round.over:
            reply = self.round.master.told("EVAL", "redis.call('SELECT', 9) return redis.call('INCR', KEYS[1])", 1, WITNESS)
            if isinstance(reply, int):
                self.answered = max(self.answered, reply)
            time.sleep(0.01)


class Round:
    """`servers`, of which `master` is the one that has no other above it; `done` is what has happened to them."""

    def __init__(self, seed, real=None, steps=8):
        self.seed, self.steps = seed, steps
        self.dice = random.Random(seed)
        self.over, self.done, self.servers = False, [], []
        self.orderly = self.dice.random() < 0.3
        self.real = real or self.dice.choice([KVD, *[one.values[0] for one in REAL]])
        kinds = self.kinds()
        timed = kinds == [KVD] * len(kinds) or (is_newer(self.real) and self.dice.random() < 0.5)
        self.fields = (1, 40, 100_000) if timed else ()
        for kind in kinds:
            self.servers.append(Server(kind, self.options(kind)))
        self.master = self.servers[0]
        self.edges = collections.Counter()

    def kinds(self):
        """At least one kvd, and one of the other."""
        n = self.dice.choice([2, 2, 3, 3, 4])
        kinds = [self.dice.choice([KVD, self.real]) for _ in range(n)]
        if len(set(kinds)) == 1:
            kinds[self.dice.randrange(n)] = KVD if kinds[0] != KVD else self.real
        return kinds

    def choices(self, program):
        choices = COMMON | (OURS if program == KVD else {})
        return choices | ({"maxmemory": ["0"]} if self.orderly else {})

    def options(self, program):
        choices = self.choices(program)
        picked = {name: self.dice.choice(values) for name, values in choices.items() if self.dice.random() < 0.6}
        return picked | ({name: self.dice.choice(values) for name, values in AT_START.items()} if program == KVD else {})

    def note(self, what):
        self.done.append(f"{time.strftime('%H:%M:%S')} {what}")

    def name(self, server):
        return f"{self.servers.index(server)}:{'kvd' if server.ours else server.program}:{server.port}"

    # ---- places

    def place(self, server, above):
        """Notes the pair of kinds."""
        self.edges[f"{above.program} > {server.program}"] += 1
        return server.below(above)

    def build(self):
        """A tree: each follows one before it."""
        for i, server in enumerate(self.servers[1:], 1):
            self.place(server, self.servers[self.dice.randrange(i)])

    def is_under(self, server, root):
        while server is not None:
            if server is root:
                return True
            server = server.above
        return False

    # ---- disturbances

    def disturb(self):
        d = self.dice
        kinds = [self.cut, self.cut, self.cut_later, self.cut_later, self.pause, self.kill_client, self.kill_client, self.move, self.failover, self.failover, self.configure, self.configure,
                 self.save, self.reload, self.sleep, self.slow_replica, self.again]  # fmt: skip
        if not self.orderly:
            kinds += [self.kill, self.kill, self.shut_down, self.promote, self.promote, self.split]
        d.choice(kinds)(d.choice(self.servers))

    def cut(self, server):
        if server.line:
            self.note(f"cut above {self.name(server)}")
            server.line.cut()

    def cut_later(self, server):
        if server.line:
            after = int(10 ** self.dice.uniform(0, 6))
            self.note(f"cut above {self.name(server)} after {after} bytes")
            server.line.cut(after=after)

    def pause(self, server):
        seconds = self.dice.choice([0.05, 0.3, 1.5, 5.0])
        self.note(f"stopped {self.name(server)} for {seconds} s")
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        server.process.send_signal(signal.SIGCONT)

    def kill_client(self, server):
        kind = self.dice.choice(["replica", "master", "normal"])
        self.note(f"CLIENT KILL TYPE {kind} at {self.name(server)}: {server.told('CLIENT', 'KILL', 'TYPE', kind)}")

    def again(self, server):
        """The same master again, by another line."""
        if server.above:
            self.note(f"{self.name(server)} again: {self.place(server, server.above)}")

    def move(self, server):
        others = [one for one in self.servers if not self.is_under(one, server)]
        if server is not self.master and others:
            above = self.dice.choice(others)
            self.note(f"{self.name(server)} below {self.name(above)}: {self.place(server, above)}")

    def promote(self, server):
        """The former master follows it after a while in which both are written to."""
        if server is self.master:
            return
        former = self.master
        self.note(f"promoted {self.name(server)}: {server.first()}")
        self.master = server
        time.sleep(self.dice.choice([0, 0, 0.1, 0.5]))
        self.note(f"{self.name(former)} below {self.name(server)}: {self.place(former, server)}")

    def split(self, server):
        """A replica that was a master for a while comes back."""
        if server is not self.master:
            above = server.above
            self.note(f"{self.name(server)} alone: {server.first()}")
            time.sleep(self.dice.choice([0, 0, 0.1]))
            self.note(f"{self.name(server)} back: {self.place(server, above)}")

    def failover(self, _):
        """Of the master, to one that follows it directly."""
        former, direct = self.master, [one for one in self.servers if one.above is self.master]
        if not direct:
            return
        heir = self.dice.choice(direct)
        words = ["TO", "127.0.0.1", heir.port] if len(direct) > 1 or self.dice.random() < 0.5 else []
        words += ["TIMEOUT", self.dice.choice([20, 1000, 5000])] if words or self.dice.random() < 0.8 else []
        if words[:1] == ["TO"] and not self.orderly and self.dice.random() < 0.3:
            words.append("FORCE")
        self.note(f"FAILOVER {words} at {self.name(former)}: {former.told('FAILOVER', *words)}")
        if self.dice.random() < 0.2:
            time.sleep(self.dice.choice([0, 0.01, 0.1]))
            self.note(f"ABORT: {former.told('FAILOVER', 'ABORT')}")
        self.take_roles(former, direct)

    def take_roles(self, former, direct):
        """Who is the master now?"""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            info = former.told("INFO", "replication")
            if isinstance(info, bytes) and b"master_failover_state:no-failover" in info:
                break
            time.sleep(0.02)
        else:
            self.note(f"failover does not end: {former.told('FAILOVER', 'ABORT')}")
        role = former.told("ROLE")
        if not (isinstance(role, list) and role[0] == b"slave"):
            return
        heirs = [one for one in direct if one.port == role[2] or (one.line and one.line.port == role[2])]
        if heirs:
            self.note(f"{self.name(heirs[0])} is the master now")
            if heirs[0].line:
                heirs[0].line.close()
            heirs[0].above = heirs[0].line = None
            former.above, self.master = heirs[0], heirs[0]
            self.edges[f"{heirs[0].program} > {former.program}"] += 1

    def configure(self, server):
        name, values = self.dice.choice(list(self.choices(server.program).items()))
        value = self.dice.choice(values)
        self.note(f"{self.name(server)} {name} {value}: {server.told('CONFIG', 'SET', name, value)}")

    def save(self, server):
        word = self.dice.choice(["BGSAVE", "BGREWRITEAOF", "SAVE"])
        self.note(f"{word} at {self.name(server)}: {server.told(word)}")

    def reload(self, server):
        """A real master drops, as it loads, what has expired, and does not tell."""
        if server.ours:
            self.note(f"DEBUG RELOAD at {self.name(server)}: {server.told('DEBUG', 'RELOAD')}")

    def sleep(self, server):
        seconds = self.dice.choice(["0.05", "0.5", "1.5"])
        self.note(f"DEBUG SLEEP {seconds} at {self.name(server)}: {server.told('DEBUG', 'SLEEP', seconds)}")

    def slow_replica(self, server):
        """It asks for everything, and does not read."""
        self.note(f"a replica of {self.name(server)} that does not read")
        try:
            tap = Tap.unread(server.port)
        except OSError:
            return
        time.sleep(self.dice.choice([0, 0.3, 2]))
        tap.close()

    def kill(self, server):
        self.note(f"kill -9 {self.name(server)}")
        self.restarted(server)

    def shut_down(self, server):
        how = self.dice.choice(["SAVE", "NOSAVE"])
        self.note(f"SHUTDOWN {how} {self.name(server)}: {server.told('SHUTDOWN', how, 'NOW')}")
        try:
            server.process.wait(20)
        except Exception:
            self.note("it does not end")
        self.restarted(server)

    def restarted(self, server):
        time.sleep(self.dice.choice([0, 0, 0.3]))
        server.restart()
        if server.above:
            self.note(f"back below {self.name(server.above)}: {self.place(server, server.above)}")

    # ---- the end

    def heal(self):
        """Every server in its place."""
        for server in self.servers:
            assert server.process.poll() is None, f"{self.name(server)} has ended: {server.process.poll()}"
            server.wire.close()
            server.wire = Wire(("127.0.0.1", server.port))
            server("CONFIG", "SET", "client-output-buffer-limit", "replica 256mb 64mb 60")
            server("CONFIG", "SET", "repl-ping-replica-period", "1000")       # offsets stand still
            server("CONFIG", "SET", "repl-timeout", "2000")
            if b"no-failover" not in server("INFO", "replication"):
                server("FAILOVER", "ABORT")
        for server in self.servers:
            wanted = b"master" if server is self.master else b"slave"
            if server("ROLE")[0] != wanted:
                self.note(f"{self.name(server)} has to become {wanted}")
                server.first() if server is self.master else self.place(server, server.above)

    def differences(self):
        """Keys whose values differ from the master's, with what each server says of them."""
        found = []
        for db in range(16):
            for server in self.servers:
                server("SELECT", db)
            keys = sorted({key for server in self.servers for key in server("KEYS", "*")})
            for key in keys:
                digests = [server("DEBUG", "DIGEST-VALUE", key) for server in self.servers]
                if any(one != digests[0] for one in digests):
                    found.append((db, key, digests, [(server("TYPE", key), server("PTTL", key), server("HGETALL", key), (server("DUMP", key) or b"")[:200]) for server in self.servers]))
        return found[:5]

    def end_field_deadlines(self):
        """Valkey's digests do not tell of them, Redis's do: they are compared here, and ended."""
        last = self.master.number("master_repl_offset")
        others = [one for one in self.servers if one is not self.master]
        eventually(lambda: all(is_up(one) and one.number("slave_repl_offset") >= last for one in others))
        soon = 1000 * (time.time() + 20)
        for db in range(4):
            found = [deadlines(server, db, soon) for server in self.servers]
            assert all(one == found[0] for one in found), found
            for key, fields in found[0].items():
                self.master("HPERSIST", key, "FIELDS", len(fields), *fields)

    def examine(self):
        if self.fields:
            self.end_field_deadlines()
        agree(*sorted(self.servers, key=lambda one: one is not self.master))
        found = [libraries(server) for server in self.servers]
        assert all(one == found[0] for one in found), found
        for server in self.servers:
            assert not server.ours or (checked := server("DEBUG", "CHECK")) == b"OK", f"{self.name(server)}: {checked}"
            assert not server.ours or "== CRITICAL ==" not in server.said(), f"{self.name(server)} could not apply"

    def run(self):
        """Raises what was wrong."""
        self.build()
        writers = [Writer(self, i) for i in range(self.dice.randrange(1, 4))]
        witness = Witness(self) if self.orderly else None
        for _ in range(self.dice.randrange(1, self.steps)):
            time.sleep(self.dice.choice([0, 0.05, 0.3, 1]))
            self.disturb()
        self.over = True
        for thread in [*writers, *([witness] if witness else [])]:
            thread.join(60)
            assert not thread.is_alive(), "a connection hangs"
        self.written = sum(one.written for one in writers)
        self.heal()
        self.examine()
        if witness:
            found = self.master("EVAL", "redis.call('SELECT', 9) return redis.call('GET', KEYS[1])", 1, WITNESS)
            assert int(found or 0) >= witness.answered, f"lost: {witness.answered} were answered, {found} are there"

    def stop(self, keeps):
        for server in self.servers:
            if server.line:
                server.line.close()
            if server.process.poll() is None:
                server.kill()
            if not keeps:
                shutil.rmtree(server.folder, ignore_errors=True)

    def tell(self):
        print(f"==== seed {self.seed} fields={self.fields} orderly={self.orderly}")
        for server in self.servers:
            print(f"  {self.name(server)} pid={server.process.pid} ended={server.process.poll()} {server.folder} {' '.join(server.options)} below {server.above and self.name(server.above)}")
        print("\n".join(f"  {line}" for line in self.done), flush=True)


def tell_differences(found):
    try:
        for one in found.differences():
            print(f"  differs: {one}")
    except Exception as error:
        print(f"  no differences can be found out: {error!r}")


def run_round(seed, real, steps, edges):
    """False: something was wrong."""
    found = Round(seed, real, steps)
    failed = True
    try:
        found.run()
        failed = False
        edges.update(found.edges)
    except Exception:
        found.over = True
        found.tell()
        tell_differences(found)
        traceback.print_exc(file=sys.stdout)
    finally:
        found.stop(failed)
    return not failed


def main():
    arguments = argparse.ArgumentParser(description="Disturb servers that replicate each other.")
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--seconds", type=float)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--real", help="the kind beside kvd: a program, or kvd")
    arguments.add_argument("--steps", type=int, default=8)
    given = arguments.parse_args()
    begun, edges, rounds, failures = time.monotonic(), collections.Counter(), 0, 0
    while (given.rounds is None or rounds < given.rounds) and (given.seconds is None or time.monotonic() - begun < given.seconds):
        failures += not run_round(given.seed + rounds, given.real, given.steps, edges)
        rounds += 1
        print(f"{rounds} rounds, {failures} failed, {time.monotonic() - begun:.0f} s", flush=True)
    for edge, n in sorted(edges.items()):
        print(f"{n:6} {edge}")
    return failures != 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONFAULTHANDLER", "1")
    sys.exit(main())
