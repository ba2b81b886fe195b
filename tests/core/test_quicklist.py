"""Quicklists against a list, over node sizes and compression depths."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kvd.core import _probe_packed as probe

VALUES = st.one_of(
    st.binary(max_size=12), st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n), st.integers(0, 300).map(lambda n: b"word " * n),
    st.sampled_from([b"z" * 5000, b"z" * 20000]),
)  # fmt: skip


class QuicklistMachine(RuleBasedStateMachine):
    @initialize(fill=st.sampled_from([1, 2, 3, 7, -1, -2]), depth=st.sampled_from([0, 0, 1, 2]))
    def start(self, fill, depth):
        self.list = probe.Quicklist(fill, depth)
        self.model = []

    @rule(v=VALUES, front=st.booleans())
    def push(self, v, front):
        self.list.push(v, front)
        self.model.insert(0 if front else len(self.model), v)

    @rule(n=st.integers(1, 60), front=st.booleans())
    def push_many(self, n, front):
        for i in range(n):
            self.push(b"element number %d of many" % i, front)

    def index(self, data):
        return data.draw(st.integers(-len(self.model), len(self.model) - 1))

    @precondition(lambda self: self.model)
    @rule(v=VALUES, after=st.booleans(), data=st.data())
    def insert(self, v, after, data):
        i = self.index(data) % len(self.model)
        self.list.insert(i, v, after)
        self.model.insert(i + after, v)

    @precondition(lambda self: self.model)
    @rule(v=VALUES, data=st.data())
    def replace(self, v, data):
        i = self.index(data)
        self.list.replace(i, v)
        self.model[i] = v

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data):
        i = self.index(data) % len(self.model)
        behind = self.list.remove(i)
        del self.model[i]
        assert behind == (self.model[i] if i < len(self.model) else None)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def cut(self, data):
        i = self.index(data) % len(self.model)
        n = data.draw(st.integers(0, len(self.model) - i))
        self.list.cut(i, n)
        del self.model[i : i + n]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def get(self, data):
        i = self.index(data)
        assert self.list.get(i) == self.model[i]

    @invariant()
    def same(self):
        if not hasattr(self, "model"):
            return
        self.list.check()
        assert self.list.items() == self.model
        assert self.list.items(True) == self.model[::-1]
        self.list.check()
        assert len(self.list) == len(self.model)

    def teardown(self):
        assert self.list.release() == 0


TestQuicklistMachine = QuicklistMachine.TestCase
TestQuicklistMachine.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("depth", [1, 3])
def test_inner_nodes_are_compressed(depth):
    plain, squeezed = probe.Quicklist(-2, 0), probe.Quicklist(-2, depth)
    for i in range(20_000):
        for q in (plain, squeezed):
            q.push(b"a line of text that repeats itself, number %d" % i, False)
    assert squeezed.bytes < plain.bytes / 2
    assert squeezed.items() == plain.items()
    squeezed.check()


def test_nodes_cost_little():
    q = probe.Quicklist(-2, 0)
    for i in range(100_000):
        q.push(b"%d" % i, False)
    assert q.bytes / 100_000 < 5
