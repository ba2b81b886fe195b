"""The hash table against dict, with its invariants checked after each step."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kvd.core import _probe

KEYS = st.one_of(st.integers(0, 300).map(lambda n: b"k%d" % n), st.binary(max_size=300))


class TableMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.table = _probe.Table()
        self.model = {}

    @rule(key=KEYS, value=st.binary(max_size=300))
    def set(self, key, value):
        self.table.set(key, value)
        self.model[key] = value

    @rule(start=st.integers(0, 1000), n=st.integers(0, 200))
    def set_many(self, start, n):
        for i in range(start, start + n):
            self.set(b"k%d" % i, b"%d" % i)

    @rule(start=st.integers(0, 1000), n=st.integers(0, 400))
    def remove_many(self, start, n):
        for i in range(start, start + n):
            self.remove(b"k%d" % i)

    @rule(key=KEYS)
    def remove(self, key):
        assert self.table.remove(key) == (self.model.pop(key, None) is not None)

    @rule(key=KEYS)
    def get(self, key):
        assert self.table.get(key) == self.model.get(key)

    @rule()
    def drain_one(self):
        key = self.table.drain()
        assert (key is None) == (not self.model)
        self.model.pop(key, None)

    @rule(n=st.integers(0, 3000))
    def expand(self, n):
        assert self.table.expand(n)

    @invariant()
    def same(self):
        self.table.check()
        assert len(self.table) == len(self.model)
        assert sorted(self.table.keys()) == sorted(self.model)


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def scan_all(table, between=lambda: None):
    cursor, seen = 0, []
    while True:
        cursor, found = table.scan(cursor)
        seen += found
        between()
        if cursor == 0:
            return seen


@given(st.integers(0, 3000))
@settings(max_examples=30, deadline=None)
def test_scan_sees_each_key_once_when_nothing_changes(n):
    table = _probe.Table()
    for i in range(n):
        table.set(b"%d" % i, b"")
    assert sorted(scan_all(table)) == sorted(b"%d" % i for i in range(n))


@given(st.integers(1, 500), st.integers(0, 4000), st.integers(-40, 40))
@settings(max_examples=60, deadline=None)
def test_scan_misses_no_key_that_stays_while_the_table_grows_and_shrinks(stay, other, pace):
    table = _probe.Table()
    for i in range(stay):
        table.set(b"stay%d" % i, b"")
    for i in range(other):
        table.set(b"other%d" % i, b"")
    state = {"n": other}

    def change():
        for _ in range(abs(pace)):
            if pace > 0 and state["n"] < 20000:
                table.set(b"other%d" % state["n"], b"")
                state["n"] += 1
            elif pace < 0 and state["n"] > 0:
                state["n"] -= 1
                table.remove(b"other%d" % state["n"])

    seen = set(scan_all(table, change))
    assert all(b"stay%d" % i in seen for i in range(stay))


def test_random_entries_are_fair():
    table = _probe.Table()
    n = 1000
    for i in range(n):
        table.set(b"%d" % i, b"")
    draws = Counter(table.random() for _ in range(n * 100))
    assert len(draws) == n
    assert min(draws.values()) > 40 and max(draws.values()) < 200


def test_sample_returns_distinct_entries():
    table = _probe.Table()
    for i in range(50):
        table.set(b"%d" % i, b"")
    assert len(set(table.sample(16))) == 16
    assert len(set(table.sample(64))) == 50


def test_memory_returns_to_nothing():
    table = _probe.Table()
    for i in range(20000):
        table.set(b"key:%d" % i, b"x" * 10)
    assert table.bytes / 20000 < 14
    for i in range(20000):
        table.remove(b"key:%d" % i)
    assert table.used == 0


def test_drain_empties_everything():
    table = _probe.Table()
    for i in range(5000):
        table.set(b"%d" % i, b"v")
    seen = set()
    while (key := table.drain()) is not None:
        seen.add(key)
        if len(seen) % 500 == 0:
            table.check()
    assert len(seen) == 5000
    assert table.used == 0
