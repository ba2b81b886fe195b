"""Commands on keys that a random sequence seldom shows: scanning, large databases, expired keys in listings."""

import pytest


def scan_all(run, *options):
    cursor, seen = "0", []
    while True:
        cursor, keys = run("SCAN", cursor, *options)
        seen += keys
        if cursor == b"0":
            return seen


def test_scan(run):
    for i in range(500):
        run("SET", f"k{i}", i)
    assert sorted(scan_all(run)) == sorted(b"k%d" % i for i in range(500))
    assert sorted(scan_all(run, "MATCH", "k1*", "COUNT", "100")) == sorted(b"k%d" % i for i in range(500) if str(i).startswith("1"))
    assert len(scan_all(run, "TYPE", "string")) == 500 and scan_all(run, "TYPE", "hash") == []
    assert len(run("SCAN", "0", "COUNT", "1000")[1]) == 500
    for bad, why in ((("x",), "ERR invalid cursor"), (("0", "COUNT", "0"), "ERR syntax error"), (("0", "MATCH"), "ERR syntax error"),
                     (("0", "COUNT", "x"), "ERR value is not an integer or out of range")):  # fmt: skip
        assert run("SCAN", *bad) == why


def test_listings_leave_out_what_is_expired(run):
    run.store.clock.freeze(1_700_000_000)
    run("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    run("SET", "gone", 1, "PX", 10)
    run("SET", "here", 1)
    run.store.clock.advance(1)
    assert run("DBSIZE") == 2
    assert run("KEYS", "*") == [b"here"]
    assert run("DBSIZE") == 1
    run("SET", "gone", 1, "PX", 10)
    run.store.clock.advance(1)
    assert scan_all(run) == [b"here"]
    run("SET", "gone", 1, "PX", 10)
    run.store.clock.advance(1)
    assert run("RANDOMKEY") == b"here"


@pytest.mark.parametrize("word", ["SYNC", "ASYNC"])
def test_flush(run, word):
    run("DEBUG", "POPULATE", 10_000)
    run("SELECT", 3)
    run("SET", "k", 1)
    assert run("FLUSHDB", word) == b"OK" and run("DBSIZE") == 0
    run("SELECT", 0)
    assert run("DBSIZE") == 10_000
    assert run("FLUSHALL", word) == b"OK" and run("DBSIZE") == 0
    assert run("FLUSHALL", "NOW") == "ERR syntax error"


def test_object_idletime_and_freq(run):
    run("SET", "k", 1)
    assert run("OBJECT", "IDLETIME", "k") == 0
    assert run("OBJECT", "FREQ", "k").startswith("ERR An LFU maxmemory policy is not selected")
    run("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    run("SET", "new", 1)
    assert run("OBJECT", "FREQ", "new") == 5
    assert run("OBJECT", "IDLETIME", "k").startswith("ERR An LFU maxmemory policy is selected")


def test_rename_of_a_large_value_keeps_it(run):
    run("SET", "a", "x" * 100_000, "EX", 100)
    run("SET", "b", "y")
    assert run("RENAME", "a", "b") == b"OK"
    assert run("STRLEN", "b") == 100_000 and run("EXISTS", "a") == 0 and 98 <= run("TTL", "b") <= 100
    assert run("DEBUG", "CHECK") == b"OK"
