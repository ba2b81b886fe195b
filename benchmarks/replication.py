"""What does replication cost kvd, Redis and Valkey?

Master and replica are of the same kind; the master runs on core 0, the replica and the load on core 1; the kinds are taken in turn. Printed
are: thousand keys a CPU second of a full synchronization, of master and replica; the slowest of the GETs that another connection sends to
the master meanwhile; and the master's CPU for a SET without a replica and with one, by redis-benchmark.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/replication.py [--keys 5000000] [--rounds 3] [sync] [stream]
"""

from __future__ import annotations

import argparse
import copy
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from common import LOAD_CORE, Client, Target, targets
from persistence import fill, ready, slowest_get

OPTIONS = ("--appendonly", "no", "--repl-diskless-sync-delay", "0", "--client-output-buffer-limit", "replica 0 0 0")


def link(replica: Target) -> str:
    return replica.info("replication").get("master_link_status", "")


def cpu(target: Target) -> float:
    """With that of its forks."""
    values = target.info("cpu")
    return sum(float(values[f"used_cpu_{kind}{whose}"]) for kind in ("sys", "user") for whose in ("", "_children"))


def follow(master: Target, replica: Target) -> None:
    Client(replica.port)("REPLICAOF", "127.0.0.1", master.port)
    while link(replica) != "up":
        time.sleep(0.01)
    time.sleep(0.3)                # a fork is counted when it has been waited for


def first(target: Target) -> str:
    """Starts it in a folder of its own, which is returned: a replica keeps what it received in its folder."""
    folder = tempfile.mkdtemp()
    target.start("--dir", folder, *OPTIONS)
    return folder


def second(target: Target) -> Target:
    """Another server of this kind, beside the load."""
    one = copy.copy(target)
    one.folder = first(one)
    subprocess.run(["taskset", "-a", "-p", "-c", str(LOAD_CORE), str(one.process.pid)], stdout=subprocess.DEVNULL, check=True)
    ready(one)
    return one


def end(target: Target, replica: Target, folder: str) -> None:
    replica.stop()
    target.stop()
    shutil.rmtree(folder)
    shutil.rmtree(replica.folder)


def sync(target: Target, keys: int) -> dict[str, float]:
    found: dict[str, float] = {}
    folder = first(target)
    replica = second(target)
    try:
        fill(target.port, keys)
        found["GET idle, slowest ms"] = slowest_get(target, lambda: time.sleep(2))
        before, after = cpu(target), cpu(replica)
        begun = time.monotonic()
        follow(target, replica)
        found["full sync, s"] = time.monotonic() - begun
        found["master, 1000 keys a CPU s"] = keys / (cpu(target) - before) / 1e3
        found["replica, 1000 keys a CPU s"] = keys / (cpu(replica) - after) / 1e3
        Client(replica.port)("REPLICAOF", "NO", "ONE")
        Client(replica.port)("FLUSHALL")
        found["GET during it, slowest ms"] = slowest_get(target, lambda: follow(target, replica))
    finally:
        end(target, replica, folder)
    return found


def stream(target: Target, keys: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for replicated in (False, True):
        folder = first(target)
        replica = second(target)
        try:
            if replicated:
                follow(target, replica)
            for pipeline in (1, 16):
                n = keys // (10 if pipeline == 1 else 1)
                before = target.cpu()
                subprocess.run(
                    ["taskset", "-c", str(LOAD_CORE), "redis-benchmark", "-p", str(target.port), "-t", "set", "-n", str(n), "-P", str(pipeline), "-c", "32",
                     "-r", "100000", "-d", "32", "-q"],
                    stdout=subprocess.DEVNULL, check=True,
                )  # fmt: skip
                found[f"SET P {pipeline}, {'one replica' if replicated else 'no replica'}, CPU us"] = (target.cpu() - before) / n * 1e6
        finally:
            end(target, replica, folder)
    return found


def main() -> None:
    sys.setswitchinterval(0.0001)  # else a GET can wait 5 ms for the other thread
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("what", nargs="*", default=["sync", "stream"])
    asked = parser.parse_args()
    servers = targets()
    for name in asked.what:
        work = {"sync": sync, "stream": stream}[name]
        rounds = [{t.name: work(t, asked.keys) for t in servers} for _ in range(asked.rounds)]
        print("|  | " + " | ".join(t.name for t in servers) + " |\n|---|" + "---|" * len(servers))
        for figure in rounds[0][servers[0].name]:
            cells = [f"{statistics.median(r[t.name][figure] for r in rounds):.2f}" for t in servers]
            print(f"| {figure} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
