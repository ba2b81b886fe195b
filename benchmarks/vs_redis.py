"""How much CPU, memory and delay do kvd, Redis and Valkey need for the same work?

Starts each server on core 0 and redis-benchmark on core 1, takes them in turn within one run (several
rounds, the median counts), and prints requests a second, p50 and p99, and the server's own CPU time
(user and system) divided by the operations. Absolute figures belong to the machine; ratios travel.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/vs_redis.py [speed] [types] [scripts] [memory] [values] [burst] [delete] [evict] [--markdown]
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from common import LOAD_CORE, Client, Target, best_peer, targets

ROUNDS = 3
WORK = {  # name: (redis-benchmark arguments)
    "SET": ["set", "key:__rand_int__", "x" * 32],
    "GET": ["get", "key:__rand_int__"],
    "INCR": ["incr", "counter:__rand_int__"],
    "MSET (10 keys)": ["mset", *[w for i in range(10) for w in (f"key:__rand_int__{i}", "x" * 32)]],
}
GOALS = {1: 0.85, 16: 0.60, 100: 0.45}


# redis-benchmark's default list; LRANGE fills its list itself
TYPES = ["ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd", "zpopmin", "lrange_100",
         "lrange_300", "lrange_500", "lrange_600", "mset"]  # fmt: skip
WORK |= {name: ["-t", name] for name in TYPES}
WORK |= {"SMEMBERS (1000)": ["smembers", "big-set"], "HGETALL (1000)": ["hgetall", "big-hash"], "ZRANGE (1000)": ["zrange", "big-zset", "0", "-1"],
         "XADD": ["xadd", "a-stream", "maxlen", "~", "100000", "*", "field", "value"]}  # fmt: skip
SLOW = {"lrange_300", "lrange_500", "lrange_600", "SMEMBERS (1000)", "HGETALL (1000)", "ZRANGE (1000)"}


def load(target: Target, name: str, pipeline: int, requests: int) -> tuple[float, float, float, float]:
    """CPU microseconds an operation, requests a second, p50 and p99 in ms."""
    before = target.cpu()
    out = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "redis-benchmark", "-p", str(target.port), "-c", "50", "-P", str(pipeline), "-n", str(requests),
         "-r", "100000", "--csv", *WORK[name]],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    spent = target.cpu() - before
    fields = out.strip().splitlines()[-1].replace('"', "").split(",")[-7:]
    return spent / requests * 1e6, float(fields[0]), float(fields[3]), float(fields[5])


def row(cells: list[str], widths: list[int]) -> None:
    if "--markdown" in sys.argv:
        print("| " + " | ".join(cells) + " |")
    else:
        print("  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=False)))


def heading(cells: list[str], widths: list[int]) -> None:
    row(cells, widths)
    if "--markdown" in sys.argv:
        print("|" + "---|" * len(cells))


def speed() -> None:
    """Server CPU an operation."""
    print("\n## Server CPU per operation (us), requests/s, p50/p99 (ms)\n")
    running = [t.start() for t in targets()]
    names = [t.name for t in running]
    widths = [16, 4, *[34] * len(names), 18]
    heading(["command", "P", *names, "kvd / better peer"], widths)
    for name in WORK:
        for pipeline in (1, 16, 100):
            requests = {1: 60_000, 16: 600_000, 100: 1_000_000}[pipeline] // (5 if "MSET" in name else 1)
            runs: dict[str, list[tuple[float, float, float, float]]] = {t.name: [] for t in running}
            for t in running:
                load(t, name, 16, 100_000)
            for _ in range(ROUNDS):
                for t in running:
                    runs[t.name].append(load(t, name, pipeline, requests))
            middle = {n: [statistics.median(r[i] for r in rs) for i in range(4)] for n, rs in runs.items()}
            cpu = {n: m[0] for n, m in middle.items()}
            cells = [f"{m[0]:.2f} us, {m[1] / 1000:.0f}k/s, {m[2]:.2f}/{m[3]:.2f}" for m in (middle[n] for n in names)]
            ratio = cpu["kvd"] / best_peer(cpu) if len(cpu) > 1 else 0
            row([name, str(pipeline), *cells, f"{ratio:.2f} (goal {GOALS[pipeline]:.2f})"], widths)
    for t in running:
        t.stop()


def types() -> None:
    """Server CPU an operation, for redis-benchmark's default list and for big replies."""
    print("\n## redis-benchmark's default list: server CPU per operation (us)\n")
    running = [t.start() for t in targets()]
    names = [t.name for t in running]
    widths = [18, 4, *[10] * len(names), 18]
    for t in running:
        client = Client(t.port)
        for i in range(1000):
            client("SADD", "big-set", f"member:{i}")
            client("HSET", "big-hash", f"field:{i}", f"value:{i}")
            client("ZADD", "big-zset", i, f"member:{i}")
    heading(["command", "P", *names, "kvd / better peer"], widths)
    for name in [*TYPES, *[n for n in WORK if n not in TYPES and n.isupper() or "(1000)" in n]]:
        if name in ("SET", "GET", "INCR"):
            continue
        for pipeline in (1, 16):
            requests = {1: 30_000, 16: 150_000}[pipeline] // (6 if name in SLOW else 1)
            cpu: dict[str, list[float]] = {t.name: [] for t in running}
            for _ in range(ROUNDS):
                for t in running:
                    cpu[t.name].append(load(t, name, pipeline, requests)[0])
            middle = {n: statistics.median(c) for n, c in cpu.items()}
            ratio = middle["kvd"] / best_peer(middle) if len(middle) > 1 else 0
            row([name, str(pipeline), *[f"{middle[n]:.2f}" for n in names], f"{ratio:.2f}"], widths)
    for t in running:
        t.stop()


LIMITER = """
local now = redis.call('time')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('zremrangebyscore', KEYS[1], '-inf', ms - tonumber(ARGV[1]))
local used = redis.call('zcard', KEYS[1])
if used >= tonumber(ARGV[2]) then return {0, used} end
redis.call('zadd', KEYS[1], ms, ms .. ':' .. used)
redis.call('pexpire', KEYS[1], ARGV[1])
return {1, used + 1}
"""
SCRIPTS = {  # name: (script, goal against Redis)
    "no call": ("return 1", 2.0),
    "one call": ("return redis.call('set', KEYS[1], ARGV[1])", 2.0),
    "twenty calls": ("for i = 1, 20 do redis.call('incrby', KEYS[1], i) end return redis.call('get', KEYS[1])", 1.3),
    "rate limiter (5 calls)": (LIMITER, 2.0),
    "json (decode, encode)": ("local t = cjson.decode('{\"a\":[1,2,3],\"b\":\"text\"}') t.c = ARGV[1] return cjson.encode(t)", 2.0),
}


def scripts() -> None:
    """Server CPU an EVALSHA."""
    print("\n## EVALSHA: server CPU per operation (us)\n")
    running = [t.start() for t in targets()]
    names = [t.name for t in running]
    widths = [24, 4, *[10] * len(names), 18]
    heading(["script", "P", *names, "kvd / Redis"], widths)
    for name, (code, goal) in SCRIPTS.items():
        for t in running:
            sha = Client(t.port)("SCRIPT", "LOAD", code)
            WORK[name] = ["evalsha", str(sha if isinstance(sha, str) else sha.decode()), "1", name.split()[0] + ":__rand_int__", "1000", "100"]
        for pipeline in (1, 16):
            cpu: dict[str, list[float]] = {t.name: [] for t in running}
            for _ in range(ROUNDS):
                for t in running:
                    cpu[t.name].append(load(t, name, pipeline, {1: 30_000, 16: 150_000}[pipeline])[0])
            middle = {n: statistics.median(c) for n, c in cpu.items()}
            redis_cpu = next((c for n, c in middle.items() if n.lower().startswith("redis")), 0.0)
            row([name, str(pipeline), *[f"{middle[n]:.2f}" for n in names], f"{middle['kvd'] / redis_cpu:.2f} (goal {goal})" if redis_cpu else ""], widths)
    for t in running:
        t.stop()


VALUES: dict[str, tuple[int, Callable[[int], tuple[object, ...]]]] = {  # title: how many, how one is made
    "list, 1M elements": (1_000_000, lambda i: ("RPUSH", "k", f"element:{i}")),
    "set, 1M members": (1_000_000, lambda i: ("SADD", "k", f"member:{i}")),
    "hash, 1M fields": (1_000_000, lambda i: ("HSET", "k", f"field:{i}", f"value:{i}")),
    "zset, 1M members": (1_000_000, lambda i: ("ZADD", "k", i * 7919 % 1_000_003, f"member:{i}")),
    "stream, 1M entries": (1_000_000, lambda i: ("XADD", "k", f"{i + 1}-0", "field", f"value:{i}")),
    "100k hashes of 5": (100_000, lambda i: ("HSET", f"k:{i}", *[w for f in range(5) for w in (f"field{f}", f"value{i}")])),
    "100k sessions": (100_000, lambda i: ("HSET", f"session:{i:06}", "user_id", i, "created_at", 1_700_000_000 + i * 97, "last_seen", 1_700_000_000 + i * 99, "ip_address", f"10.0.{i % 256}.{i // 256 % 256}", "csrf_token", f"{i * 7919:032x}")),
    "100k customers": (100_000, lambda i: ("HSET", f"customer:{i:06}", "first_name", f"First{i % 500}", "last_name", f"Last{i}", "email_address", f"user{i}@example.com", "country_code", "DE", "number_of_orders", i % 50)),
    "100k lists of 5": (100_000, lambda i: ("RPUSH", f"k:{i}", *[f"element{f}" for f in range(5)])),
    "100k sets of 5": (100_000, lambda i: ("SADD", f"k:{i}", *[f"member{f}" for f in range(5)])),
    "100k zsets of 5": (100_000, lambda i: ("ZADD", f"k:{i}", *[w for f in range(5) for w in (f, f"member{f}")])),
}  # fmt: skip


def values() -> None:
    """used_memory of large values and of many small ones."""
    print("\n## Memory of values: used_memory, bytes an element (large) or a key (small)\n")
    names = [t.name for t in targets()]
    widths = [20, *[12] * len(names), 18]
    heading(["", *names, "kvd / better peer"], widths)
    for title, (n, make) in VALUES.items():
        used = {}
        for t in targets():
            t.start()
            client = Client(t.port)
            before = t.used_memory()
            fill(client, n, make)
            used[t.name] = (t.used_memory() - before) / n
            t.stop()
        row([title, *[f"{used[m]:.1f} B" for m in names], f"{used['kvd'] / best_peer(used):.2f}"], widths)


def delete() -> None:
    """The worst delay of a GET while values of a million members are deleted, while one expires, and while nothing happens."""
    print("\n## Deleting and expiring a value of 1,000,000 members: worst delay of a concurrent GET (ms)\n")
    names = [t.name for t in targets()]
    widths = [30, *[12] * len(names)]
    heading(["", *names], widths)
    for title in ("zset, 1M members", "hash, 1M fields"):
        for how in ("TYPE", "DEL", "UNLINK", "PEXPIRE"):  # TYPE frees nothing: the machine's own pauses
            worst = {}
            for t in targets():
                t.start()
                client, other = Client(t.port), Client(t.port)
                fill(client, *VALUES[title])
                other.send([(how, "k", *([20] if how == "PEXPIRE" else []))])
                delays, begin = [], time.perf_counter()
                while time.perf_counter() - begin < 1.5:
                    at = time.perf_counter()
                    client("GET", "alive")
                    delays.append(time.perf_counter() - at)
                worst[t.name] = max(delays) * 1000
                t.stop()
            row([f"{how}, {title}", *[f"{worst[n]:.2f}" for n in names]], widths)


def fill(client: Client, n: int, make: Callable[[int], tuple[object, ...]]) -> None:
    for at in range(0, n, 1000):
        client.send([make(i) for i in range(at, min(at + 1000, n))])
        client.read(min(1000, n - at))


def memory() -> None:
    """Bytes a key, from used_memory and from the resident set."""
    print("\n## Memory per key: 1,000,000 strings, 16-byte keys, 32-byte values\n")
    names = [t.name for t in targets()]
    widths = [14, *[26] * len(names), 12, 12]
    heading(["", *names, "used ratio", "RSS ratio"], widths)
    n = 1_000_000
    for title, extra in (("without TTL", ()), ("with TTL", ("EX",))):
        used, rss = {}, {}
        for t in targets():
            t.start()
            client = Client(t.port)
            u0, r0 = t.used_memory(), t.resident()
            fill(client, n, lambda i, e=extra: ("SET", f"key:{i:012d}", "v" * 32, *((*e, 10_000 + i % 50_000) if e else ())))
            used[t.name], rss[t.name] = (t.used_memory() - u0) / n, (t.resident() - r0) / n
            t.stop()
        row([title, *[f"{used[m]:.1f} B, RSS {rss[m]:.1f} B" for m in names], f"{used['kvd'] / best_peer(used):.2f}",
             f"{rss['kvd'] / best_peer(rss):.2f}"], widths)  # fmt: skip


def burst() -> None:
    """The worst delay of a GET while a million keys with one deadline die."""
    print("\n## A million keys with the same deadline: delay of a concurrent GET\n")
    names = [t.name for t in targets()]
    heading(["", *names], [22, *[16] * len(names)])
    worst, p999, gone = {}, {}, {}
    for t in targets():
        t.start()
        client = Client(t.port)
        at = int(time.time() * 1000) + 15_000
        fill(client, 1_000_000, lambda i, a=at: ("SET", f"key:{i:012d}", "v" * 32, "PXAT", a))
        client("SET", "alive", "x")
        while time.time() * 1000 < at - 50:
            time.sleep(0.005)
        delays = []
        checked = 0.0
        while True:
            begin = time.perf_counter()
            client("GET", "alive")
            delays.append(time.perf_counter() - begin)
            if begin - checked > 0.02:
                checked = begin
                if client("DBSIZE") == 1 or time.time() * 1000 > at + 20_000:
                    break
        gone[t.name] = time.time() * 1000 - at
        delays.sort()
        worst[t.name], p999[t.name] = delays[-1] * 1000, delays[int(len(delays) * 0.999)] * 1000
        t.stop()
    for title, figures in (("worst (ms)", worst), ("p99.9 (ms)", p999), ("all freed after (ms)", gone)):
        row([title, *[f"{figures[n]:.2f}" for n in names]], [22, *[16] * len(names)])


def zipf(rng: random.Random, n: int, count: int) -> list[int]:
    weights = [1 / (i + 1) for i in range(n)]
    return rng.choices(range(n), weights, k=count)


def evict() -> None:
    """Hit ratio of a cache-aside client at equal maxmemory."""
    print("\n## Hit ratio at the same maxmemory (8 MB, 100-byte values, 200,000 keys)\n")
    names = [t.name for t in targets()]
    widths = [26, 14, *[10] * len(names)]
    heading(["trace", "policy", *names], widths)
    rng = random.Random(7)
    hot = zipf(rng, 200_000, 400_000)
    scans, scan_at = [], 200_000
    for i, key in enumerate(hot[:200_000]):
        scans.append(key)
        if i % 20_000 < 8_000:
            scans.append(scan_at)
            scan_at += 1
    for title, trace in (("Zipf", hot), ("Zipf polluted by scans", scans)):
        for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random"):
            ratios = []
            for t in targets():
                t.start("--maxmemory", "8mb", "--maxmemory-policy", policy)
                ratios.append(hit_ratio(Client(t.port), trace))
                t.stop()
            row([title, policy, *[f"{r:.3f}" for r in ratios]], widths)


def hit_ratio(client: Client, trace: list[int]) -> float:
    hits = 0
    for at in range(0, len(trace), 100):
        chunk = trace[at : at + 100]
        client.send([("GET", f"k{key}") for key in chunk])
        missed = []
        for key in chunk:
            if client.read() is None:
                missed.append(key)
            else:
                hits += 1
        if missed:
            client.send([("SET", f"k{key}", "v" * 100) for key in missed])
            client.read(len(missed))
    return hits / len(trace)


if __name__ == "__main__":
    questions = {"speed": speed, "types": types, "scripts": scripts, "memory": memory, "values": values, "delete": delete, "burst": burst, "evict": evict}
    chosen = [a for a in sys.argv[1:] if a in questions] or list(questions)
    for question in chosen:
        questions[question]()
