"""How often do a cache's policies hit, beside reference simulations and Belady's optimum?

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/hit_ratio.py [--markdown]

Five traces of half a million requests over caches of 1,000 entries: Zipf popularity; Zipf polluted by scans that read
20,000 keys once each; a loop somewhat larger than the cache, mixed with Zipf; Zipf whose popular keys change every
50,000 requests; keys that are asked for a few times within a short while and never again. The simulations are written here the plain way, with exact counts, to tell what a policy can do.
"""

from __future__ import annotations

import bisect
import heapq
import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

import kvd

SIZE = 1_000
REQUESTS = 500_000
UNIVERSE = 50_000


def zipf(rng: random.Random, n: int, universe: int = UNIVERSE, alpha: float = 0.9) -> Iterator[int]:
    weights = list(accumulate(1 / (i + 1) ** alpha for i in range(universe)))
    for _ in range(n):
        yield bisect.bisect_left(weights, rng.random() * weights[-1])


def polluted(rng: random.Random) -> Iterator[int]:
    requests, scan = zipf(rng, REQUESTS), 0
    for at, key in enumerate(requests):
        yield key
        if at % 50_000 >= 30_000:
            yield UNIVERSE + scan
            scan += 1


def loop(rng: random.Random) -> Iterator[int]:
    popular = zipf(rng, REQUESTS // 4)
    for at in range(REQUESTS * 3 // 4):
        yield UNIVERSE + at % (SIZE * 3 // 2)
        if at % 3 == 0:
            yield next(popular)


def shifting(rng: random.Random) -> Iterator[int]:
    for at, key in enumerate(zipf(rng, REQUESTS)):
        yield key + at // 50_000 * 7_919 % UNIVERSE


def bursts(rng: random.Random) -> Iterator[int]:
    """Most keys are new, asked for five times within some 1,500 requests, and never again."""
    popular = zipf(rng, REQUESTS)
    due: list[tuple[int, int]] = []
    new = UNIVERSE
    for at in range(REQUESTS):
        if due and due[0][0] <= at:
            yield heapq.heappop(due)[1]
        elif rng.random() < 0.2:
            yield next(popular)
        else:
            new += 1
            yield new
            for _ in range(4):
                heapq.heappush(due, (at + 1 + int(rng.expovariate(1 / 500)), new))


TRACES: dict[str, Callable[[], list[int]]] = {
    "Zipf": lambda: list(zipf(random.Random(1), REQUESTS)),
    "Zipf and scans": lambda: list(polluted(random.Random(2))),
    "loop and Zipf": lambda: list(loop(random.Random(3))),
    "shifting Zipf": lambda: list(shifting(random.Random(4))),
    "bursts": lambda: list(bursts(random.Random(5))),
}


# ---- simulations: each takes a trace and a size, and returns the number of hits ---------------------------


def lru(trace: Iterable[int], size: int) -> int:
    hits, cache = 0, OrderedDict[int, None]()
    for key in trace:
        if key in cache:
            hits += 1
            cache.move_to_end(key)
        else:
            if len(cache) == size:
                cache.popitem(last=False)
            cache[key] = None
    return hits


def lfu(trace: Iterable[int], size: int) -> int:
    hits, uses, heap = 0, dict[int, int](), list[tuple[int, int, int]]()
    for at, key in enumerate(trace):
        if key in uses:
            hits += 1
            uses[key] += 1
        else:
            while len(uses) == size:
                n, _, victim = heapq.heappop(heap)
                if uses.get(victim) == n:
                    del uses[victim]
            uses[key] = 1
        heapq.heappush(heap, (uses[key], at, key))
    return hits


def arc(trace: Iterable[int], size: int) -> int:
    hits, target = 0, 0.0
    recent, frequent, ghosts1, ghosts2 = (OrderedDict[int, None]() for _ in range(4))

    def replace(in_second: bool) -> None:
        if recent and (len(recent) > target or in_second and len(recent) == int(target)):
            ghosts1[recent.popitem(last=False)[0]] = None
        else:
            ghosts2[frequent.popitem(last=False)[0]] = None

    for key in trace:
        if key in recent or key in frequent:
            hits += 1
            recent.pop(key, None)
            frequent[key] = None
            frequent.move_to_end(key)
        elif key in ghosts1:
            target = min(size, target + max(1.0, len(ghosts2) / len(ghosts1)))
            replace(False)
            del ghosts1[key]
            frequent[key] = None
        elif key in ghosts2:
            target = max(0.0, target - max(1.0, len(ghosts1) / len(ghosts2)))
            replace(True)
            del ghosts2[key]
            frequent[key] = None
        else:
            if len(recent) + len(ghosts1) == size:
                if len(recent) < size:
                    ghosts1.popitem(last=False)
                    replace(False)
                else:
                    recent.popitem(last=False)
            elif len(recent) + len(frequent) + len(ghosts1) + len(ghosts2) >= size:
                if len(recent) + len(frequent) + len(ghosts1) + len(ghosts2) == 2 * size:
                    ghosts2.popitem(last=False)
                replace(False)
            recent[key] = None
    return hits


def tinylfu(trace: Iterable[int], size: int) -> int:
    """W-TinyLFU with a window of 1 % and exact counts, halved every ten times its size."""
    hits, seen, counts = 0, 0, dict[int, int]()
    window, probation, protected = (OrderedDict[int, None]() for _ in range(3))
    window_size = max(1, size // 100)
    for key in trace:
        counts[key] = counts.get(key, 0) + 1
        seen += 1
        if seen >= 10 * size:
            counts = {k: n // 2 for k, n in counts.items() if n > 1}
            seen //= 2
        if key in window:
            hits += 1
            window.move_to_end(key)
        elif key in protected:
            hits += 1
            protected.move_to_end(key)
        elif key in probation:
            hits += 1
            del probation[key]
            protected[key] = None
            if len(protected) > (size - window_size) * 4 // 5:
                probation[protected.popitem(last=False)[0]] = None
        else:
            window[key] = None
            if len(window) > window_size:
                candidate = window.popitem(last=False)[0]
                if len(probation) + len(protected) < size - window_size:
                    probation[candidate] = None
                else:
                    victim = next(iter(probation))
                    if counts.get(candidate, 0) > counts.get(victim, 0):
                        del probation[victim]
                        probation[candidate] = None
    return hits


def s3fifo(trace: Iterable[int], size: int) -> int:
    hits, uses = 0, dict[int, int]()
    small, main, ghosts = deque[int](), deque[int](), OrderedDict[int, None]()
    for key in trace:
        if key in uses:
            hits += 1
            uses[key] = min(3, uses[key] + 1)
            continue
        while len(small) + len(main) >= size:
            if len(small) > size // 10 or not main:
                victim = small.popleft()
                if uses[victim] > 1:
                    uses[victim] = 0
                    main.append(victim)
                    continue
                ghosts[victim] = None
                if len(ghosts) > size * 9 // 10:
                    ghosts.popitem(last=False)
            else:
                victim = main.popleft()
                if uses[victim]:
                    uses[victim] -= 1
                    main.append(victim)
                    continue
            del uses[victim]
        uses[key] = 0
        if key in ghosts:
            del ghosts[key]
            main.append(key)
        else:
            small.append(key)
    return hits


def sieve(trace: Iterable[int], size: int) -> int:
    hits, visited = 0, dict[int, bool]()
    after, before = {-1: -1}, {-1: -1}  # a ring; -1 lies between the newest and the oldest
    hand = -1
    for key in trace:
        if key in visited:
            hits += 1
            visited[key] = True
            continue
        if len(visited) == size:
            at = hand if hand != -1 else after[-1]
            while visited[at]:
                visited[at] = False
                at = after[at] if after[at] != -1 else after[-1]
            hand = after[at]
            after[before[at]], before[after[at]] = after[at], before[at]
            del visited[at], after[at], before[at]
        newest = before[-1]
        after[newest], before[key], after[key], before[-1] = key, newest, -1, key
        visited[key] = False
    return hits


def belady(trace: list[int], size: int) -> int:
    """Evicts what is needed last: the upper limit for all policies, which cannot know the future."""
    following, last = [0] * len(trace), dict[int, int]()
    for at in range(len(trace) - 1, -1, -1):
        following[at] = last.get(trace[at], len(trace) + at)
        last[trace[at]] = at
    hits, cache, heap = 0, dict[int, int](), list[tuple[int, int]]()
    for at, key in enumerate(trace):
        if key in cache:
            hits += 1
        elif len(cache) == size:
            while True:
                when, victim = heapq.heappop(heap)
                if cache.get(victim) == -when:
                    break
            del cache[victim]
        cache[key] = following[at]
        heapq.heappush(heap, (-following[at], key))
    return hits


SIMULATIONS: dict[str, Callable[[list[int], int], int]] = {
    "LRU": lru, "LFU": lfu, "ARC": arc, "W-TinyLFU": tinylfu, "S3-FIFO": s3fifo, "SIEVE": sieve, "Belady": belady,
}  # fmt: skip


def ours(policy: str) -> Callable[[list[int], int], int]:
    def simulate(trace: list[int], size: int) -> int:
        cache = kvd.Cache(size, policy=policy)
        get, put = cache.get, cache.__setitem__
        for key in trace:
            if get(key) is None:
                put(key, True)
        return cache.stats().hits

    return simulate


def main() -> None:
    policies = ["lru", "lfu", "fifo", "tinylfu", "s3fifo", "sieve", "random"]
    titles = [*[f"kvd {p}" for p in policies], *SIMULATIONS]
    if "--markdown" in sys.argv:
        print("| trace |", " | ".join(titles), "|")
        print("|---|", "|".join("---" for _ in titles), "|", sep="")
    for name, make in TRACES.items():
        trace = make()
        found = [f(trace, SIZE) / len(trace) for f in [*map(ours, policies), *SIMULATIONS.values()]]
        if "--markdown" in sys.argv:
            print(f"| {name} |", " | ".join(f"{x:.3f}" for x in found), "|")
        else:
            best = max(found[len(policies) : -1])
            print(name)
            for title, x in zip(titles, found, strict=True):
                print(f"    {title:14} {x:.3f}   {x / best:.3f} of the best simulation")


if __name__ == "__main__":
    main()
