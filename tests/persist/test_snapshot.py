"""A snapshot holds the data set of the instant at which it began, whatever happens while it is taken."""

import io
import itertools
import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvd
from kvd.doors import _probe_snapshot as probe

from ..run.workload import LINES

NOW = 1_700_000_000


def digest(store):
    return store.execute("DEBUG", "DIGEST")


def loaded(file, late=0.0):
    copy = kvd.Store()
    copy.clock.freeze(NOW + late)
    copy.load(file)
    assert copy.execute("DEBUG", "CHECK") == b"OK"
    return copy


def run(store, *words):
    try:
        return store.execute(*words)
    except (kvd.KvdError, TypeError) as error:
        return error


def fill(store, n, seed=0):
    dice = random.Random(seed)
    for i in range(n):
        store.execute("SELECT", dice.choice([0, 0, 0, 1, 3]))
        kind, key = dice.randrange(7), f"k{i}"
        if kind < 3:
            store.set(key, dice.randbytes(dice.choice([3, 40, 700])))
        elif kind == 3:
            store.hset(key, mapping={f"f{j}": "v" * j for j in range(dice.choice([3, 600]))})
        elif kind == 4:
            store.rpush(key, *range(dice.choice([3, 3000])))
        elif kind == 5:
            store.zadd(key, {f"m{j}": j for j in range(dice.choice([3, 300]))})
        else:
            store.sadd(key, *range(dice.choice([3, 1000])))
        if dice.random() < 0.2:
            store.expire(key, 1000)
    store.execute("SELECT", 0)


# what may happen between two slices; n numbers the call
EVENTS = {
    "set": lambda s, n, k: s.set(k, f"new{n}"),
    "add": lambda s, n, k: s.set(f"added{n}", n),
    "delete": lambda s, n, k: s.delete(k),
    "rename": lambda s, n, k: run(s, "RENAME", k, f"k{n * 7 % 100}"),
    "move": lambda s, n, k: run(s, "MOVE", k, 1),
    "copy": lambda s, n, k: run(s, "COPY", k, f"k{n * 5 % 400}", "REPLACE"),
    "swap": lambda s, n, k: run(s, "SWAPDB", 0, n % 4),
    "flushdb": lambda s, n, k: run(s, "FLUSHDB", ["SYNC", "ASYNC"][n % 2]),
    "flushall": lambda s, n, k: run(s, "FLUSHALL", ["SYNC", "ASYNC"][n % 2]),
    "grow": lambda s, n, k: [s.set(f"g{n}:{i}", i) for i in range(500)],
    "shrink": lambda s, n, k: s.delete(*s.keys("*")[: len(s.keys("*")) // 2 or 1], "x"),
    "expire": lambda s, n, k: s.pexpire(k, 5),
    "persist": lambda s, n, k: s.persist(k),
    "due": lambda s, n, k: s.clock.advance(0.01),
    "push": lambda s, n, k: run(s, "RPUSH", k, n),
    "pop": lambda s, n, k: run(s, "LPOP", k, 2),
    "field": lambda s, n, k: run(s, "HSET", k, f"f{n}", n),
    "field deadline": lambda s, n, k: run(s, "HPEXPIRE", k, 5, "FIELDS", 1, "f1"),
    "append": lambda s, n, k: run(s, "APPEND", k, "x" * 300),
    "score": lambda s, n, k: run(s, "ZINCRBY", k, 1, "m1"),
    "select": lambda s, n, k: run(s, "SELECT", n % 4),
    "script": lambda s, n, k: run(s, "EVAL", "redis.pcall('append', KEYS[1], 'y') redis.call('del', KEYS[2])", 2, k, f"k{n * 3 % 400}"),
    "store": lambda s, n, k: run(s, "SUNIONSTORE", f"k{n * 11 % 400}", k, f"k{n}"),
}  # fmt: skip


def snapshot_during(store, events, slices, commands=False):
    """The file of a snapshot between whose slices the events happen."""
    snap = probe.Snapshot(store, commands)
    for n, ((event, which), size) in enumerate(zip(events, itertools.cycle(slices), strict=False)):
        snap.some(size)
        EVENTS[event](store, n, f"k{which}")
    while not snap.some(100_000):
        pass
    return snap.file()


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 59)), max_size=30), st.lists(st.sampled_from([1, 50, 500, 5000]), min_size=1, max_size=4),
       st.integers(0, 5))  # fmt: skip
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_the_file_is_the_state_at_the_begin(events, slices, seed):
    store = kvd.Store()
    store.clock.freeze(NOW)
    fill(store, 60, seed)
    before = digest(store)
    copy = loaded(snapshot_during(store, events, slices))
    assert digest(copy) == before
    now = digest(store)
    again = probe.Snapshot(store)        # no mark is left: the next one is whole, too
    again.some(1 << 40)
    late = sum(event == "due" for event, _ in events) * 0.01
    assert digest(loaded(again.file(), late)) == now and store.execute("DEBUG", "CHECK") == b"OK"


def replayed(data, folder):
    """A store whose file holds these commands."""
    path = folder / f"{len(os.listdir(folder))}.kvd"
    path.write_bytes(data)
    copy = kvd.Store(path)
    copy.clock.freeze(NOW)
    return copy


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 59)), max_size=30), st.lists(st.sampled_from([1, 50, 5000]), min_size=1, max_size=4), st.integers(0, 5))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_commands_are_the_state_at_the_begin(tmp_path_factory, events, slices, seed):
    store = kvd.Store()
    store.clock.freeze(NOW)
    fill(store, 60, seed)
    before = digest(store)
    with replayed(snapshot_during(store, events, slices, commands=True), tmp_path_factory.mktemp("commands")) as copy:
        assert digest(copy) == before
    now = digest(store)
    again = probe.Snapshot(store)        # no mark is left
    again.some(1 << 40)
    late = sum(event == "due" for event, _ in events) * 0.01
    assert digest(loaded(again.file(), late)) == now and store.execute("DEBUG", "CHECK") == b"OK"


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_each_event_in_every_slice_of_commands(event, tmp_path):
    store = kvd.Store()
    store.clock.freeze(NOW)
    fill(store, 120, 9)
    before = digest(store)
    with replayed(snapshot_during(store, [(event, n % 120) for n in range(300)], [700], commands=True), tmp_path) as copy:
        assert digest(copy) == before


@given(st.lists(st.one_of(LINES, st.just("slice"), st.just("slice")), max_size=80), st.lists(LINES, max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_commands_of_every_family_meanwhile(steps, first):
    store = kvd.Store(enable_debug_command="yes")
    store.clock.freeze(NOW)
    fill(store, 30)
    for words in first:
        run(store, *words)
    run(store, "DISCARD")
    before = digest(store)
    snap = probe.Snapshot(store)
    for step in steps:
        if step == "slice":
            snap.some(30)
        elif step[0].upper() not in ("DEBUG", "RESTORE"):
            run(store, *step)
    while not snap.some(100_000):
        pass
    assert digest(loaded(snap.file())) == before


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_each_event_in_every_slice(event):
    store = kvd.Store()
    store.clock.freeze(NOW)
    fill(store, 120, 9)
    before = digest(store)
    assert digest(loaded(snapshot_during(store, [(event, n % 120) for n in range(300)], [700]))) == before


def test_large_values_are_written_in_slices():
    store = kvd.Store()
    store.hset("h", mapping={f"field{i}": i for i in range(50_000)})
    store.set("s", b"x" * 3_000_000)
    store.rpush("l", *range(100_000))
    store.zadd("z", {f"m{i}": i for i in range(50_000)})
    store.sadd("set", *[f"m{i}" for i in range(50_000)])
    before = digest(store)
    snap = probe.Snapshot(store)
    slices, longest, size = 0, 0, 0
    while not snap.some(10_000):
        slices += 1
        longest, size = max(longest, snap.size() - size), snap.size()
    assert slices > 300 and longest < 30_000 and digest(loaded(snap.file())) == before


def fill_stream(store, key, n):
    """With groups, pending entries, and some of them deleted."""
    for i in range(1, n):
        store.execute("XADD", key, f"{i}-1", "f", i)
    for group, count in (("g", n // 2), ("other", n // 4)):
        store.execute("XGROUP", "CREATE", key, group, 0)
        store.execute("XREADGROUP", "GROUP", group, "alice", "COUNT", count, "STREAMS", key, ">")
        store.execute("XREADGROUP", "GROUP", group, "bob", "COUNT", count, "STREAMS", key, ">")
        store.execute("XGROUP", "CREATECONSUMER", key, group, "idle")
    store.execute("XTRIM", key, "MINID", f"{n // 8}-1")
    store.execute("XDEL", key, *[f"{i}-1" for i in range(n // 8, n // 2, 2)])


LARGE = {
    "list": lambda s: s.rpush("k", *range(50_000)),
    "compressed list": lambda s: [s.configure("list-compress-depth", "1"), s.rpush("k", *[f"{i} {'x' * 100}" for i in range(10_000)])],
    "set": lambda s: s.sadd("k", *[f"m{i}" for i in range(30_000)]),
    "zset": lambda s: s.zadd("k", {f"m{i}": i for i in range(30_000)}),
    "hash": lambda s: s.hset("k", mapping={f"field{i}": i for i in range(30_000)}),
    "hash with deadlines": lambda s: [s.hset("k", mapping={f"f{i}": i for i in range(5_000)}), s.execute("HEXPIRE", "k", 1000, "FIELDS", 5_000, *[f"f{i}" for i in range(5_000)])],
    "stream": lambda s: fill_stream(s, "k", 5_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", LARGE)
def test_others_are_served_between_the_commands_of_a_large_value(kind, tmp_path):
    store = kvd.Store()
    store.clock.freeze(NOW)
    LARGE[kind](store)
    store.expire("k", 1000)
    store.set("other", "v")
    before, digest_of_value = digest(store), store.execute("DEBUG", "DIGEST-VALUE", "k")
    snap = probe.Snapshot(store, True)
    slices, longest, size = 0, 0, 0
    while not snap.some(10_000):
        slices += 1
        longest, size = max(longest, snap.size() - size), snap.size()
        assert store.get("other") == b"v"
    assert slices > 20 and longest < 30_000
    with replayed(snap.file(), tmp_path) as copy:
        assert digest(copy) == before and copy.execute("DEBUG", "DIGEST-VALUE", "k") == digest_of_value and copy.execute("DEBUG", "CHECK") == b"OK"


CHANGES = [("DEL", "k"), ("RENAME", "k", "x"), ("FLUSHALL",), ("EXPIRE", "k", "1"), ("PERSIST", "k"), ("SWAPDB", "0", "1"), ("SET", "k", "v"), ("COPY", "other", "k", "REPLACE"), None]


@pytest.mark.parametrize("words", CHANGES)
@pytest.mark.parametrize("kind", LARGE)
def test_a_value_that_is_half_written_as_commands_is_finished_before_it_changes(kind, words, tmp_path):
    """None: it is given up there."""
    store = kvd.Store()
    store.clock.freeze(NOW)
    LARGE[kind](store)
    store.expire("k", 1000)
    store.set("other", "1")
    store.execute("SELECT", 2)
    store.set("of another database", "1")
    before = digest(store)
    snap = probe.Snapshot(store, True)
    for _ in range(8):
        assert not snap.some(5000)
    store.set("of another database", "2")          # these are written aside
    store.execute("SELECT", 0)
    store.set("other", "2")
    if words is None:
        snap.give_up()
    else:
        store.execute(*words)
    while not snap.some(5000):
        store.incr("other")
    assert store.execute("DEBUG", "CHECK") == b"OK"
    if words is not None:
        with replayed(snap.file(), tmp_path) as copy:
            assert digest(copy) == before
    now = digest(store)
    again = probe.Snapshot(store)                  # no mark is left
    again.some(1 << 40)
    assert digest(loaded(again.file())) == now


@pytest.mark.parametrize("words", [("HSET", "h", "f1", "new"), ("DEL", "h"), ("HPEXPIRE", "h", "1", "FIELDS", "1", "f2"), ("RENAME", "h", "x"), ("FLUSHALL",), ("EXPIRE", "h", "1")])
def test_a_value_that_is_half_written_is_finished_before_it_changes(words):
    store = kvd.Store()
    store.clock.freeze(NOW)
    store.hset("h", mapping={f"f{i}": i for i in range(10_000)})
    store.set("other", "1")
    before = digest(store)
    snap = probe.Snapshot(store)
    for _ in range(5):
        snap.some(1000)
    store.set("other", "2")
    store.execute(*words)
    while not snap.some(1000):
        store.incr("other")
    assert digest(loaded(snap.file())) == before


def test_a_snapshot_that_is_given_up_leaves_no_mark():
    store = kvd.Store()
    store.clock.freeze(NOW)
    fill(store, 200)
    snap = probe.Snapshot(store)
    for n in range(30):
        snap.some(300)
        store.set(f"k{n}", "new")
        store.set(f"more{n}", "new")
    snap.give_up()
    while not snap.some(64):
        store.set("more1", "x")
        store.delete("more2")
    before = digest(store)
    again = probe.Snapshot(store)
    again.some(1 << 40)
    assert digest(loaded(again.file())) == before


def test_memory_is_not_multiplied():
    """What a snapshot holds while nothing changes is what the caller has not taken yet."""
    store = kvd.Store()
    fill(store, 2000)
    used = store.used_memory
    snap = probe.Snapshot(store)
    while not snap.some(5000):
        assert store.used_memory < used * 1.05


def test_there_is_one_at_a_time():
    store = kvd.Store()
    snap = probe.Snapshot(store)
    with pytest.raises(RuntimeError):
        probe.Snapshot(store)
    assert snap.some(1) is True
    probe.Snapshot(store)


def test_a_data_set_that_is_loaded_meanwhile_does_not_get_into_the_file():
    store, other = kvd.Store(enable_debug_command="yes"), kvd.Store()
    store.clock.freeze(NOW)
    fill(store, 120, 3)
    store.hset("large", mapping={f"f{i}": i for i in range(3000)})
    other.mset({f"other{i}": i for i in range(500)})
    data = io.BytesIO()
    other.snapshot(data)
    before = digest(store)
    for slices in range(12):
        snap = probe.Snapshot(store)
        for _ in range(slices):
            snap.some(700)
        store.load(data.getvalue())
        store.set("later", "v")
        while not snap.some(700):
            pass
        assert digest(loaded(snap.file())) == before and store.execute("DEBUG", "CHECK") == b"OK"
        store.load(snap.file())


def test_watched_keys_are_touched_when_a_database_is_flushed_meanwhile():
    for flush in ("FLUSHALL", "FLUSHDB"):
        store = kvd.Store()
        store.mset({f"k{i}": "v" for i in range(200)})
        with store.session() as session:
            session.execute("WATCH", "k1")
            snap = probe.Snapshot(store)
            snap.some(100)
            store.execute(flush)
            session.execute("MULTI")
            assert session.execute("EXEC") is None
            while not snap.some(1000):
                pass
