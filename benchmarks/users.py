"""What do users and their rules cost kvd, Redis and Valkey?

The server on core 0, redis-benchmark on core 1, the kinds and users taken in turn; the median of several rounds counts. Printed is the
server's CPU time per GET at pipeline 100, of the default user (which may do everything), and what users with rules cost above that.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/users.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess

from common import LOAD_CORE, Client, Target, targets

REQUESTS = 2_000_000
USERS = {
    "default": None,
    "commands": ["+@all", "-@admin", "allkeys", "allchannels"],
    "one key pattern": ["+@all", "-@admin", "~key:*", "allchannels"],
    "four key patterns": ["+@all", "-@admin", "~a:*", "~b:*", "~c:*", "~key:*", "allchannels"],
    "a selector": ["+ping", "(+@read ~key:*)"],
}


def measure(target: Target, name: str) -> float:
    """CPU nanoseconds per GET."""
    rules = USERS[name]
    user = ["--user", "bench", "-a", "p"] if rules else []
    if rules:
        Client(target.port)("ACL", "SETUSER", "bench", "reset", "on", ">p", *rules)
    before = target.cpu()
    line = ["taskset", "-c", str(LOAD_CORE), "redis-benchmark", "-p", str(target.port), *user, "-c", "20", "-P", "100", "-n", str(REQUESTS), "-r", "100000", "-q"]
    subprocess.run([*line, "get", "key:__rand_int__"], stdout=subprocess.DEVNULL, check=True)
    return (target.cpu() - before) / REQUESTS * 1e9


def one_round(target: Target) -> dict[str, float]:
    target.start("--appendonly", "no")
    try:
        measure(target, "default")     # warm
        return {name: measure(target, name) for name in USERS}
    finally:
        target.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    servers = targets()
    rounds = [{t.name: one_round(t) for t in servers} for _ in range(asked.rounds)]
    print(f"{'ns per GET':24}" + "".join(f"{t.name:>20}" for t in servers))
    for name in USERS:
        found = [statistics.median(r[t.name][name] - (r[t.name]["default"] if USERS[name] else 0) for r in rounds) for t in servers]
        print(f"{name:24}" + "".join(f"{value:>20.1f}" for value in found))


if __name__ == "__main__":
    main()
