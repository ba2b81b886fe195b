"""What do snapshots and the append-only log cost kvd, Redis and Valkey?

Each server runs on core 0, the load on core 1; they are taken in turn. Printed are: thousand keys a CPU second of SAVE, the CPU seconds of a
start with that file, the slowest of the GETs that another connection sends while BGSAVE and BGREWRITEAOF run, the growth of resident
memory meanwhile (children included), and the server's CPU for a SET without a log and with each appendfsync, by redis-benchmark.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/persistence.py [--keys 1000000] [--rounds 3] [snapshot] [log]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable

from common import LOAD_CORE, Client, Target, targets

PAGE = os.sysconf("SC_PAGESIZE")


def info(port: int, section: str, field: str) -> str:
    text = str(Client(port)("INFO", section), "utf-8")  # type: ignore[arg-type]
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)[field].strip()


def fill(port: int, keys: int) -> None:
    client = Client(port)
    for first in range(0, keys, 1000):
        client.send([("SET", f"key:{i:012d}", f"{i:032d}") for i in range(first, min(first + 1000, keys))])
        client.read(min(1000, keys - first))


def ready(target: Target) -> None:
    while int(info(target.port, "persistence", "loading")):
        time.sleep(0.02)


def private(pid: int) -> int:
    """Bytes that this process shares with no other, so that a forked child counts only what was copied for it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) * 1024
    except OSError:
        return 0


def family(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [pid, *map(int, file.read().split())]
    except OSError:
        return [pid]


class Watch:
    """GETs, one after the other, and memory, while something happens."""

    def __init__(self, target: Target) -> None:
        self.target, self.delays, self.peak, self.ended = target, [0.0], 0, threading.Event()

    def get(self) -> None:
        client = Client(self.target.port)
        while not self.ended.is_set():
            begun = time.perf_counter()
            client("GET", "key:000000000001")
            self.delays.append(time.perf_counter() - begun)
            time.sleep(0.0002)

    def weigh(self) -> None:
        assert self.target.process is not None
        while not self.ended.is_set():
            self.peak = max(self.peak, sum(map(private, family(self.target.process.pid))))
            time.sleep(0.05)

    def during(self, work: Callable[[], None]) -> tuple[float, float]:
        """The slowest GET in ms, and the growth of memory in MB."""
        assert self.target.process is not None
        before = private(self.target.process.pid)
        threads = [threading.Thread(target=self.get), threading.Thread(target=self.weigh)]
        for thread in threads:
            thread.start()
        work()
        self.ended.set()
        for thread in threads:
            thread.join()
        return max(self.delays) * 1e3, max(self.peak - before, 0) / 1e6


def background(target: Target, words: tuple[str, ...], field: str) -> Callable[[], None]:
    def work() -> None:
        Client(target.port)(*words)
        time.sleep(0.2)
        while info(target.port, "persistence", field) != "0":
            time.sleep(0.1)

    return work


def snapshot(target: Target, keys: int) -> dict[str, float]:
    folder = tempfile.mkdtemp()
    found: dict[str, float] = {}
    target.start("--dir", folder, "--appendonly", "no")
    try:
        fill(target.port, keys)
        found["GET idle, slowest ms"] = Watch(target).during(lambda: time.sleep(2))[0]
        before = target.cpu()
        Client(target.port)("SAVE")
        found["SAVE, 1000 keys a CPU s"] = keys / (target.cpu() - before) / 1e3
        found["GET during BGSAVE, slowest ms"], found["memory during BGSAVE, MB"] = Watch(target).during(
            background(target, ("BGSAVE",), "rdb_bgsave_in_progress")
        )
        Client(target.port)("CONFIG", "SET", "appendonly", "yes")
        background(target, ("PING",), "aof_rewrite_in_progress")()
        found["GET during a rewrite, slowest ms"], found["memory during a rewrite, MB"] = Watch(target).during(
            background(target, ("BGREWRITEAOF",), "aof_rewrite_in_progress")
        )
        Client(target.port)("CONFIG", "SET", "appendonly", "no")
    finally:
        target.stop()
    begun = time.monotonic()
    target.start("--dir", folder, "--appendonly", "no")
    try:
        ready(target)
        found["start with the file, s"] = time.monotonic() - begun
        found["start with the file, CPU s"] = target.cpu()
    finally:
        target.stop()
        shutil.rmtree(folder)
    return found


def log(target: Target, keys: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for policy in ("none", "everysec", "always"):
        folder = tempfile.mkdtemp()
        options = ["--appendonly", "no"] if policy == "none" else ["--appendonly", "yes", "--appendfsync", policy]
        target.start("--dir", folder, "--auto-aof-rewrite-percentage", "0", *options)
        try:
            ready(target)
            before = target.cpu()
            subprocess.run(
                ["taskset", "-c", str(LOAD_CORE), "redis-benchmark", "-p", str(target.port), "-t", "set", "-n", str(keys), "-P", "16", "-c", "32",
                 "-r", "100000", "-d", "32", "-q"],
                stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            found[f"SET, log {policy}, CPU us"] = (target.cpu() - before) / keys * 1e6
        finally:
            target.stop()
            shutil.rmtree(folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("what", nargs="*", default=["snapshot", "log"])
    asked = parser.parse_args()
    servers = targets()
    for name in asked.what:
        rounds = [{t.name: {"snapshot": snapshot, "log": log}[name](t, asked.keys) for t in servers} for _ in range(asked.rounds)]
        print("|  | " + " | ".join(t.name for t in servers) + " |\n|---|" + "---|" * len(servers))
        for figure in rounds[0][servers[0].name]:
            cells = [f"{statistics.median(r[t.name][figure] for r in rounds):.2f}" for t in servers]
            print(f"| {figure} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
