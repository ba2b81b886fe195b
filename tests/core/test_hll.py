"""HyperLogLog: estimates, and that sparse and dense ones hold the same registers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe_packed as probe


@pytest.mark.parametrize("n", [0, 1, 10, 100, 1000, 10_000, 100_000, 300_000])
def test_estimates(n):
    sketch = probe.Hll()
    for i in range(n):
        sketch.add(b"element:%d" % i)
    assert abs(sketch.estimate() - n) <= max(n * 0.03, 1 if n < 100 else 3)


@given(st.lists(st.integers(0, 5000), max_size=600), st.sampled_from([20, 100, 3000]))
@settings(max_examples=80, deadline=None)
def test_sparse_and_dense_agree(elements, sparse_max):
    sparse, dense = probe.Hll(sparse_max), probe.Hll()
    assert dense.to_dense() and dense.size == 12304
    for n in elements:
        assert sparse.add(b"%d" % n) == dense.add(b"%d" % n)
        assert sparse.dense or sparse.size <= max(sparse_max, 18)
    assert sparse.registers() == dense.registers()
    before = sparse.registers()
    assert sparse.to_dense()
    assert sparse.registers() == before


def test_an_element_counts_once():
    sketch = probe.Hll()
    assert sketch.add(b"x") == 1
    assert sketch.add(b"x") == 0
    assert sketch.estimate() == 1
