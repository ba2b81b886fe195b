"""What do snapshots and the append-only log cost kvd, Redis and Valkey?

Each server runs on core 0, the load on core 1; they are taken in turn. Printed are: thousand keys a CPU second of SAVE, the CPU seconds of a
start with that file, the slowest of the GETs that another connection sends while BGSAVE and BGREWRITEAOF run, and the server's CPU for a
SET without a log and with each appendfsync, by redis-benchmark.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/persistence.py [--keys 1000000] [--rounds 3] [snapshot] [log]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from common import LOAD_CORE, Client, Target, targets


def fill(port: int, keys: int) -> None:
    client = Client(port)
    for first in range(0, keys, 1000):
        client.send([("SET", f"key:{i:012d}", f"{i:032d}") for i in range(first, min(first + 1000, keys))])
        client.read(min(1000, keys - first))


def ready(target: Target) -> None:
    while int(target.info("persistence")["loading"]):
        time.sleep(0.02)


def slowest_get(target: Target, work: Callable[[], None]) -> float:
    """Of the GETs that follow each other while the work is done, in ms."""
    delays, ended = [0.0], threading.Event()

    def get() -> None:
        client = Client(target.port)
        while not ended.is_set():
            begun = time.perf_counter()
            client("GET", "key:000000000001")
            delays.append(time.perf_counter() - begun)
            time.sleep(0.0002)

    thread = threading.Thread(target=get)
    thread.start()
    work()
    ended.set()
    thread.join()
    return max(delays) * 1e3


def background(target: Target, words: tuple[str, ...], field: str) -> Callable[[], None]:
    def work() -> None:
        Client(target.port)(*words)
        time.sleep(0.2)
        while target.info("persistence")[field] != "0":
            time.sleep(0.1)

    return work


def snapshot(target: Target, keys: int) -> dict[str, float]:
    folder = tempfile.mkdtemp()
    found: dict[str, float] = {}
    target.start("--dir", folder, "--appendonly", "no")
    try:
        fill(target.port, keys)
        found["GET idle, slowest ms"] = slowest_get(target, lambda: time.sleep(2))
        before = target.cpu()
        Client(target.port)("SAVE")
        found["SAVE, 1000 keys a CPU s"] = keys / (target.cpu() - before) / 1e3
        found["GET during BGSAVE, slowest ms"] = slowest_get(target, background(target, ("BGSAVE",), "rdb_bgsave_in_progress"))
        Client(target.port)("CONFIG", "SET", "appendonly", "yes")
        background(target, ("PING",), "aof_rewrite_in_progress")()
        found["GET during a rewrite, slowest ms"] = slowest_get(target, background(target, ("BGREWRITEAOF",), "aof_rewrite_in_progress"))
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
    sys.setswitchinterval(0.0001)  # else a GET can wait 5 ms for the other thread
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
