"""Gathering effects: units, targets, memory; tests/run/test_effects.py has what each command says."""

import pytest

import kvd
from kvd.doors import _probe_changes as probes


def test_without_consumers_nothing_is_gathered(store):
    before = store.used_memory
    for _ in range(1000):
        store.set("k", "v" * 100)
    assert store.used_memory - before < 2000


def test_a_consumer_that_comes_late_sees_only_what_follows(store):
    store.set("a", 1)
    recorder = probes.Recorder(store)
    store.set("b", 1)
    assert [words for unit in recorder.units() for _, _, words in unit] == [[b"SET", b"b", b"1"]]


def test_two_consumers_see_the_same(store):
    one, two = probes.Recorder(store), probes.Recorder(store)
    with store.session() as run:
        for line in ("MULTI", "SET a 1", "INCR a", "EXEC"):
            run.execute(*line.split())
    store.execute("DEL", "a")
    assert one.units() == two.units() != []


@pytest.mark.parametrize("size", [0, 1, 1000, 5_000_000])
def test_words_of_any_size(store, size):
    recorder = probes.Recorder(store)
    store.execute("SET", b"k\r\n\x00", b"\xff" * size)
    ((_, _, words),) = recorder.units()[0]
    assert words == [b"SET", b"k\r\n\x00", b"\xff" * size]


def test_a_transaction_of_many_commands():
    store = kvd.Store()
    recorder = probes.Recorder(store)
    with store.session() as run:
        run.execute("MULTI")
        for i in range(5000):
            run.execute("SET", i, i)
        run.execute("EXEC")
    (unit,) = recorder.units()
    assert len(unit) == 5000 and unit[-1][2] == [b"SET", b"4999", b"4999"]
