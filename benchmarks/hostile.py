"""How long do other clients wait while a server is attacked?

The server on core 0; on core 1 the attackers (tests/server/attacks.py), and above them in priority a client that does a GET each millisecond.
Printed are its median and its longest reply times in milliseconds, what the server's memory has grown by, and how many connections the server has
closed (for a flood: how many were made). Needs the right to raise its priority. The servers have a password, maxclients 2000 and maxmemory-clients 100mb.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/hostile.py [--seconds 10]
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import statistics
import time

from common import Client, Target, targets
from tests.compat.wire import free_port
from tests.server import attacks
from tests.server.certificates import certificates

CONNECTIONS = {
    "idle_connections": 3000,
    "slowloris": 1000,
    "half_closed": 1500,
    "garbage": 200,
    "wrong_passwords": 50,
    "never_reading": 100,
    "cut_handshakes": 200,
}
OPTIONS = ("--maxclients", "2000", "--maxmemory-clients", "100mb", "--loglevel", "warning")


class Prober:
    """A client whose work comes before the attackers'."""

    def __init__(self, port: int) -> None:
        self.client = Client(port)
        assert self.client("AUTH", attacks.PASSWORD) == b"OK"
        self.client("SET", "k", "v")
        self.client("SET", attacks.BIG, b"x" * attacks.BIG_BYTES)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))

    def run(self, seconds: float) -> list[float]:
        """The milliseconds of each reply."""
        times = []
        end = time.perf_counter() + seconds
        gc.disable()
        while (begun := time.perf_counter()) < end:
            reply = self.client("GET", "k")
            assert reply == b"v", reply
            times.append((time.perf_counter() - begun) * 1e3)
            time.sleep(0.001)
        gc.enable()
        return times

    def close(self) -> None:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        self.client.socket.close()


def prefer(target: Target) -> None:
    """What else the machine does is not to delay the server."""
    assert target.process is not None
    for thread in os.listdir(f"/proc/{target.process.pid}/task"):
        os.setpriority(os.PRIO_PROCESS, int(thread), -20)


def attack(name: str, port: int, seconds: float, counted: multiprocessing.Queue[int]) -> None:
    end = time.monotonic() + seconds
    counted.put(getattr(attacks, name)(port, CONNECTIONS.get(name, 500), lambda: time.monotonic() > end))


def one(target: Target, name: str | None, seconds: float) -> tuple[float, float, float, int]:
    tls = free_port()
    target.start(
        *OPTIONS, *(["--tls-port", str(tls), *certificates().options(tls_auth_clients="no")] if name == "cut_handshakes" else [])
    )
    prefer(target)
    try:
        Client(target.port)("CONFIG", "SET", "requirepass", attacks.PASSWORD)
        prober = Prober(target.port)
        prober.run(0.5)
        before = target.resident()
        counted: multiprocessing.Queue[int] = multiprocessing.Queue()
        attacker = None
        if name is not None:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            attacker = multiprocessing.Process(
                target=attack, args=(name, tls if name == "cut_handshakes" else target.port, seconds, counted)
            )
            attacker.start()
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        times = prober.run(seconds)
        grown = (target.resident() - before) / 1e6
        prober.close()
        if attacker is None:
            return statistics.median(times), max(times), grown, 0
        count = counted.get()
        attacker.join()
        return statistics.median(times), max(times), grown, count
    finally:
        target.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only")
    asked = parser.parse_args()
    servers = targets()
    print(f"{'median / longest ms, MB, connections':34}" + "".join(f"{t.name:>34}" for t in servers))
    for name in (None, *(f.__name__ for f in attacks.ATTACKS), "cut_handshakes"):
        if asked.only and name != asked.only:
            continue
        found = [one(t, name, asked.seconds) for t in servers]
        print(
            f"{name or 'no attack':34}"
            + "".join(f"{median:>12.2f} / {longest:>6.1f} {grown:>6.0f} {count:>6}" for median, longest, grown, count in found),
            flush=True,
        )


if __name__ == "__main__":
    main()
