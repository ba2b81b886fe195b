"""The timing wheel against a sorted list of deadlines."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sortedcontainers import SortedDict

from kvd.core import _probe

SPANS = st.one_of(
    st.integers(0, 2000), st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 10**14), st.integers(-5000, 0)
)


class WheelMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 1_700_000_000_123
        self.wheel = _probe.Wheel(self.now)
        self.model = SortedDict()
        self.added = {}
        self.names = 0

    @rule(span=SPANS)
    def add(self, span):
        name = b"%d" % self.names
        self.names += 1
        self.wheel.add(name, self.now + span)
        self.model[name] = self.now + span
        self.added[name] = self.now

    @rule(span=SPANS, n=st.integers(1, 200))
    def add_many(self, span, n):
        for i in range(n):
            self.add(span + i)

    @rule(data=st.data())
    def cancel(self, data):
        if self.model:
            name = data.draw(st.sampled_from(list(self.model)))
            del self.model[name]
            self.wheel.cancel(name)

    def overdue(self, fired):
        """Those that a tick has passed for since they were due, or since they came if they came late."""
        return [n for n, d in self.model.items() if max(d, self.added[n]) <= self.now - 16 and n not in fired]

    @rule(step=st.one_of(st.integers(0, 100), st.integers(0, 10**5), st.integers(0, 10**10)), budget=st.integers(1, 50))
    def advance_in_slices(self, step, budget):
        self.now += step
        fired = []
        for _ in range(10000):
            batch = self.wheel.due(self.now, budget)
            fired += batch
            if not batch and not self.overdue(dict(fired)):
                break
        else:
            raise AssertionError("does not come to an end")
        for name, deadline in fired:
            assert deadline <= self.now
            assert self.model.pop(name) == deadline
        assert not self.overdue({})

    @invariant()
    def whole(self):
        self.wheel.check()
        assert len(self.wheel) == len(self.model)

    @invariant()
    def next_is_never_late(self):
        if self.model:
            soonest = min(self.model.values())
            assert self.wheel.next() <= max(soonest, self.now) + 32

    @invariant()
    def samples_are_members(self):
        if self.model:
            assert set(self.wheel.sample(8)) <= set(self.model)


TestWheelMachine = WheelMachine.TestCase
TestWheelMachine.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


def test_soonest_names_those_that_end_first():
    wheel = _probe.Wheel(0)
    for i in range(1000):
        wheel.add(b"%d" % i, 1000 + i * 50)
    soon = wheel.soonest(16)
    assert len(soon) == 16
    assert max(int(n) for n in soon) < 40


def test_memory_returns_to_nothing():
    wheel = _probe.Wheel(0)
    for i in range(10000):
        wheel.add(b"%d" % i, i * 37)
    wheel.due(10**9)
    assert len(wheel) == 0
    wheel.delete()
    assert wheel.used == 0


def test_a_far_jump_fires_everything_without_walking_every_tick():
    wheel = _probe.Wheel(0)
    wheel.add(b"far", 86_400_000 * 365)
    assert wheel.due(86_400_000 * 365 - 1) == []
    assert wheel.due(86_400_000 * 366) == [(b"far", 86_400_000 * 365)]
