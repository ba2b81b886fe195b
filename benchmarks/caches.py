"""`kvd.Cache` beside other in-process caches, in one run: ns an operation, bytes an entry, threads, mass expiry, stampedes.

    pip install cachebox moka-py cachetools theine lru-dict diskcache cacheout
    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/caches.py [times|memory|threads|expiry|stampede] [--markdown]

Peers that are not installed are left out. Ratios are to dict for `get`, to cachebox where there is one.
"""

from __future__ import annotations

import functools
import gc
import importlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable
from typing import Any

import kvd

POLICIES = ("lru", "lfu", "fifo", "tinylfu", "s3fifo", "sieve", "random")


def module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def makers() -> dict[str, Callable[[int], Any]]:
    """Name -> a cache of so many entries."""
    found: dict[str, Callable[[int], Any]] = {"dict": lambda n: {}}
    for policy in POLICIES:
        found[f"kvd {policy}"] = lambda n, p=policy: kvd.Cache(n, policy=p)
    found["kvd lru, ttl"] = lambda n: kvd.Cache(n, ttl=1000)
    if m := module("cachebox"):
        found |= {"cachebox LRU": m.LRUCache, "cachebox LFU": m.LFUCache, "cachebox FIFO": m.FIFOCache}
        found["cachebox TTL"] = lambda n, m=m: m.TTLCache(n, 1000)
    if m := module("lru"):
        found["lru-dict"] = m.LRU
    if m := module("moka_py"):
        found["moka-py"] = m.Moka
    if m := module("theine"):
        found["theine"] = m.Cache
    if m := module("cachetools"):
        found["cachetools LRU"] = m.LRUCache
        found["cachetools TTL"] = lambda n, m=m: m.TTLCache(n, 1000)
    if m := module("cacheout"):
        found["cacheout LRU"] = lambda n, m=m: m.LRUCache(maxsize=n)
    if m := module("diskcache"):
        found["diskcache"] = lambda n, m=m: m.Cache(tempfile.mkdtemp())
    return found


def setter(cache: Any) -> Callable[[Any, Any], object]:
    return cache.__setitem__ if hasattr(cache, "__setitem__") else cache.set


def best(statement: str, names: dict[str, Any], number: int, repeat: int = 5) -> float:
    """Nanoseconds a loop."""
    return min(timeit.repeat(statement, globals=names, number=number, repeat=repeat)) / number * 1e9


def table(titles: list[str], rows: list[list[str]]) -> None:
    if "--markdown" in sys.argv:
        print("|", " | ".join(titles), "|")
        print("|", "|".join("---" for _ in titles), "|", sep="")
        for row in rows:
            print("|", " | ".join(row), "|")
    else:
        widths = [max(len(r[k]) for r in [titles, *rows]) + 2 for k in range(len(titles))]
        for row in [titles, *rows]:
            print("".join(cell.ljust(w) if not k else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))))


KEYS: dict[str, Callable[[int], Any]] = {
    "str": lambda i: f"key:{i}", "int": lambda i: i * 7, "tuple": lambda i: ("key", i),
}  # fmt: skip


def times() -> None:
    for kind, key in KEYS.items():
        for n in (10_000, 1_000_000):
            if n > 10_000 and kind != "str":
                continue
            print(f"\n## {kind} keys, {n:,} entries: ns an operation\n")
            rows = []
            rng = random.Random(1)
            for name, make in makers().items():
                slow = name in ("theine", "moka-py", "cacheout LRU", "diskcache") or name.startswith("cachetools")
                if slow and n > 10_000 or name == "diskcache" and kind != "str":
                    continue
                fill = min(n, 1_000) if name == "diskcache" else n
                cache = make(fill)
                put = setter(cache)
                for i in range(fill):
                    put(key(i), i)
                few = 200 if name == "diskcache" else 20_000
                hits = [key(rng.randrange(fill)) for _ in range(few)]
                misses = [key(fill + i) for i in range(few)]
                names = {"get": cache.get, "put": put, "hits": hits, "misses": misses}
                get_hit = best("for k in hits: get(k)", names, 1) / few
                get_miss = best("for k in misses: get(k)", names, 1) / few
                set_old = best("for k in hits: put(k, 1)", names, 1) / few
                fresh = iter([key(2 * fill + i) for i in range(few * 3)])
                names["fresh"] = fresh
                evict = best("for _ in range(few): put(next(fresh), 1)", names | {"few": few}, 1, 3) / few
                rows.append([name, *(f"{x:.0f}" for x in (get_hit, get_miss, set_old, evict))])
                del cache, put, names, fresh
                gc.collect()
            table(["", "get hit", "get miss", "set existing", "set new, evicting"], rows)
    print("\n## A hit of one key in a loop, as a program does it: ns\n")
    rows = []
    base = 0.0
    for name, make in makers().items():
        if name == "diskcache":
            continue
        cache = make(1000)
        setter(cache)("key", 1)
        ns = best("c.get(k)", {"c": cache, "k": "key"}, 200_000)
        base = base or ns
        rows.append([name, f"{ns:.1f}", f"{ns / base:.2f}"])
    table(["", "get", "to dict.get"], rows)
    print("\n## Decorated functions: ns a hit\n")
    rows = []
    decorators: dict[str, Any] = {
        "functools.lru_cache": functools.lru_cache(1000), "kvd.cached": kvd.cached(maxsize=1000), "kvd.cached, ttl": kvd.cached(ttl=100),
        "kvd.lru_cache": kvd.lru_cache(1000),
    }  # fmt: skip
    if m := module("cachebox"):
        decorators["cachebox.cached"] = m.cached(m.LRUCache(1000))
    if m := module("cachetools"):
        decorators["cachetools.cached"] = m.cached(m.LRUCache(1000))
    for name, decorate in decorators.items():
        f = decorate(lambda x, y=0: x)
        f(5), f("a"), f(1, 2), f(1, y=2)
        rows.append([name, *(f"{best(s, {'f': f}, 100_000):.0f}" for s in ("f(5)", "f('a')", "f(1, 2)", "f(1, y=2)"))])
    table(["", "f(5)", "f('a')", "f(1, 2)", "f(1, y=2)"], rows)


MEMORY = """
import gc, os, sys
sys.path.insert(0, {path!r})
from caches import makers, setter
make = makers()[{name!r}]
keys = [f"key:{{i}}" for i in range({n})]
setter(make(10))(1, 1)
gc.collect()
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
cache = make({n})
put = setter(cache)
for k in keys:
    put(k, k)
print((resident() - before) / {n})
"""


def memory() -> None:
    """Resident bytes an entry, each cache in a process of its own; keys and values exist before."""
    print("\n## Memory an entry beyond key and value: resident bytes\n")
    path = __file__.rpartition("/")[0]
    rows = []
    for name in makers():
        if name in ("diskcache", "cacheout LRU"):
            continue
        out = subprocess.run([sys.executable, "-c", MEMORY.format(path=path, name=name, n=1_000_000)], capture_output=True, text=True)
        rows.append([name, f"{float(out.stdout):.0f}"])
    table(["", "of 1,000,000"], rows)


def threads() -> None:
    """Four threads, 95 % reads of a Zipf load: operations a second."""
    print("\n## Four threads, 95 % get and 5 % set: thousand operations a second\n")
    rows = []
    for name, make in makers().items():
        if name in ("dict", "diskcache"):
            continue
        cache = make(10_000)
        put, get = setter(cache), cache.get
        for i in range(10_000):
            put(i, i)

        def work(seed: int, get: Any = get, put: Any = put) -> None:
            rng = random.Random(seed)
            load = [int(10_000 * rng.random() ** 3) for _ in range(10_000)]
            for _ in range(5):
                for at, key in enumerate(load):
                    if at % 20:
                        get(key)
                    else:
                        put(key, at)

        pool = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        begun = time.perf_counter()
        for t in pool:
            t.start()
        for t in pool:
            t.join()
        rows.append([name, f"{4 * 50_000 / (time.perf_counter() - begun) / 1000:.0f}"])
    table(["", "k/s"], rows)


def expiry() -> None:
    """A million entries with one deadline: the worst get meanwhile, and how long until their memory is back."""
    print("\n## 1,000,000 entries expire at once: worst get (ms), 99.9 %, all gone after (ms)\n")
    rows = []
    for name in ("idle", "kvd.Cache"):
        cache: Any = kvd.Cache()
        cache["alive"] = 1
        if name != "idle":
            end = cache.time() + 3
            for i in range(1_000_000):
                cache[i] = i
            for i in range(1_000_000):
                cache.expire_at(i, end)
            while cache.time() < end - 0.01:
                time.sleep(0.001)
        gc.disable()
        delays, begun, gone = [], time.perf_counter(), 0.0
        while time.perf_counter() - begun < 3:
            at = time.perf_counter()
            cache.get("alive")
            delays.append(time.perf_counter() - at)
            if not gone and cache.weight == 1:
                gone = time.perf_counter() - begun
        gc.enable()
        delays.sort()
        rows.append([name, f"{delays[-1] * 1000:.2f}", f"{delays[len(delays) * 999 // 1000] * 1000:.4f}", f"{gone * 1000:.0f}"])
    table(["", "worst", "p99.9", "gone"], rows)


def stampede() -> None:
    """Fifty threads miss one key whose load takes 50 ms: how often is it loaded?"""
    print("\n## 50 threads ask for a missing key that takes 50 ms: loads\n")
    rows = []

    def race(ask: Callable[[Callable[[], int]], object]) -> int:
        calls: list[int] = []

        def load() -> int:
            calls.append(1)
            time.sleep(0.05)
            return 1

        gate = threading.Barrier(50)
        pool = [threading.Thread(target=lambda: (gate.wait(), ask(load))) for _ in range(50)]
        for t in pool:
            t.start()
        for t in pool:
            t.join()
        return len(calls)

    cache: kvd.Cache[str, int] = kvd.Cache()
    rows.append(["kvd get_or_set", str(race(lambda load: cache.get_or_set("k", load)))])
    decorated: dict[Any, Any] = {}
    rows.append(["kvd.cached", str(race(lambda load: decorated.setdefault(0, kvd.cached(lambda: load()))()))])
    plain: dict[Any, Any] = {}
    rows.append(["functools.lru_cache", str(race(lambda load: plain.setdefault(0, functools.lru_cache(lambda: load()))()))])
    if m := module("cachetools"):
        third: dict[Any, Any] = {}
        rows.append(["cachetools.cached", str(race(lambda load: third.setdefault(0, m.cached({})(lambda: load()))()))])
    table(["", "loads"], rows)


def main() -> None:
    chosen = [a for a in sys.argv[1:] if not a.startswith("-")] or ["times", "memory", "threads", "expiry", "stampede"]
    for name in chosen:
        globals()[name]()


if __name__ == "__main__":
    main()
