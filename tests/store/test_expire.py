"""Exact and quiet expiry: keys leave on time without being asked for, and nobody waits for it."""

import time

import pytest
import redis

import kvd

from ..waiting import eventually


def test_keys_leave_untouched_in_a_store_without_a_server(store):
    for i in range(1000):
        store.set(f"k{i}", "x" * 100, px=50)
    store.set("stays", "y")
    assert eventually(lambda: store.info("keyspace")["db0"]["keys"] == 1)
    assert store.info("stats")["expired_keys"] == 1000


def test_keys_leave_untouched_in_a_served_store(server):
    for i in range(1000):
        server.store.set(f"k{i}", "x", px=50)
    assert eventually(lambda: server.store.dbsize() == 0)


def test_keys_leave_after_a_server_ended_or_never_began(server):
    store = kvd.Store()
    store.set("before", "x", px=80)
    with pytest.raises(kvd.ServerError):
        store.serve(port=server.port)
    store.set("after", "x", px=30)
    assert eventually(lambda: store.info("keyspace") == {})
    store.serve().stop()
    store.set("again", "x", px=30)
    assert eventually(lambda: store.info("keyspace") == {})


def test_a_sooner_deadline_is_never_missed(store):
    """The janitor may be anywhere in its round when one comes."""
    store.set("late", "x", ex=1000)
    for i in range(200):
        store.set(f"k{i}", "x", px=1 + i % 30)
        if i % 10 == 0:
            time.sleep(0.003)
    assert eventually(lambda: store.info("keyspace")["db0"]["keys"] == 1)


def test_switching_active_expiry_off_keeps_keys_invisible(store):
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    store.clock.freeze(1_700_000_000)
    store.set("k", "v", px=20)
    store.clock.advance(1)
    assert store.dbsize() == 1
    assert store.get("k") is None
    assert store.dbsize() == 0


def test_a_burst_is_freed_in_slices(server):
    client = redis.Redis(port=server.port)
    client.execute_command("DEBUG", "POPULATE", 50_000, "k", 10)
    at = int(time.time() * 1000) + 6000
    pipe = client.pipeline(transaction=False)
    for i in range(50_000):
        pipe.pexpireat(f"k:{i}", at)
    pipe.execute()
    while client.dbsize():
        client.ping()
        assert time.time() * 1000 < at + 60_000
    assert client.info("stats")["expired_keys"] == 50_000
    assert client.execute_command("DEBUG", "CHECK")


@pytest.mark.parametrize("change", ["persist", "set", "expire"])
def test_a_cancelled_deadline_does_not_fire(store, change):
    store.clock.freeze(1_700_000_000)
    store.set("k", "v", px=60)
    if change == "persist":
        assert store.persist("k")
    elif change == "set":
        store.set("k", "w")
    else:
        store.expire("k", 100)
    store.clock.advance(1)
    assert store.exists("k") == 1


def test_far_deadlines_are_kept_to_the_millisecond(store):
    store.set("k", "v", pxat=4_102_444_800_123)
    assert store.pexpiretime("k") == 4_102_444_800_123
    store.execute("PEXPIREAT", "k", 2**62)
    assert store.pexpiretime("k") == 2**62


def some_expired(store):
    """Keys and fields whose time is over, while nothing frees them; of `h` a field remains, of `gone` none."""
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    store.clock.freeze(1_700_000_000)
    store.hset("h", mapping={"a": 1, "b": 2})
    store.hset("gone", "a", 1)
    store.execute("HPEXPIRE", "h", 5, "FIELDS", 1, "a")
    store.execute("HPEXPIRE", "gone", 5, "FIELDS", 1, "a")
    store.set("k", "v", px=5)
    store.execute("EXPIRE", "h", 100)
    store.clock.advance(0.006)


def test_a_hash_whose_fields_have_expired_is_not_listed():
    for listed in (("KEYS", "*"), ("KEYS", "[gh]*"), ("SCAN", 0), ("SCAN", 0, "TYPE", "hash")):
        store = kvd.Store(enable_debug_command="yes")
        some_expired(store)
        reply = store.execute(*listed)
        assert (reply[1] if listed[0] == "SCAN" else reply) == [b"h"]
        assert store.dbsize() == (1 if listed[-1] in ("*", 0) else 2)      # what was met has been freed


def test_while_writes_are_paused_nothing_is_freed_and_nothing_expired_is_read():
    store = kvd.Store(enable_debug_command="yes")
    some_expired(store)
    digest = store.execute("DEBUG", "DIGEST")
    pausing = store.session()
    pausing.execute("CLIENT", "PAUSE", 1_000_000, "WRITE")
    for _ in range(2):
        assert store.execute("HGETALL", "h") == {b"b": b"2"} and store.hget("h", "a") is None and store.execute("HLEN", "h") == 1
        assert store.execute("HTTL", "h", "FIELDS", 2, "a", "b") == [-2, -1] and store.ttl("h") == 100
        assert store.exists("h", "gone", "k") == 1 and store.type("gone") == b"none" and store.keys("*") == [b"h"]
        assert store.execute("HSCAN", "h", 0) == [b"0", [b"b", b"2"]] and store.execute("RANDOMKEY") == b"h"
        assert store.execute("EVAL_RO", "return {redis.call('HGETALL', 'h'), redis.call('HLEN', 'gone')}", 0) == [[b"b", b"2"], 0]
        assert store.dbsize() == 3 and store.execute("DEBUG", "CHECK") == b"OK"
    pausing.execute("CLIENT", "UNPAUSE")
    assert store.execute("DEBUG", "DIGEST") == digest        # of what had not expired
    assert store.keys("*") == [b"h"] and store.dbsize() == 1 and store.execute("HGETALL", "h") == {b"b": b"2"}


def test_a_random_key_where_all_have_expired_under_a_pause():
    store = kvd.Store(enable_debug_command="yes")
    store.clock.freeze(1_700_000_000)
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    for i in range(300):
        store.set(f"k{i}", 1, px=5)
    store.clock.advance(1)
    pausing = store.session()
    pausing.execute("CLIENT", "PAUSE", 1_000_000, "WRITE")
    assert store.execute("RANDOMKEY") is None and store.dbsize() == 300
    pausing.execute("CLIENT", "UNPAUSE")
    store.set("stays", 1)
    pausing.execute("CLIENT", "PAUSE", 1_000_000, "WRITE")
    assert store.execute("RANDOMKEY") == b"stays"
