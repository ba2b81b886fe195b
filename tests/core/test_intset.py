"""Intsets against sortedcontainers."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sortedcontainers import SortedSet

from kvd.core import _probe_packed as probe

NUMBERS = st.one_of(
    st.integers(-50, 50), st.integers(-(2**15) - 2, 2**15 + 2), st.integers(-(2**31) - 2, 2**31 + 2), st.integers(-(2**63), 2**63 - 1)
)


class IntsetMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.set = probe.Intset()
        self.model = SortedSet()

    @rule(n=NUMBERS)
    def add(self, n):
        assert self.set.add(n) == (n not in self.model)
        self.model.add(n)

    @rule(n=NUMBERS)
    def remove(self, n):
        assert self.set.remove(n) == (n in self.model)
        self.model.discard(n)

    @rule(n=NUMBERS)
    def has(self, n):
        assert self.set.has(n) == (n in self.model)

    @rule(ns=st.lists(st.integers(-300, 300), max_size=80))
    def add_many(self, ns):
        for n in ns:
            self.add(n)

    @invariant()
    def same(self):
        if self.model:     # an empty one is nothing that a file may hold
            self.set.check()
        assert self.set.items() == list(self.model)

    def teardown(self):
        assert self.set.release() == 0


TestIntsetMachine = IntsetMachine.TestCase
TestIntsetMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_width_follows_the_widest_number():
    s = probe.Intset()
    s.add(1)
    assert len(s.raw) == 8 + 2
    s.add(70_000)
    assert len(s.raw) == 8 + 2 * 4
    s.add(2**40)
    assert len(s.raw) == 8 + 3 * 8


@given(st.binary(max_size=80))
@settings(max_examples=1000, deadline=None)
def test_any_bytes_are_refused_or_sorted(data):
    found = probe.intset_is_sound(data)
    assert found is None or found == sorted(set(found))
