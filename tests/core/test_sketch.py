"""The frequency sketch against exact counts."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from kvd.core import _probe_policy


@given(st.lists(st.integers(0, 40), max_size=400))
def test_never_below_the_truth_until_counters_are_halved(hashes):
    sketch, exact = _probe_policy.Sketch(), Counter()
    sketch.fit(64)
    for h in hashes:
        sketch.add(h)
        exact[h] += 1
    assert all(sketch.count(h) >= min(15, n) for h, n in exact.items())


def test_seldom_above_the_truth():
    rng, sketch, exact = random.Random(1), _probe_policy.Sketch(), Counter()
    sketch.fit(10_000)
    for _ in range(50_000):
        h = int(rng.paretovariate(0.9)) * 2654435761 % 2**32
        sketch.add(h)
        exact[h] += 1
    wrong = sum(sketch.count(h) > min(15, n) for h, n in exact.items())
    assert wrong / len(exact) < 0.05
    strangers = [rng.randrange(2**32) for _ in range(10_000)]
    assert sum(sketch.count(h) > 0 for h in strangers if h not in exact) < 600


def test_counters_are_halved_after_ten_additions_an_item():
    sketch = _probe_policy.Sketch()
    sketch.fit(100)
    for _ in range(12):
        sketch.add(1)
    assert sketch.count(1) == 12 and sketch.seen == 12
    for i in range(1000 - 12):
        sketch.add(i + 10)
    assert sketch.count(1) == 6 and sketch.seen == 500


def test_growing_forgets_and_an_unfit_sketch_knows_nothing():
    sketch = _probe_policy.Sketch()
    sketch.add(5)
    assert sketch.count(5) == 0
    sketch.fit(10)
    sketch.add(5)
    sketch.fit(10)
    assert sketch.count(5) == 1
    sketch.fit(100_000)
    assert sketch.count(5) == 0
