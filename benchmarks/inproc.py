"""How much does a Store cost from Python, beside a dict? Import and construction too.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/inproc.py
"""

from __future__ import annotations

import subprocess
import sys
import time
import timeit

import kvd

N = 1_000_000


def best(statement: str, names: dict[str, object], number: int = N) -> float:
    """Nanoseconds a loop, the best of seven."""
    return min(timeit.repeat(statement, globals=names, number=number, repeat=7)) / number * 1e9


def main() -> None:
    plain = {b"key:1": b"x" * 32}
    store = kvd.Store()
    store.set(b"key:1", b"x" * 32)
    served = kvd.Store()
    served.set(b"key:1", b"x" * 32)
    names: dict[str, object] = {"d": plain, "s": store, "v": served, "k": b"key:1", "x": b"y" * 32}
    base = best("d.get(k)", names)
    print(f"{'dict.get':34} {base:7.1f} ns   1.00")
    with served.serve():
        for title, statement in (
            ("Store.get", "s.get(k)"), ("Store.set", "s.set(k, x)"), ("Store.incr", "s.incr('n')"),
            ("Store.execute('GET', k)", "s.execute('GET', k)"), ("Store.get while serving", "v.get(k)"),
        ):  # fmt: skip
            ns = best(statement, names, N // 4)
            print(f"{title:34} {ns:7.1f} ns   {ns / base:.2f}")
    ns = best("kvd.Store()", {"kvd": kvd}, 20_000)
    print(f"{'new Store, dropped':34} {ns / 1000:7.1f} us")
    script = "import time; t = time.process_time(); import kvd; print(time.process_time() - t)"
    cpu = min(float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout) for _ in range(7))
    print(f"{'import kvd':34} {cpu * 1000:7.1f} ms CPU")
    busy()


def busy() -> None:
    """A server in a program whose Python code never rests: requests a second, and with it at rest."""
    store = kvd.Store()
    with store.serve() as server:
        line = ["redis-benchmark", "-p", str(server.port), "-P", "16", "-n", "400000", "-t", "get", "-q", "--csv"]
        rates = []
        for computing in (False, True):
            process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
            while process.poll() is None:
                if computing:
                    sum(i * i for i in range(10_000))
                else:
                    time.sleep(0.01)
            assert process.stdout is not None
            rates.append(float(process.stdout.read().splitlines()[-1].replace('"', "").split(",")[1]))
        print(f"{'GET served, host idle / busy':34} {rates[0] / 1000:7.0f}k / {rates[1] / 1000:.0f}k per second")


if __name__ == "__main__":
    main()
