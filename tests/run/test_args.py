"""What handlers share: errors that are counted and stay in their line, integers, lookups that count, and many keys at once."""

import re

import pytest

from ..compat.wire import Wire


def figure(peer, section, name):
    found = re.search(name.encode() + rb":(?:count=)?(\d+)", peer("INFO", section))
    return int(found[1]) if found else 0


def test_an_error_stays_in_its_line(peer):
    """Whatever an error repeats: a line break would be the end of the reply, and what follows the next one."""
    for words in (("a\r\n+OK",), ("CONFIG", "a\r\n+OK"), ("CLIENT", "SETNAME", "a\r\n+OK"), ("GET", "a", "b\r\n+OK")):
        assert isinstance(peer(*words), Exception)
        assert peer("ECHO", "next") == b"next"


def test_an_error_of_a_script_stays_in_its_line(server):
    """Valkey 8 sends its line break, and what follows is taken for the next reply."""
    wire = Wire(("127.0.0.1", server.port))
    assert "a  +OK" in str(wire("EVAL", "error('a\\r\\n+OK')", "0")) and wire("ECHO", "next") == b"next"


def test_errors_are_counted_by_their_first_word(peer):
    peer("SET", "k", "v")
    peer("CONFIG", "RESETSTAT")
    for words in (("LPUSH", "k", "a"), ("SADD", "k", "a"), ("INCR", "k"), ("NOSUCH",)):
        assert isinstance(peer(*words), Exception)
    assert (figure(peer, "errorstats", "errorstat_WRONGTYPE"), figure(peer, "errorstats", "errorstat_ERR")) == (2, 2)


@pytest.mark.parametrize("number", ["", " 1", "1 ", "+1", "01", "1.0", "1e3", "-0", "0x10", "-", "9223372036854775808", "-9223372036854775809", "1\0"])
def test_what_is_no_integer(peer, number):
    peer("SET", "k", "v")
    assert str(peer("EXPIRE", "k", number)) == "ERR value is not an integer or out of range"
    assert peer("TTL", "k") == -1


@pytest.mark.parametrize("number", ["9223372036854775807", "-9223372036854775808"])
def test_the_outermost_integers(peer, number):
    assert peer("SET", "k", number) == b"OK" and peer("INCRBY", "k", "0") == int(number)


def test_reading_counts_hits_and_misses_and_writing_does_not(peer):
    peer("MSET", "a", "1", "b", "2")
    peer("CONFIG", "RESETSTAT")
    for words in (("GET", "a"), ("MGET", "a", "b", "none"), ("EXISTS", "a", "none"), ("STRLEN", "none"), ("TTL", "a")):
        peer(*words)
    assert (figure(peer, "stats", "keyspace_hits"), figure(peer, "stats", "keyspace_misses")) == (5, 3)
    for words in (("SET", "c", "1"), ("INCR", "a"), ("APPEND", "none", "x"), ("DEL", "none2"), ("EXPIRE", "a", "100")):
        peer(*words)
    assert (figure(peer, "stats", "keyspace_hits"), figure(peer, "stats", "keyspace_misses")) == (5, 3)


@pytest.mark.parametrize("n", [15, 16, 17, 32, 33, 100])
def test_each_of_many_keys_is_its_own(peer, n):
    """Keys are looked up 16 ahead."""
    keys = [f"key:{i}" for i in range(n)]
    peer("MSET", *[word for i, key in enumerate(keys) for word in (key, i)])
    peer("DEL", *keys[::3])
    left = [None if i % 3 == 0 else str(i).encode() for i in range(n)]
    assert peer("MGET", *keys) == left and peer("MGET", *keys[::-1], keys[1]) == [*left[::-1], b"1"]
    assert peer("EXISTS", *keys, keys[1]) == n - len(keys[::3]) + 1
    assert peer("UNLINK", *keys, *keys) == n - len(keys[::3]) and peer("DBSIZE") == 0
