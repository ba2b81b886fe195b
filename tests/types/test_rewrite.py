"""The commands that rebuild a value: parts of limited size, and the same value afterwards."""

import pytest
from hypothesis import given, settings

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
