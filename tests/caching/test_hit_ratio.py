"""Policies hit as their reference simulations (benchmarks/hit_ratio.py) do, on shorter traces."""

import importlib
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
hit_ratio = importlib.import_module("hit_ratio")
SIZE = 100


def traces():
    rng = random.Random(7)
    zipf = list(hit_ratio.zipf(rng, 30_000, 5_000))
    return {
        "zipf": zipf,
        "scan": [k for at, key in enumerate(zipf) for k in ((key, 10_000 + at) if at % 3_000 > 2_000 else (key,))],
        "loop": [k for at, key in enumerate(zipf) for k in (key, 10_000 + at % 150)],
        "shift": [key + at // 5_000 * 800 for at, key in enumerate(zipf)],
    }


TRACES = traces()


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
@pytest.mark.parametrize("policy", ["lru", "lfu", "sieve"])
def test_as_many_hits_as_the_simulation(policy, trace):
    assert hit_ratio.ours(policy)(trace, SIZE) == getattr(hit_ratio, policy)(trace, SIZE)


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_about_as_many_hits_where_hashes_decide(trace):
    assert hit_ratio.ours("s3fifo")(trace, SIZE) > 0.93 * hit_ratio.s3fifo(trace, SIZE)
    best = max(f(trace, SIZE) for name, f in hit_ratio.SIMULATIONS.items() if name != "Belady")
    assert hit_ratio.ours("tinylfu")(trace, SIZE) > 0.9 * best
    assert hit_ratio.belady(trace, SIZE) >= best
