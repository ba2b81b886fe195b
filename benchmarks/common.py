"""Servers to measure side by side, pinned to one core, and their CPU time as the kernel counts it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import hiredis

sys.path.append(str(Path(__file__).parents[1]))

from tests.compat.wire import free_port

SERVER_CORE = 0
LOAD_CORE = 1 if (os.cpu_count() or 1) > 1 else 0
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {LOAD_CORE})  # this process is the load


class Client:
    """A bare client that reads whole replies."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = hiredis.Reader()

    def send(self, lines: list[tuple[object, ...]]) -> None:
        self.socket.sendall(b"".join(hiredis.pack_command(tuple(str(w) if not isinstance(w, bytes) else w for w in line)) for line in lines))

    def read(self, n: int = 1) -> object:
        reply: object = None
        for _ in range(n):
            while (reply := self.reader.gets()) is False:
                self.reader.feed(self.socket.recv(1 << 18))
        return reply

    def __call__(self, *words: object) -> object:
        self.send([words])
        return self.read()


@dataclass
class Target:
    """One server under test."""

    name: str
    command: list[str]
    options: list[str] = field(default_factory=list)
    build: str = ""                # of kvd: the folder on PYTHONPATH, if not this process's
    port: int = 0
    folder: str = ""               # where its files are, if it has one of its own
    process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Target:
        self.port = free_port()
        line = ["taskset", "-c", str(SERVER_CORE), *self.command, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--dir", tempfile.gettempdir(), *self.options, *options]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": self.build} if self.build else None
        self.process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        for _ in range(200):
            try:
                Client(self.port)
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer")

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def info(self, section: str) -> dict[str, str]:
        text = str(Client(self.port)("INFO", section), "utf-8")  # type: ignore[arg-type]
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        values = self.info("cpu")
        return float(values["used_cpu_sys"]) + float(values["used_cpu_user"])

    def resident(self) -> int:
        assert self.process is not None
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def used_memory(self) -> int:
        return int(self.info("memory")["used_memory"])


def targets() -> list[Target]:
    """kvd, a real server of each kind (those in the folder KVDDEV_SERVERS, else those on PATH), and the build KVDDEV_BEFORE."""
    serve = [sys.executable, "-m", "kvd", "serve"]
    found = [Target("kvd", serve)]
    path = os.pathsep.join(filter(None, [os.environ.get("KVDDEV_SERVERS"), os.environ["PATH"]]))
    for name in ("redis-server", "valkey-server"):
        program = shutil.which(name, path=path)
        if program:
            found.append(Target(name.partition("-")[0], [program]))
    before = os.environ.get("KVDDEV_BEFORE")
    return [*found, Target("before", serve, build=before)] if before else found


def best_peer(results: dict[str, float]) -> float:
    """The lowest figure of the real servers."""
    return min(v for k, v in results.items() if k not in ("kvd", "before"))
