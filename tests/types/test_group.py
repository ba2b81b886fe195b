"""Consumer groups: a pending entry is one of its group and of one consumer, whatever is done to either."""

import random

import pytest

import kvd


@pytest.fixture
def store():
    store = kvd.Store(enable_debug_command="yes")
    for i in range(1, 201):
        store.execute("XADD", "x", f"{i}-0", "n", i)
    store.execute("XGROUP", "CREATE", "x", "g", 0)
    return store


def check(store, group="g"):
    """Figures of the group are the sums of those of its consumers, and the store is sound."""
    consumers = {row[b"name"]: row[b"pending"] for row in store.execute("XINFO", "CONSUMERS", "x", group)}
    rows = store.execute("XPENDING", "x", group, "-", "+", 1000)
    owners = [row[1] for row in rows]
    full = {g[b"name"]: g for g in store.execute("XINFO", "STREAM", "x", "FULL", "COUNT", 1)[b"groups"]}[group.encode()]
    assert sum(consumers.values()) + full[b"nacked-count"] == len(rows) == store.execute("XPENDING", "x", group)[0] == full[b"pel-count"]
    assert all(owners.count(name) == n for name, n in {**consumers, b"": full[b"nacked-count"]}.items())
    assert [row[0] for row in rows] == sorted({row[0] for row in rows}, key=lambda name: int(name.split(b"-")[0])) and list(consumers) == sorted(consumers)
    assert store.execute("DEBUG", "CHECK") == b"OK"
    return consumers


def test_entries_change_hands(store):
    store.execute("XREADGROUP", "GROUP", "g", "alice", "COUNT", 10, "STREAMS", "x", ">")
    store.execute("XCLAIM", "x", "g", "bob", 0, "1-0", "2-0", "3-0")
    assert check(store) == {b"alice": 7, b"bob": 3}
    store.execute("XAUTOCLAIM", "x", "g", "carol", 0, 0, "COUNT", 5)
    store.execute("XACK", "x", "g", "1-0", "9-0", "150-0")
    assert check(store) == {b"alice": 4, b"bob": 0, b"carol": 4}


def test_a_consumer_that_goes_takes_its_entries_along(store):
    for name in ("b", "a", "c"):
        store.execute("XREADGROUP", "GROUP", "g", name, "COUNT", 5, "STREAMS", "x", ">")
    assert store.execute("XGROUP", "DELCONSUMER", "x", "g", "b") == 5 and check(store) == {b"a": 5, b"c": 5} and store.execute("XGROUP", "DELCONSUMER", "x", "g", "b") == 0


def test_groups_know_nothing_of_each_other(store):
    store.execute("XGROUP", "CREATE", "x", "other", 0)
    store.execute("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "STREAMS", "x", ">")
    store.execute("XREADGROUP", "GROUP", "other", "c", "COUNT", 7, "STREAMS", "x", ">")
    store.execute("XACK", "x", "g", "1-0")
    assert check(store) == {b"c": 4} and check(store, "other") == {b"c": 7} and store.execute("XGROUP", "DESTROY", "x", "other") == 1 and check(store) == {b"c": 4}


def test_many_names_are_found_and_listed_in_order(store):
    names = [f"consumer:{i * 7919 % 500}" for i in range(500)]
    for name in names:
        assert store.execute("XGROUP", "CREATECONSUMER", "x", "g", name) == 1
    assert store.execute("XGROUP", "CREATECONSUMER", "x", "g", names[3]) == 0 and list(check(store)) == sorted(name.encode() for name in names)
    for name in names[::2]:
        store.execute("XGROUP", "DELCONSUMER", "x", "g", name)
    assert list(check(store)) == sorted(name.encode() for name in names[1::2])


def test_memory_comes_back(store):
    before = store.used_memory
    for i in range(200):
        store.execute("XREADGROUP", "GROUP", "g", f"c{i}", "COUNT", 1, "STREAMS", "x", ">")
    full = store.used_memory
    store.execute("XGROUP", "DESTROY", "x", "g")
    assert store.used_memory <= before < full


def test_a_random_life(store):
    chance = random.Random(5)
    for step in range(600):
        ids = [f"{chance.randrange(1, 201)}-0" for _ in range(3)]
        who = f"c{chance.randrange(5)}"
        store.execute(*chance.choice([
            ("XREADGROUP", "GROUP", "g", who, "COUNT", chance.randrange(1, 9), "STREAMS", "x", ">"), ("XACK", "x", "g", *ids), ("XCLAIM", "x", "g", who, 0, *ids, "FORCE"), ("XAUTOCLAIM", "x", "g", who, 0, ids[0], "COUNT", 3),
            ("XNACK", "x", "g", "FAIL", "IDS", len(ids), *ids), ("XNACK", "x", "g", "SILENT", "FORCE", "IDS", 1, ids[0]), ("XREADGROUP", "GROUP", "g", who, "COUNT", 2, "CLAIM", 0, "STREAMS", "x", ">"),
            ("XDEL", "x", ids[0]), ("XGROUP", "DELCONSUMER", "x", "g", who), ("XREADGROUP", "GROUP", "g", who, "NOACK", "COUNT", 1, "STREAMS", "x", ">"), ("XGROUP", "SETID", "x", "g", ids[0]),
        ]))  # fmt: skip
        if step % 10 == 0:
            check(store)
