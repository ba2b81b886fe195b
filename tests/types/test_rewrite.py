"""The commands that rebuild a value: parts of limited size, and the same value afterwards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd
from kvd.doors import _probe_snapshot as probe

from .values import ANY, FAR, OPTIONS, details, new_store, run


@settings(max_examples=300, deadline=None)
@given(ANY, OPTIONS, OPTIONS)
def test_rewritten_commands_rebuild_the_value(commands, options, others):
    store, other = new_store(options), new_store(others)
    run(store, commands)
    if not store.exists("k"):
        return
    store.pexpireat("k", FAR)
    for words in store.execute("DEBUG", "REWRITE", "k"):
        other.execute(*words)
    assert other.execute("DEBUG", "DIGEST") == store.execute("DEBUG", "DIGEST")
    assert details(other) == details(store)
    assert other.pexpiretime("k") == FAR
    assert other.execute("DEBUG", "CHECK") == b"OK"


@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000])
def test_large_values_are_rewritten_in_parts(count):
    store = new_store({})
    for name, items in (("RPUSH", 1), ("SADD", 1), ("HSET", 2), ("ZADD", 2)):
        store.execute(name, name, *[n for n in range(count) for _ in range(items)])
        commands = store.execute("DEBUG", "REWRITE", name)
        assert [len(words) - 2 for words in commands] == [min(64, count - at) * items for at in range(0, count, 64)]


@settings(max_examples=200, deadline=None)
@given(ANY, OPTIONS, st.sampled_from([1, 50, 1000]))
def test_commands_in_slices_rebuild_the_value(tmp_path_factory, commands, options, size):
    store = new_store(options)
    run(store, commands)
    store.pexpireat("k", FAR)
    snap = probe.Snapshot(store, True)
    assert any(snap.some(size) for _ in range(100_000))        # each slice goes on
    path = tmp_path_factory.mktemp("commands") / "k.kvd"
    path.write_bytes(snap.file())
    with kvd.Store(path, enable_debug_command="yes") as other:
        assert other.execute("DEBUG", "DIGEST") == store.execute("DEBUG", "DIGEST") and other.execute("DEBUG", "CHECK") == b"OK"
        if store.exists("k"):
            assert details(other) == details(store)
