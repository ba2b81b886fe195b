"""The order-statistic tree against sortedcontainers."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sortedcontainers import SortedList

from kvd.core import _probe_packed as probe

SCORES = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False), st.sampled_from([math.inf, -math.inf, 0.0, -0.0]))
NAMES = st.one_of(st.integers(0, 400).map(lambda n: b"m%d" % n), st.binary(max_size=10))


class RankedMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.tree = probe.Ranked()
        self.model = SortedList()
        self.scores = {}

    @rule(score=SCORES, name=NAMES)
    def insert(self, score, name):
        if name in self.scores:
            self.remove(name)
        self.tree.insert(score, name)
        self.model.add((score, name))
        self.scores[name] = score

    @rule(start=st.integers(0, 2000), n=st.integers(0, 300), score=st.integers(0, 5))
    def insert_many(self, start, n, score):
        for i in range(start, start + n):
            self.insert(float(i % (score + 1)), b"n%d" % (i * 7919 % 10007))

    def remove(self, name):
        self.tree.remove(name)
        self.model.remove((self.scores.pop(name), name))

    @precondition(lambda self: self.scores)
    @rule(data=st.data(), n=st.integers(1, 400))
    def remove_range(self, data, n):
        i = data.draw(st.integers(0, len(self.model) - 1))
        for _, name in list(self.model[i : i + n]):
            self.remove(name)

    @rule(score=SCORES, name=NAMES)
    def count(self, score, name):
        assert self.tree.before(score, name) == self.model.bisect_left((score, name))
        assert self.tree.below(score, False) == self.model.bisect_left((score, b""))
        assert self.tree.below(score, True) == sum(s <= score for s, _ in self.model)

    @precondition(lambda self: self.scores)
    @rule(data=st.data())
    def at(self, data):
        i = data.draw(st.integers(0, len(self.model) - 1))
        assert self.tree.at(i) == self.model[i]
        assert self.tree.at(len(self.model)) is None

    @invariant()
    def same(self):
        self.tree.check()
        assert len(self.tree) == len(self.model)
        assert self.tree.items() == list(self.model)
        assert self.tree.items(True) == list(self.model)[::-1]

    def teardown(self):
        assert self.tree.release() == 0


TestRankedMachine = RankedMachine.TestCase
TestRankedMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_by_key_alone():
    tree = probe.Ranked()
    names = sorted(b"%05d" % (i * 37 % 5000) for i in range(5000))
    for name in names[::3] + names[1::3] + names[2::3]:
        tree.insert(0.0, name)
    for i in (0, 1, 17, 2500, 4998, 4999):
        assert tree.lex_below(names[i], False) == i
        assert tree.lex_below(names[i], True) == i + 1
    assert tree.lex_below(b"", False) == 0
    assert tree.lex_below(b"zzz", False) == 5000


def test_bytes_of_an_entry():
    tree = probe.Ranked()
    for i in range(100_000):
        tree.insert(float(i * 7919 % 100_003), b"%d" % i)
    assert tree.bytes / 100_000 < 28
