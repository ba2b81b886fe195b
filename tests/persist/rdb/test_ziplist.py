"""Ziplists of Redis before 7: every encoding of an element, and lengths that lie."""

import pytest

from ..test_dumping import ZIPLIST
from .payloads import counted, refused, seal


@pytest.mark.parametrize("kind, read, expected", [
    (10, ("LRANGE", "z", 0, -1), [b"a-b", b"2", b"1000", b"-127"]),
    (13, ("HGETALL", "z"), [b"a-b", b"2", b"1000", b"-127"]),
    (12, ("ZRANGE", "z", 0, -1, "WITHSCORES"), [b"1000", b"-127", b"a-b", b"2"]),
])  # fmt: skip
def test_ziplists_of_redis_6(ours, kind, read, expected):
    blob = bytes([len(ZIPLIST)]) + ZIPLIST
    assert ours("RESTORE", "z", 0, seal(bytes([kind]) + blob), "REPLACE") == b"OK"
    assert ours(*read) == expected


def ziplist(*entries):
    """entries: encoding and content of each."""
    body, previous = b"", 0
    for entry in entries:
        whole = (bytes([previous]) if previous < 254 else b"\xfe" + previous.to_bytes(4, "little")) + entry
        body += whole
        previous = len(whole)
    count = min(len(entries), 65535).to_bytes(2, "little")
    return (11 + len(body)).to_bytes(4, "little") + (10 + len(body) - previous if entries else 10).to_bytes(4, "little") + count + body + b"\xff"


@pytest.mark.parametrize(("entry", "value"), [
    (b"\x00", b""), (b"\x03abc", b"abc"), (b"\x3f" + b"x" * 63, b"x" * 63), (b"\x40\x40" + b"x" * 64, b"x" * 64), (b"\x40\x05abcde", b"abcde"), (b"\x80\x00\x00\x40\x00" + b"x" * 16384, b"x" * 16384),
    (b"\xf1", b"0"), (b"\xfd", b"12"), (b"\xfe\x80", b"-128"), (b"\xfe\x7f", b"127"), (b"\xc0\x00\x80", b"-32768"), (b"\xf0\x00\x00\x80", b"-8388608"), (b"\xf0\xff\xff\x7f", b"8388607"), (b"\xd0\x00\x00\x00\x80", b"-2147483648"),
    (b"\xe0" + b"\xff" * 7 + b"\x7f", b"9223372036854775807"), (b"\xe0" + b"\x00" * 7 + b"\x80", b"-9223372036854775808"),
])  # fmt: skip
def test_encodings(ours, entry, value):
    packed = ziplist(b"\x01a", entry, b"\x01z")
    long = b"\x80" + len(packed).to_bytes(4, "big") + packed
    assert ours.restore(b"\x0a" + (counted(packed) if len(packed) < 16384 else long)) == b"OK" and ours("LRANGE", "z", 0, -1) == [b"a", value, b"z"]


@pytest.mark.parametrize("packed", [
    b"", ziplist(), ziplist(b"\x3fshort"), ziplist(b"\x05abc"), ziplist(b"\xc0\x01"), ziplist(b"\xe0\x01"), ziplist(b"\xff"), ziplist(b"\xc1\x00\x00"), ziplist(b"\x81\x00\x00\x00\x01a"), ziplist(b"\x80\xff\xff\xff\xffa"), ziplist(b"\x01a")[:-1], ziplist(b"\x01a") + b"\xff",
    ziplist(b"\x01a")[:-1] + b"\xfe\xff",
])  # fmt: skip
def test_broken_ones_are_refused(ours, packed):
    assert refused(ours.restore(b"\x0a" + counted(packed))) and ours("EXISTS", "z") == 0
