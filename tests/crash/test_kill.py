"""SIGKILL at random moments of a store under load: what was acknowledged is there, on the same files again and again."""

import random
import time

import pytest

import kvd

from ..compat.wire import Wire, loaded
from .conftest import CRASHES
from .workload import Model, step

ROUNDS = 10                            # kills on the same files, after which new ones are begun
SHARES = {"library-normal": 0.25, "library-full": 0.2, "library-off": 0.15, "server-everysec": 0.2, "server-always": 0.2}
PIPELINE = 8


def kills(kind):
    return [pytest.param(seed, id=f"seed{seed}") for seed in range(max(round(CRASHES * SHARES[kind] / ROUNDS), 1))]


class Library:
    """Rounds of a worker that uses a store in a file. Known of the file: it holds between `least` and `most` steps."""

    def __init__(self, workers, folder, synchronous, seed):
        self.workers, self.synchronous = workers, synchronous
        self.dice = random.Random(seed)
        self.model = Model(seed)
        self.least = self.most = 0
        self.job = {"kind": "library", "path": f"{folder}/app.kvd", "folder": str(folder), "synchronous": synchronous, "seed": seed}

    def round(self):
        pid = self.workers.start(**self.job)
        if self.dice.random() < 0.1:               # while it loads
            time.sleep(self.dice.random() * 0.02)
            self.end(pid)
            return
        wanted = self.dice.randrange(150)
        heard = 0
        while heard < wanted or wanted == 0:
            line = self.workers.line(60)
            assert line is not None, "the worker hangs"
            self.hear(*line)
            heard += 1
            if wanted == 0:
                break
        time.sleep(self.dice.choice([0, 0, self.dice.random() * 0.004]))
        self.end(pid)

    def end(self, pid):
        self.workers.kill(pid)
        for kind, rest in self.workers.lines():
            self.hear(kind, rest)
        assert rest == "-9"

    def hear(self, kind, rest):
        assert kind not in ("bad", "x"), rest
        if kind == "d":
            self.loaded(rest.encode())
        elif kind == "a":
            self.most = int(rest) + 1              # the next one may have been executed
            if self.synchronous != "off":
                self.least = int(rest)
        elif kind == "s":
            self.least = int(rest)

    def loaded(self, digest):
        n = self.model.match(digest, self.least, self.most)
        assert n is not None, f"neither of the states after {self.least} to {self.most} steps"
        self.least, self.most = n, n + 1
        self.workers.tell(f"go {n}")

    def finish(self):
        """The file is whole at the end, too."""
        with kvd.Store(self.job["path"], enable_debug_command="yes") as store:
            assert store.execute("DEBUG", "CHECK") == b"OK"
            assert self.model.match(store.execute("DEBUG", "DIGEST"), self.least, self.most) is not None


@pytest.mark.parametrize("synchronous, seed", [(s, *p.values) for s in ("normal", "full", "off") for p in kills(f"library-{s}")])
def test_a_killed_library_store_loses_nothing_acknowledged(workers, tmp_path, synchronous, seed):
    library = Library(workers, tmp_path, synchronous, seed * 3 + len(synchronous))
    for _ in range(ROUNDS):
        library.round()
    library.finish()


class Served:
    """Rounds of `kvd serve` and a client that sends steps in pipelines."""

    def __init__(self, workers, folder, policy, seed):
        self.workers = workers
        self.dice = random.Random(seed)
        self.seed = seed
        self.model = Model(seed)
        self.least = self.most = 0
        self.job = {"kind": "server", "socket": f"{folder}/s", "folder": str(folder), "appendfsync": policy}

    def connect(self):
        until = time.monotonic() + 60
        while True:
            try:
                return loaded(Wire(self.job["socket"]))
            except (FileNotFoundError, ConnectionRefusedError):
                line = self.workers.line(0.002)
                assert line is None, f"the server does not start: {line}; see {self.workers.log}"
                assert time.monotonic() < until

    def round(self):
        pid = self.workers.start(**self.job)
        if self.dice.random() < 0.1:
            time.sleep(self.dice.random() * 0.1)
            self.end(pid)
            return
        wire = self.connect()
        assert wire("DEBUG", "CHECK") == b"OK"
        n = self.model.match(wire("DEBUG", "DIGEST"), self.least, self.most)
        assert n is not None, f"neither of the states after {self.least} to {self.most} steps"
        self.least = self.most = n
        wanted = n + self.dice.randrange(150)
        while self.most < wanted:
            self.send(wire)
        if self.dice.random() < 0.5:               # with commands on their way
            self.send_only(wire)
            time.sleep(self.dice.choice([0, self.dice.random() * 0.002]))
        self.end(pid)
        wire.close()

    def send_only(self, wire):
        """Sends a pipeline. Returns the number of replies to each step."""
        counts, data = [], []
        for _ in range(self.dice.randint(1, PIPELINE)):
            db, commands = step(self.seed, self.most)
            words = [("SELECT", db), *(commands if len(commands) == 1 else [("MULTI",), *commands, ("EXEC",)])]
            data += [wire.frame(w) for w in words]
            counts.append(len(words))
            self.most += 1
        if self.dice.random() < 0.05:
            data.append(wire.frame((self.dice.choice(["BGREWRITEAOF", "BGREWRITEAOF", "BGSAVE"]),)))
            counts.append(1)
        wire.send(b"".join(data))
        return counts

    def send(self, wire):
        end = self.most
        counts = self.send_only(wire)
        for i, count in enumerate(counts):
            for _ in range(count):
                assert "MISCONF" not in str(wire.read())
            self.least = min(end + i + 1, self.most)

    def end(self, pid):
        self.workers.kill(pid)
        for kind, rest in self.workers.lines():
            assert kind != "bad", rest
        assert rest == "-9"


@pytest.mark.parametrize("policy, seed", [(s, *p.values) for s in ("everysec", "always") for p in kills(f"server-{s}")])
def test_a_killed_server_loses_nothing_acknowledged(workers, tmp_path, policy, seed):
    served = Served(workers, tmp_path, policy, seed * 2 + 100 + len(policy))
    for _ in range(ROUNDS):
        served.round()
