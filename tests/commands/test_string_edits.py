"""SETRANGE, APPEND and GETRANGE at their limits."""

import pytest

import kvd


@pytest.mark.parametrize("offset", ["-1", "536870912", "9223372036854775807", "4294967296"])
def test_setrange_beyond_the_longest_string(peer, offset):
    peer("SET", "k", "v")
    assert str(peer("SETRANGE", "k", offset, "x")) in ("ERR offset is out of range", "ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    assert peer("GET", "k") == b"v" and peer("SETRANGE", "k", offset, "") in (1,) or offset == "-1"


def test_setrange_of_nothing_makes_no_key(peer):
    assert peer("SETRANGE", "k", 100, "") == 0 and peer("EXISTS", "k") == 0


def test_setrange_takes_the_memory_of_what_it_holds():
    """Not twice as much, although the string may grow again."""
    store = kvd.Store()
    before = store.used_memory
    store.execute("SETRANGE", "k", 100_000, "x")
    assert 100_001 <= store.used_memory - before < 115_000 and store.execute("STRLEN", "k") == 100_001


def test_a_string_may_not_outgrow_the_limit(peer):
    peer("CONFIG", "SET", "proto-max-bulk-len", 1_048_576)
    try:
        peer("SET", "k", "x" * 1_048_000)
        for words in (("APPEND", "k", "y" * 1000), ("SETRANGE", "k", 1_048_576, "y"), ("SETRANGE", "k", 1_048_575, "yy")):
            assert "exceeds maximum allowed size" in str(peer(*words)), words
        assert peer("STRLEN", "k") == 1_048_000 and peer("APPEND", "k", "y" * 576) == 1_048_576
    finally:
        peer("CONFIG", "SET", "proto-max-bulk-len", 536_870_912)
