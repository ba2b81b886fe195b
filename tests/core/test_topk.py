"""The heaviest keys of a stream: exact while there is room, and within the bounds of the algorithm beyond it."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from kvd.core import _probe_policy


def test_few_keys_are_counted_exactly():
    top, exact = _probe_policy.TopK(16), Counter()
    for i in range(1000):
        key = b"key %d" % (i * i % 13)
        top.add(key, i)
        exact[key] += i
    top.check()
    assert [(key, n) for key, n, _ in top.heaviest(5)] == exact.most_common(5) and all(least == most for _, least, most in top.heaviest(16))
    assert top.heaviest(1)[0][0] == exact.most_common(1)[0][0] and len(top.heaviest(64)) == len(exact)


def test_no_keys():
    top = _probe_policy.TopK(4)
    assert top.heaviest(10) == [] and top.heaviest(0) == []


@given(st.lists(st.tuples(st.binary(max_size=2), st.integers(0, 50)), max_size=300))
def test_bounds(stream):
    """Each key has between the two numbers, and what is heavier than total / room is held."""
    top, exact = _probe_policy.TopK(8), Counter()
    for key, weight in stream:
        top.add(key, weight)
        exact[key] += weight
    top.check()
    found = top.heaviest(8)
    assert all(least <= exact[key] <= most for key, least, most in found)
    assert [least for _, least, _ in found] == sorted((least for _, least, _ in found), reverse=True)
    assert {key for key, n in exact.items() if n > exact.total() / 8} <= {key for key, _, _ in found}


def test_hot_keys_among_many_cold_ones():
    top, chance = _probe_policy.TopK(256), random.Random(3)
    for _ in range(100_000):
        top.add(b"hot %d" % chance.randrange(10) if chance.random() < 0.3 else b"cold %d" % chance.randrange(100_000))
    top.check()
    found = top.heaviest(10)
    assert {key for key, *_ in found} == {b"hot %d" % i for i in range(10)} and all(2500 < least < 3500 for _, least, _ in found)


def test_memory_is_bounded():
    top = _probe_policy.TopK(64)
    empty = top.bytes
    for i in range(10_000):
        top.add(b"x" * (i % 100))
    assert empty < top.bytes <= empty + 64 * 100
