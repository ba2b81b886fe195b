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
        self.give_one(data.draw(st.sampled_from(sorted(self.hashes))))

    def give_one(self, i):
        if self.slab.give(i):
            assert not any(other != i and other >> 8 == i >> 8 for other in self.hashes)
            self.notes = {k: v for k, v in self.notes.items() if k >> 8 != i >> 8}
        del self.hashes[i]

    @precondition(lambda self: self.hashes)
    @rule(data=st.data())
    def give_many(self, data):
        keep = data.draw(st.sampled_from([2, 3, 50, 10**6]))
        for i in [i for i in sorted(self.hashes) if i % keep]:
            self.give_one(i)

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


def test_segments_go_back_when_their_nodes_do():
    slab = _probe_policy.Slab()
    numbers = [slab.take(0) for _ in range(100_000)]
    for i in numbers:
        slab.note(i, i)
    whole = slab.bytes
    for i in numbers[:-1]:
        slab.give(i)
    assert slab.bytes < whole / 20 and slab.noted(numbers[-1]) == numbers[-1]
    assert len({slab.take(0) for _ in range(100_000)} | {numbers[-1]}) == 100_001
    assert slab.bytes > whole / 2


def test_a_small_slab_is_small():
    slab = _probe_policy.Slab()
    slab.take(1)
    assert slab.bytes < 300
