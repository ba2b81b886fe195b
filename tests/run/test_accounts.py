"""Which calls are booked, and where: seen through CLUSTER SLOT-STATS."""

import pytest

import kvd

from ..compat.wire import Wire


@pytest.fixture
def server():
    with kvd.Store(cluster_enabled=True, cluster_slot_stats_enabled="yes").serve() as running:
        yield running


@pytest.fixture
def wire(server):
    return Wire(("127.0.0.1", server.port))


def size(*words):
    return len(Wire.frame(words))


def costs(wire, key="k"):
    slot = wire("CLUSTER", "KEYSLOT", key)
    [[number, pairs]] = wire("CLUSTER", "SLOT-STATS", "SLOTSRANGE", slot, slot)
    assert number == slot
    return dict(zip((name.decode() for name in pairs[::2]), pairs[1::2], strict=True))


def traffic(wire, *lines, key="k"):
    """(bytes in, bytes out) that the commands add to the key's slot."""
    before = costs(wire, key)
    for line in lines:
        wire(*line.split())
    after = costs(wire, key)
    return tuple(after[name] - before[name] for name in ("network-bytes-in", "network-bytes-out"))


def test_requests_and_replies_in_bytes(wire):
    assert traffic(wire, "SET k v") == (size("SET", "k", "v"), len("+OK\r\n"))
    assert traffic(wire, "GET k") == (size("GET", "k"), len("$1\r\nv\r\n"))
    assert traffic(wire, "MGET {k}a {k}b") == (size("MGET", "{k}a", "{k}b"), len("*2\r\n$-1\r\n$-1\r\n"))
    assert traffic(wire, "LPUSH k v")[0] == size("LPUSH", "k", "v")            # the wrong type
    assert traffic(wire, "SPUBLISH k hello") == (size("SPUBLISH", "k", "hello"), len(":0\r\n"))
    assert costs(wire)["cpu-usec"] >= 0


def test_what_belongs_to_no_slot(wire):
    for line in ("PING", "DBSIZE", "CLUSTER KEYSLOT k", "GET", "MGET k other", "GET other"):
        assert traffic(wire, line) == (0, 0)


def test_each_command_of_a_transaction(wire):
    assert traffic(wire, "MULTI", "SET k v", "GET k", "EXEC") == (size("SET", "k", "v") + size("GET", "k"), len("+OK\r\n$1\r\nv\r\n"))
    assert traffic(wire, "MULTI", "SET k v", "DISCARD") == (0, 0)


def test_a_script_as_a_whole(wire):
    script = "redis.call('set',KEYS[1],'v');return(redis.call('get',KEYS[1]))"
    assert traffic(wire, f"EVAL {script} 1 k") == (size("EVAL", script, "1", "k"), len("$1\r\nv\r\n"))


def test_a_blocked_command_when_it_is_served(server, wire):
    other = Wire(("127.0.0.1", server.port))
    other.send(other.frame(["BLPOP", "k", "0"]))
    while b"blocked_clients:1" not in wire("INFO", "clients"):
        pass
    assert traffic(wire, "RPUSH k v")[0] == size("RPUSH", "k", "v") + size("BLPOP", "k", "0") and other.read() == [b"k", b"v"]


@pytest.mark.parametrize(("choice", "shown"), [
    ("no", set()), ("cpu", {"cpu-usec"}), ("net", {"network-bytes-in", "network-bytes-out"}), ("mem", {"memory-bytes"}),
    ("yes", {"cpu-usec", "network-bytes-in", "network-bytes-out", "memory-bytes"}),
])  # fmt: skip
def test_the_option(wire, choice, shown):
    assert wire("CONFIG", "SET", "cluster-slot-stats-enabled", choice) == b"OK"
    assert set(costs(wire)) == {"key-count", *shown}


def test_accounts_survive_the_option_and_end_with_resetstat(wire):
    wire("SET", "k", "v")
    booked = costs(wire)
    wire("CONFIG", "SET", "cluster-slot-stats-enabled", "no")
    wire("SET", "k", "v")
    wire("CONFIG", "SET", "cluster-slot-stats-enabled", "yes")
    assert costs(wire)["network-bytes-in"] == booked["network-bytes-in"] > 0
    wire("CONFIG", "RESETSTAT")
    assert costs(wire)["network-bytes-in"] == costs(wire)["cpu-usec"] == 0 and costs(wire)["key-count"] == 1


def test_calls_in_process_are_booked_too():
    store = kvd.Store(cluster_enabled=True, cluster_slot_stats_enabled="net")
    slot = store.execute("CLUSTER", "KEYSLOT", "k")
    store.set("k", "v")
    store.get("k")
    assert store.execute("CLUSTER", "SLOT-STATS", "SLOTSRANGE", slot, slot)[0][1][b"network-bytes-in"] == size("SET", "k", "v") + size("GET", "k")


def test_a_store_that_is_no_cluster_books_nothing():
    store = kvd.Store(cluster_slot_stats_enabled="yes")
    used = store.used_memory
    store.set("k", "v")
    assert store.used_memory - used < 1000
