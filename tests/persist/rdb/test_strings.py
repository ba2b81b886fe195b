"""Strings in RDB files: integers as integers, long ones compressed, every byte as it is."""

import pytest

from .payloads import seal

VALUES = [b"", b"v", b"0", b"-1", b"127", b"128", b"-32769", b"2147483647", b"2147483648", b"9223372036854775807", b"9223372036854775808", b"007", b"-0", b"1.0", b" 1", bytes(range(256))]


@pytest.mark.parametrize("value", VALUES)
def test_there_and_back(peer, ours, value):
    """The same bytes as those of a real server."""
    ours("SET", "k", value)
    payload = ours("DUMP", "k")
    peer("SET", "k", value)
    theirs = peer("DUMP", "k")
    assert payload[:-10] == theirs[:-10] and ours("RESTORE", "z", 0, theirs if peer.version >= (99, 0) else seal(theirs[:-10])) == b"OK" and ours("GET", "z") == value


@pytest.mark.parametrize(("value", "encoding"), [("12", b"int"), ("word", b"embstr"), ("x" * 100, b"raw")])
def test_the_encoding_is_that_of_a_new_value(ours, value, encoding):
    ours("SET", "k", "x")
    ours("APPEND", "k", value)
    ours("SETRANGE", "k", 0, value)
    ours("SET", "n", value)
    assert ours("RESTORE", "z", 0, ours("DUMP", "n")) == b"OK" and ours("OBJECT", "ENCODING", "z") == encoding


def test_the_empty_payload_is_refused(ours):
    for data in (b"", seal(b""), seal(b"\x00"), seal(b"\x63\x01a")):
        assert isinstance(ours("RESTORE", "z", 0, data), Exception) and ours("EXISTS", "z") == 0
