"""Numbered nodes and columns against dictionaries."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kvd.core import _probe_policy


class SlabMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.slab, self.hashes, self.notes = _probe_policy.Slab(), {}, {}

    @rule(n=st.integers(1, 400))
    def take(self, n):
        for _ in range(n):
            i = self.slab.take(len(self.hashes) * 7)
            assert i and i not in self.hashes
            self.hashes[i] = len(self.hashes) * 7

    @precondition(lambda self: self.hashes)
    @rule(data=st.data())
    def give(self, data):
        i = data.draw(st.sampled_from(sorted(self.hashes)))
        self.slab.give(i)
        del self.hashes[i]

    @rule(i=st.integers(1, 3000), value=st.integers(-(2**63), 2**63 - 1))
    def note(self, i, value):
        self.slab.note(i, value)
        self.notes[i] = value

    @rule()
    def release(self):
        self.slab.release()
        self.hashes.clear()
        self.notes.clear()
        assert self.slab.bytes == 0

    @invariant()
    def same(self):
        assert self.slab.used == len(self.hashes)
        assert all(self.slab.hash(i) == h for i, h in self.hashes.items())
        assert all(self.slab.noted(i) == value for i, value in self.notes.items())
        assert self.slab.noted(1_000_000) is None


TestSlab = SlabMachine.TestCase


def test_a_small_slab_is_small():
    slab = _probe_policy.Slab()
    slab.take(1)
    assert slab.bytes < 300
