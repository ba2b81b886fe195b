"""Sorted sets in RDB files: scores as doubles and as text, packed and not."""

import struct

import pytest

from .payloads import counted, refused, seal


def test_old_zset_with_scores_as_text(ours):
    assert ours("RESTORE", "z", 0, seal(b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff"), "REPLACE") == b"OK"
    assert ours("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"c", b"-inf", b"a", b"1.5", b"b", b"inf"]


@pytest.mark.parametrize("score", [0.0, 1.5, -2.0**60, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), 0.1])
def test_scores_are_the_same_bits(ours, score):
    assert ours.restore(b"\x05\x01\x01m" + struct.pack("<d", score)) == b"OK" and struct.pack("<d", float(ours("ZSCORE", "z", "m"))) == struct.pack("<d", score)


def test_many_are_ordered_whatever_the_order_of_the_file(ours):
    members = [(i * 7919 % 500 / 3, b"m%03d" % i) for i in range(500)]
    body = b"\x05" + bytes([0x40 | 500 >> 8, 500 & 255]) + b"".join(counted(name) + struct.pack("<d", score) for score, name in members)
    assert ours.restore(body) == b"OK" and ours("ZRANGE", "z", 0, -1) == [name for _, name in sorted(members)]


@pytest.mark.parametrize("body", [
    b"\x05\x00", b"\x05\x01\x01m" + struct.pack("<d", float("nan")), b"\x05\x02" + (b"\x01m" + struct.pack("<d", 1)) * 2, b"\x05\x01\x01m\x00\x00", b"\x03\x01\x01m\xfd", b"\x03\x01\x01m\x03abc", b"\x03\x01\x01m\x00", b"\x03\x02\x01m\x011",
])  # fmt: skip
def test_wrong_ones_are_refused(ours, body):
    """Empty, not a number, the same member twice, too short."""
    assert refused(ours.restore(body)) and ours("EXISTS", "z") == 0
