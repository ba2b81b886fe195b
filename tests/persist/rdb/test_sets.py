"""Sets in RDB files: members one by one, the intset, and the packed form, which is read but not written."""

import struct

import pytest

from .payloads import counted, refused


def intset(width, *numbers):
    letter = {2: "h", 4: "i", 8: "q"}[width]
    return struct.pack("<II", width, len(numbers)) + b"".join(struct.pack("<" + letter, n) for n in numbers)


def test_members_one_by_one(ours):
    assert ours.restore(b"\x02\x03\x01a\xc0\x05\x00") == b"OK" and set(ours("SMEMBERS", "z")) == {b"a", b"5", b""}


@pytest.mark.parametrize(("width", "numbers"), [(2, (-5, 1, 300)), (4, (-70_000, 1, 70_000)), (8, (-(2**63), 0, 2**63 - 1)), (8, (1, 2))])
def test_intsets(ours, width, numbers):
    assert ours.restore(b"\x0b" + counted(intset(width, *numbers))) == b"OK" and {int(n) for n in ours("SMEMBERS", "z")} == set(numbers) and ours("OBJECT", "ENCODING", "z") == b"intset"


def test_the_packed_form_is_written_member_by_member(ours):
    """As servers before 7.2 need it."""
    ours("SADD", "s", "a", "b")
    assert ours("OBJECT", "ENCODING", "s") == b"listpack" and ours("DUMP", "s")[0] == 2
    ours("RPUSH", "l", "a", "b")
    packed = ours("DUMP", "l")[3:-10]
    assert ours.restore(b"\x14" + packed) == b"OK" and set(ours("SMEMBERS", "z")) == {b"a", b"b"}


@pytest.mark.parametrize("body", [
    b"\x02\x00", b"\x02\x02\x01a", b"\x02\x02\x01a\x01a", b"\x0b" + counted(intset(2)), b"\x0b" + counted(intset(2, 2, 1)), b"\x0b" + counted(intset(2, 1, 1)), b"\x0b" + counted(struct.pack("<II", 3, 1) + b"abc"), b"\x0b" + counted(struct.pack("<II", 2, 5) + b"ab"),
    b"\x0b" + counted(struct.pack("<II", 8, 0x20000001) + b"12345678"), b"\x0b\x00", b"\x14\x00",
])  # fmt: skip
def test_wrong_ones_are_refused(ours, body):
    """Empty, doubled, out of order, of a width there is not, shorter or longer than they say."""
    assert refused(ours.restore(body)) and ours("EXISTS", "z") == 0
