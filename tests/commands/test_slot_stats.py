"""CLUSTER SLOT-STATS: its arguments, its order and its reply. What is booked: tests/run/test_accounts.py; a real server: tests/compat/test_slot_stats.py."""

import pytest

import kvd


@pytest.fixture
def store():
    store = kvd.Store(cluster_enabled=True)
    for i in range(50):
        store.set(f"{{{i % 20}}}{i}", "v" * i)
    return store


def stats(store, *words):
    return [(slot, {name.decode(): n for name, n in row.items()}) for slot, row in store.execute("CLUSTER", "SLOT-STATS", *words)]


def test_a_range(store):
    assert stats(store, "slotsrange", 0, 2) == [(i, {"key-count": 0}) for i in range(3)]
    everything = stats(store, "SLOTSRANGE", 0, 16383)
    assert [slot for slot, _ in everything] == list(range(16384)) and sum(row["key-count"] for _, row in everything) == 50
    slot = store.execute("CLUSTER", "KEYSLOT", "{0}x")
    assert stats(store, "SLOTSRANGE", slot, slot) == [(slot, {"key-count": store.execute("CLUSTER", "COUNTKEYSINSLOT", slot)})]


def test_an_order(store):
    by_keys = stats(store, "ORDERBY", "key-count")
    assert len(by_keys) == 16384 and by_keys == sorted(by_keys, key=lambda row: (-row[1]["key-count"], row[0]))
    assert stats(store, "ORDERBY", "KEY-COUNT", "LIMIT", 3) == by_keys[:3] == stats(store, "ORDERBY", "key-count", "DESC", "LIMIT", 3)
    assert stats(store, "ORDERBY", "key-count", "asc", "limit", 2) == [(0, {"key-count": 0}), (1, {"key-count": 0})]


def test_memory(store):
    store.execute("CONFIG", "SET", "cluster-slot-stats-enabled", "mem")
    slot, row = stats(store, "ORDERBY", "memory-bytes", "LIMIT", 1)[0]
    keys = store.execute("CLUSTER", "GETKEYSINSLOT", slot, 100)
    assert row["memory-bytes"] == sum(store.execute("MEMORY", "USAGE", key) for key in keys) > 0 and row["key-count"] == len(keys)


def test_it_is_unknown_to_older_servers():
    for server in ("redis-8.0", "valkey-7.2"):
        with pytest.raises(kvd.ResponseError, match="unknown subcommand"):
            kvd.Store(emulate=server, cluster_enabled=True).execute("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 0, 0)
    valkey = kvd.Store(emulate="valkey-8.0", cluster_enabled=True, cluster_slot_stats_enabled="yes")
    assert set(stats(valkey, "SLOTSRANGE", 0, 0)[0][1]) == {"key-count", "cpu-usec", "network-bytes-in", "network-bytes-out"}


def test_a_store_that_is_no_cluster():
    with pytest.raises(kvd.ResponseError, match="This instance has cluster support disabled"):
        kvd.Store().execute("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 0, 0)
