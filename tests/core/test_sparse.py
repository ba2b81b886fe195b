"""The sparse array against a dict."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sortedcontainers import SortedDict

from kvd.core import _probe_sparse as probe

TOP = 2**64 - 1
NEAR = st.one_of(*[st.integers(base, base + 200) for base in (0, 4000, 2**18 - 100, 2**24, 2**40, 2**60 - 100, TOP - 200)])
INDEXES = st.one_of(NEAR, NEAR, NEAR, st.integers(0, TOP), st.sampled_from([2**n - d for n in range(1, 65) for d in (0, 1) if 2**n - d <= TOP]))
VALUES = st.one_of(
    st.binary(max_size=12), st.integers(-(2**64), 2**64).map(lambda n: b"%d" % n), st.integers(-9, 9).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"x" * 7, b"x" * 8, b"x" * 255, b"x" * 256, b"x" * 5000, b"-0", b"007", b"%d" % 2**61, b"%d" % (2**61 - 1), b"%d" % -(2**61), b"%d" % (-(2**61) - 1)]),
)  # fmt: skip


class SparseMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.array = probe.Sparse()
        self.model = SortedDict()

    @rule(index=INDEXES, value=VALUES)
    def set(self, index, value):
        assert self.array.set(index, value) == (index not in self.model)
        self.model[index] = value

    @rule(start=NEAR, n=st.integers(1, 300), step=st.sampled_from([1, 1, 2, 63, 64, 4096]), value=VALUES)
    def set_many(self, start, n, step, value):
        for index in range(start, min(start + n * step, TOP), step):
            self.set(index, value)

    @rule(a=INDEXES, b=INDEXES)
    def delete_range(self, a, b):
        low, high = min(a, b), max(a, b)
        gone = list(self.model.irange(low, high))
        assert self.array.delete(low, high) == len(gone)
        for index in gone:
            del self.model[index]

    @rule(low=NEAR, n=st.integers(0, 5000))
    def delete_near(self, low, n):
        self.delete_range(low, min(low + n, TOP))

    @rule(data=st.data())
    def delete_one(self, data):
        if self.model:
            index = self.model.keys()[data.draw(st.integers(0, len(self.model) - 1))]
            self.delete_range(index, index)

    @rule(a=INDEXES, b=INDEXES)
    def look(self, a, b):
        keys = list(self.model.irange(min(a, b), max(a, b)))
        assert self.array.used(min(a, b), max(a, b)) == len(keys)
        assert self.array.walk(a, b) == [(i, self.model[i]) for i in (keys if a <= b else keys[::-1])]
        assert self.array.get(a) == self.model.get(a)

    @rule()
    def copied(self):
        other = self.array.copy()
        other.check()
        assert other.walk(0, TOP) == list(self.model.items()) and other.bytes <= self.array.bytes
        other.release()

    @rule(n=st.integers(1, 5))
    def free_some(self, n):
        """Leaves go from the lowest index on."""
        for _ in range(n):
            assert self.array.free_some() == bool(self.model)
            if self.model:
                block = self.model.keys()[0] // 64
                for index in list(self.model.irange(block * 64, block * 64 + 63)):
                    del self.model[index]

    @invariant()
    def same(self):
        self.array.check()
        assert len(self.array) == len(self.model)
        assert self.array.last() == (self.model.keys()[-1] if self.model else None)
        assert self.array.walk(0, TOP) == list(self.model.items())
        assert self.array.walk(TOP, 0) == list(self.model.items())[::-1]

    def teardown(self):
        self.array.release()


TestSparseMachine = SparseMachine.TestCase
TestSparseMachine.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize(("step", "most"), [(1, 8.4), (2, 8.8), (64, 26.5), (4096, 60), (2**40, 65)])
def test_bytes_of_an_element(step, most):
    """As in the head of sparse.pyx."""
    array = probe.Sparse()
    n = 60_000
    for i in range(n):
        array.set(i * step, b"%d" % i)
    assert array.used_memory == array.bytes and array.bytes / n < most


def test_a_lonely_element_of_a_huge_index_is_small():
    array = probe.Sparse()
    array.set(0, b"a")
    array.set(2**63, b"b")
    assert array.bytes <= 160


def test_what_is_held_as_a_number():
    array = probe.Sparse()
    for text, n in [(b"0", 0), (b"-7", -7), (b"%d" % (2**61 - 1), 2**61 - 1), (b"%d" % 2**61, None), (b"+1", None), (b"01", None), (b"", None)]:
        array.set(5, text)
        assert array.number(5) == n and array.get(5) == text


def test_a_survey_tells_dense_twigs_from_sparse_ones():
    array = probe.Sparse()
    for i in range(50):
        array.set(i, b"x")
    for i in range(3):
        array.set(5000 + 100 * i, b"x")
    assert array.survey(10) == (1, 1, 50, 56, 3)
    assert array.survey(100) == (0, 2, 0, 0, 59)
