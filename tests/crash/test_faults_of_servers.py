"""Each call of a server's log kills it or fails: with everysec it refuses writes until it can write again, with always it ends."""

import shutil
import time
from pathlib import Path

import pytest

from ..compat.wire import Wire, loaded
from .conftest import LONG
from .test_faults import FAILURES, KILLS, SEED, chosen, environ
from .workload import Model, step

STEPS = 14
PATIENCE = 10


class Refused(Exception):
    pass


class Client:
    """Runs steps on a server and tells what became of them: between least and most of them are in the log."""

    def __init__(self, workers, folder, policy, model):
        self.workers, self.folder, self.model = workers, folder, model
        self.socket = f"{folder.parent}/s"
        self.job = {"kind": "server", "socket": self.socket, "folder": str(folder), "appendfsync": policy}
        self.least = self.most = 0
        self.troubles, self.status = [], None

    def start(self, environ):
        """Returns a connection, or None: it ended at once."""
        Path(self.socket).unlink(missing_ok=True)
        self.pid = self.workers.start(**self.job, environ=environ)
        self.status = None
        until = time.monotonic() + 60
        while True:
            try:
                return loaded(Wire(self.socket))
            except (FileNotFoundError, ConnectionError):        # it does not listen yet, or ended while it loaded
                line = self.workers.line(0.002)
                if line is not None:
                    assert line[0] == "end", line
                    self.status = int(line[1])
                    return None
                assert time.monotonic() < until

    def ended(self):
        kind, status = self.workers.line(60)
        assert kind == "end", (kind, status)
        self.status = int(status)

    def stop(self):
        self.workers.kill(self.pid)
        self.ended()

    def work(self, wire):
        """All of it, unless the server ends."""
        try:
            for n in range(STEPS):
                self.until_done(lambda n=n: self.step(wire, n))
                if n in (4, 10):
                    self.until_done(lambda: self.write_file(wire, "BGREWRITEAOF", "aof_rewrite_in_progress", "aof_last_bgrewrite_status"))
                elif n == 7:
                    self.until_done(lambda: self.write_file(wire, "BGSAVE", "rdb_bgsave_in_progress", "rdb_last_bgsave_status"))
        except (ConnectionError, BrokenPipeError):
            self.ended()

    def until_done(self, action):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return action()
            except Refused as error:
                self.troubles.append(str(error))
                if len(self.troubles) == 3:
                    Path(f"{self.folder}.full").unlink(missing_ok=True)
                assert time.monotonic() < until, self.troubles[-3:]
                time.sleep(0.002)

    def step(self, wire, n):
        db, commands = step(SEED, n)
        self.most = n + 1
        replies = [wire("SELECT", db)]
        if len(commands) == 1:
            replies.append(wire(*commands[0]))
        else:
            replies += [wire(*words) for words in [("MULTI",), *commands, ("EXEC",)]]
        for reply in replies:
            if "MISCONF" in str(reply):
                raise Refused(str(reply))
        self.least = n + 1

    def write_file(self, wire, command, running, status):
        reply = str(wire(command))
        while self.info(wire)[running] != "0":
            time.sleep(0.001)
        if "started" not in reply or self.info(wire)[status] != "ok":
            raise Refused(f"{command} failed: {reply}")

    @staticmethod
    def info(wire):
        return dict(line.split(":", 1) for line in wire("INFO", "persistence").decode().split("\r\n") if ":" in line)

    def check(self):
        """What a server that starts on the same files holds; then it takes more."""
        wire = self.start({})
        assert wire is not None, f"the server does not start; see {self.workers.log}"
        assert wire("DEBUG", "CHECK") == b"OK"
        n = self.model.match(wire("DEBUG", "DIGEST"), self.least, self.most)
        assert n is not None, f"neither of the states after {self.least} to {self.most} steps"
        self.step(wire, n)
        self.stop()
        wire = self.start({})
        assert self.model.match(wire("DEBUG", "DIGEST"), n + 1, n + 1) is not None
        self.stop()


@pytest.mark.timeout(0 if LONG else 120)
@pytest.mark.parametrize("policy", ["everysec", "always"])
@pytest.mark.parametrize("kind", [*KILLS, *FAILURES])
def test_a_server_survives_each_call(faulty_workers, tmp_path, kind, policy):
    model = Model(SEED, 40)

    def run(kind, at):
        folder = tmp_path / f"{kind}{at}"
        folder.mkdir()
        client = Client(faulty_workers, folder, policy, model)
        wire = client.start(environ(folder, kind, at))
        if wire is not None:
            client.work(wire)
            if client.status is None:
                client.stop()
        Path(f"{folder}.full").unlink(missing_ok=True)
        return client

    for at in chosen(60, f"{kind}{policy}", 2):
        client = run(kind, at)
        where = f"{kind} at call {at}: {client.troubles[:3]}"
        try:
            if kind not in KILLS:              # it ends at start, or as always demands
                assert client.status == -9 or (client.status == 1 and (policy == "always" or client.most == 0))
            client.check()
        except Exception as error:
            error.add_note(where)
            raise
        shutil.rmtree(client.folder)
