"""The map of stream ids against sortedcontainers."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sortedcontainers import SortedSet

from kvd.core import _probe_packed as probe

IDS = st.tuples(st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1)), st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1)))


class IdMapMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.map = probe.IdMap()
        self.model = SortedSet()

    @rule(id=IDS)
    def insert(self, id):
        if id not in self.model:
            self.map.insert(*id)
            self.model.add(id)

    @rule(start=st.integers(0, 5000), n=st.integers(0, 400))
    def insert_many(self, start, n):
        for i in range(start, start + n):
            self.insert((i, 0))

    @rule(id=IDS)
    def remove(self, id):
        assert self.map.remove(*id) == (id in self.model)
        self.model.discard(id)

    @rule(n=st.integers(0, 300), data=st.data())
    def remove_some(self, n, data):
        if self.model:
            at = data.draw(st.integers(0, len(self.model) - 1))
            for id in list(self.model[at : at + n]):
                self.remove(id)

    @rule(at=st.integers(0, 5000), id=IDS)
    def move(self, at, id):
        if self.model and id not in self.model:
            old = self.model.pop(at % len(self.model))
            self.map.move(*old, *id)
            self.model.add(id)

    @rule(id=IDS)
    def look(self, id):
        assert self.map.find(*id) == (id in self.model)
        assert self.map.since(*id) == list(self.model.irange(minimum=id))
        assert self.map.until(*id) == list(self.model.irange(maximum=id, reverse=True))

    @invariant()
    def same(self):
        self.map.check()
        assert len(self.map) == len(self.model)
        assert self.map.since(0, 0) == list(self.model)

    def teardown(self):
        self.map.release()


TestIdMapMachine = IdMapMachine.TestCase
TestIdMapMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_bytes_of_an_item():
    m = probe.IdMap()
    for i in range(100_000):
        m.insert(i, 0)
    assert m.bytes / 100_000 < 9.2
