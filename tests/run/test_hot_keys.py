"""What a search for hot keys counts; the clock is frozen. The arguments and the reply of HOTKEYS: tests/commands/test_hot_keys.py."""

import pytest

import kvd

from ..compat.wire import Wire


def size(*words):
    return len(Wire.frame(words))


@pytest.fixture
def store():
    store = kvd.Store()
    store.clock.freeze(1_000_000)
    return store


def found(store):
    reply = store.execute("HOTKEYS", "GET")
    if reply is None:
        return None
    return {name.decode(): value for name, value in reply[0].items()}


def keys(pairs):
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def start(store, *words):
    assert store.execute("HOTKEYS", "START", *words) == b"OK"


def test_bytes_of_requests_and_replies(store):
    start(store, "METRICS", 1, "NET")
    store.execute("SET", "a", "x" * 100)
    store.execute("GET", "a")
    store.execute("GET", "b")
    assert keys(found(store)["by-net-bytes"]) == {b"a": size("SET", "a", "x" * 100) + 5 + size("GET", "a") + len("$100\r\n\r\n") + 100, b"b": size("GET", "b") + 3}


def test_the_doors_short_paths_count_too(store):
    start(store, "METRICS", 2, "CPU", "NET")
    store.set("a", "v")
    store.get("a")
    assert keys(found(store)["by-net-bytes"]) == {b"a": size("SET", "a", "v") + 5 + size("GET", "a") + 7}
    assert list(keys(found(store)["by-cpu-time-us"])) == [b"a"]


def test_keys_of_a_call_share_it(store):
    start(store, "METRICS", 1, "NET")
    store.execute("MGET", "a", "b")
    half = (size("MGET", "a", "b") + len("*2\r\n_\r\n_\r\n")) // 2
    assert keys(found(store)["by-net-bytes"]) == {b"a": half, b"b": half}


def test_a_script_and_a_transaction(store):
    start(store, "METRICS", 1, "NET")
    store.execute("EVAL", "redis.call('set', KEYS[1], 1); redis.call('set', 'undeclared', 1)", 1, "x")
    session = store.session()
    for line in ("MULTI", "SET y 1", "EXEC"):
        session.execute(*line.split())
    assert set(keys(found(store)["by-net-bytes"])) == {b"x", b"y"}
    total = found(store)["net-bytes-all-commands-all-slots"]
    store.execute("PING")
    assert found(store)["net-bytes-all-commands-all-slots"] > total


def test_hot_keys_come_first(store):
    start(store, "METRICS", 2, "CPU", "NET", "COUNT", 3)
    for i in range(3000):
        store.execute("GET", f"cold{i}")
        store.execute("GET", f"hot{i % 3}")
    assert set(keys(found(store)["by-net-bytes"])) == {b"hot0", b"hot1", b"hot2"} and len(found(store)["by-cpu-time-us"]) == 6


def test_a_sample(store):
    start(store, "METRICS", 1, "NET", "SAMPLE", 10)
    for _ in range(5000):
        store.execute("GET", "hot")
    one = size("GET", "hot") + len("_\r\n")
    result = found(store)
    assert 200 * one < keys(result["by-net-bytes"])[b"hot"] < 1000 * one and result["net-bytes-all-commands-all-slots"] >= 5000 * one
    assert result["sample-ratio"] == 10


def test_a_duration_ends_it(store):
    start(store, "METRICS", 1, "NET", "DURATION", 10)
    store.execute("GET", "a")
    store.clock.advance(4)
    assert found(store)["tracking-active"] == 1 and found(store)["collection-duration-ms"] == 4000
    store.clock.advance(60)
    store.execute("GET", "late")
    result = found(store)
    assert result["tracking-active"] == 0 and result["collection-duration-ms"] == 10_000 and list(keys(result["by-net-bytes"])) == [b"a"]
    assert result["collection-start-time-unix-ms"] == 1_000_000_000
    start(store, "METRICS", 1, "CPU")
    assert found(store)["tracking-active"] == 1 and "by-net-bytes" not in found(store)


def test_what_it_found_stays_until_reset(store):
    start(store, "METRICS", 1, "NET")
    store.execute("GET", "a")
    store.clock.advance(5)
    assert store.execute("HOTKEYS", "STOP") == b"OK"
    before = found(store)
    store.clock.advance(5)
    store.execute("GET", "b")
    assert found(store) == before and before["tracking-active"] == 0 and before["collection-duration-ms"] == 5000
    used = store.used_memory
    assert store.execute("HOTKEYS", "RESET") == b"OK" and found(store) is None
    assert store.info("memory")["used_memory"] < used


def test_keys_of_picked_slots():
    store = kvd.Store(cluster_enabled=True)
    slot = store.execute("CLUSTER", "KEYSLOT", "a")
    start(store, "METRICS", 1, "NET", "SAMPLE", 1, "SLOTS", 1, slot)
    for key in ("a", "{a}b", "other"):
        store.execute("GET", key)
    result = found(store)
    assert set(keys(result["by-net-bytes"])) == {b"a", b"{a}b"} and result["selected-slots"] == [[slot]]
    assert result["net-bytes-all-commands-selected-slots"] == size("GET", "a") + size("GET", "{a}b") + 6 < result["net-bytes-all-commands-all-slots"]
    assert "net-bytes-sampled-commands-selected-slots" not in result


def test_memory_is_bounded_and_reported(store):
    start(store, "METRICS", 2, "CPU", "NET", "COUNT", 64)
    store.execute("GET", "a")
    used = store.used_memory
    for i in range(20_000):
        store.execute("GET", f"key{i:020}")
    assert 0 < store.info("memory")["used_memory"] - used < 500_000
