"""What does TLS cost kvd, Redis and Valkey?

Each server on core 0, redis-benchmark --tls on core 1, taken in turn within one run; the median of several rounds counts. Printed is the
server's own CPU time (user and system) divided by the operations, and that of the same work without TLS. Then the CPU time of a new
connection with its handshake, which OpenSSL needs almost all of.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/tls.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess

from common import LOAD_CORE, Target, best_peer, targets
from tests.compat.wire import free_port
from tests.server.certificates import certificates

WORK = {
    "SET": ["set", "key:__rand_int__", "x" * 32],
    "GET": ["get", "key:__rand_int__"],
    "SET (10 kB)": ["set", "large", "x" * 10_000],
    "GET (10 kB)": ["get", "large"],
}
REQUESTS = {1: 30_000, 16: 300_000}
GOAL = 0.70                    # at pipeline 16
CONNECTIONS = 500


class Secure:
    """A server with a port for TLS, too."""

    def __init__(self, target: Target) -> None:
        self.name, self.port = target.name, free_port()
        self.target = target.start("--tls-port", str(self.port), *certificates().options(tls_auth_clients="no"))

    def load(self, words: list[str], pipeline: int, encrypted: bool) -> float:
        """CPU microseconds an operation."""
        n = REQUESTS[pipeline] // (4 if "large" in words else 1)
        way = ["--tls", "--cacert", certificates()("ca.crt"), "-p", str(self.port)] if encrypted else ["-p", str(self.target.port)]
        before = self.target.cpu()
        line = ["taskset", "-c", str(LOAD_CORE), "redis-benchmark", *way, "-c", "50", "-P", str(pipeline), "-n", str(n), "-r", "100000", "-q", *words]
        subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
        return (self.target.cpu() - before) / n * 1e6

    def connect(self) -> float:
        """CPU microseconds a connection."""
        context = certificates().context()
        before = self.target.cpu()
        for _ in range(CONNECTIONS):
            with context.wrap_socket(socket.create_connection(("127.0.0.1", self.port)), server_hostname="localhost") as sock:
                sock.sendall(b"PING\r\n")
                assert sock.recv(100) == b"+PONG\r\n"
        return (self.target.cpu() - before) / CONNECTIONS * 1e6


def print_row(name: str, pipeline: str, found: dict[str, float], bare: dict[str, float], goal: str) -> None:
    cells = [f"{found[n]:.2f}" + (f" ({bare[n]:.2f})" if bare else "") for n in found]
    print("| " + " | ".join([name, pipeline, *cells, f"{found['kvd'] / best_peer(found):.2f}{goal}"]) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    running = [Secure(t) for t in targets()]
    print("| command | P | " + " | ".join(f"{s.name}, us (without TLS)" for s in running) + " | kvd / better peer |")
    print("|" + "---|" * (len(running) + 3))
    for name, words in WORK.items():
        for pipeline in REQUESTS:
            cost: dict[tuple[str, bool], list[float]] = {}
            for _ in range(rounds):
                for one in running:
                    for encrypted in (True, False):
                        cost.setdefault((one.name, encrypted), []).append(one.load(words, pipeline, encrypted))
            middle = {key: statistics.median(values) for key, values in cost.items()}
            print_row(name, str(pipeline), {s.name: middle[s.name, True] for s in running}, {s.name: middle[s.name, False] for s in running},
                      f" (goal {GOAL:.2f})" if pipeline == 16 and "kB" not in name else "")  # fmt: skip
    connecting = {s.name: statistics.median(s.connect() for _ in range(rounds)) for s in running}
    print_row("connection, handshake, PING", "", connecting, {}, "")
    for one in running:
        one.target.stop()


if __name__ == "__main__":
    main()
