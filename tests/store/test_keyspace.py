"""Databases: what is in them after moving, exchanging and flushing; large values are freed in slices."""

import re

import pytest

import kvd

from ..waiting import eventually


def freed(store):
    return eventually(lambda: not store.info("memory")["lazyfree_pending_objects"])


@pytest.mark.parametrize("words", [("FLUSHALL",), ("FLUSHDB",), ("FLUSHALL", "SYNC"), ("FLUSHALL", "ASYNC"), ("DEL", "h"), ("UNLINK", "h"), ("SET", "h", "v"), ("RENAME", "other", "h"), ("EXPIRE", "h", 0)])
def test_a_large_value_leaves_in_slices(words):
    """Where a server runs, the command is answered before the memory is free."""
    with kvd.Store(enable_debug_command="yes").serve() as server:
        free_in_slices(server.store, words)


def free_in_slices(store, words):
    before = store.used_memory
    for i in range(0, 200_000, 1000):
        store.execute("HSET", "h", *(w for n in range(i, i + 1000) for w in (f"field:{n}", "v" * 20)))
    store.execute("SET", "other", "v")
    full = store.used_memory
    assert full - before > 8_000_000
    with store.session() as run:
        run.execute("MULTI")
        run.execute(*words)
        run.execute("INFO", "memory")
        assert re.search(rb"lazyfree_pending_objects:[12]\r", run.execute("EXEC")[1])
    assert freed(store)
    assert store.used_memory < before + 300_000 and store.execute("DEBUG", "CHECK") == b"OK"


@pytest.mark.parametrize("add", [("RPUSH", lambda n: (f"e{n}" * 5,)), ("SADD", lambda n: (f"e{n}" * 5,)), ("ZADD", lambda n: (n, f"e{n}" * 5)), ("XADD", lambda n: ("f", f"e{n}"))], ids=lambda a: a[0])
def test_large_values_of_every_type(add):
    name, words = add
    store = kvd.Store()
    before = store.used_memory
    for i in range(0, 50_000, 1000):
        if name == "XADD":
            for n in range(i, i + 1000):
                store.execute(name, "k", "*", *words(n))
        else:
            store.execute(name, "k", *(w for n in range(i, i + 1000) for w in words(n)))
    store.execute("FLUSHALL")
    assert store.dbsize() == 0 and freed(store) and store.used_memory < before + 300_000


def test_databases_are_apart(store):
    with store.session() as run:
        for db in range(16):
            run.execute("SELECT", db)
            run.execute("SET", "k", db)
        assert [line.split(b":")[0] for line in run.execute("INFO", "keyspace").split()[2:]] == [b"db%d" % db for db in range(16)]
        run.execute("SWAPDB", 3, 7)
        run.execute("SELECT", 3)
        assert run.execute("GET", "k") == b"7"
        assert run.execute("MOVE", "k", 5) == 0 and run.execute("DEL", "k") == 1
        run.execute("FLUSHDB")
        run.execute("SELECT", 5)
        assert run.execute("MOVE", "k", 3) == 1 and run.execute("DBSIZE") == 0
        for bad in ("16", "-1", "x", "9223372036854775807"):
            with pytest.raises(kvd.ResponseError):
                run.execute("SELECT", bad)


def test_average_ttl_and_expires(store):
    store.clock.freeze(1_700_000_000)
    store.set("a", 1, ex=100)
    store.set("b", 1, ex=300)
    store.set("c", 1)
    found = store.info("keyspace")["db0"]
    assert (found["keys"], found["expires"]) == (3, 2) and 0 <= found["avg_ttl"] <= 300_000


def test_a_moved_key_keeps_its_deadline_and_access_time(store):
    store.clock.freeze(1_700_000_000)
    store.set("k", "v", ex=100)
    store.execute("MOVE", "k", 1)
    with store.session() as run:
        run.execute("SELECT", 1)
        assert run.execute("TTL", "k") == 100
    assert store.info("keyspace")["db1"]["expires"] == 1
