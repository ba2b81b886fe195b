"""Arrays in RDB files: as Redis 8.8 writes them."""

import struct

import pytest

import kvd

from .payloads import counted, refused

TOP = b"\x81" + b"\xff" * 7 + b"\xfe"        # the length 2^64 - 2


def body(*elements, last=b"\x00", count=None):
    return b"\x1c" + bytes([len(elements) if count is None else count]) + last + b"".join(elements)


def text(index, value, tag=0):
    return bytes([index, tag]) + counted(value)


def test_what_is_written(ours):
    ours("ARMSET", "a", 0, "x", 3, -7, 5, "longer than seven bytes", 2**64 - 2, 9)
    assert ours("DUMP", "a")[:-10] == (
        b"\x1c\x04\x00" + b"\x00\x03\x01x" + b"\x03\x01" + struct.pack("<q", -7) + b"\x05\x00\x17longer than seven bytes" + TOP + b"\x01" + struct.pack("<q", 9)
    )
    assert ours("DUMP", "a")[-10:-8] == b"\x0e\x00"
    ours("ARSEEK", "a", 6)
    assert ours("DUMP", "a")[:4] == b"\x1c\x04\x01\x05"


@pytest.mark.parametrize(("value", "tag"), [
    ("12", 1), ("-12", 1), (2**61 - 1, 1), (-(2**61), 1), (2**61, 0), (-(2**61) - 1, 0), ("1.0", 2), ("-0.0", 2), ("-0.5", 2), ("1000000000000000.0", 2), ("0.001953125", 2), ("0.0001220703125", 0), ("0.00001", 3),
    ("171422365113461.13", 2), ("171422365113461.12", 0), ("3.14", 3), ("007", 3), ("+7", 3), ("-0", 3), ("1e5", 3), ("nan", 3), ("inf", 3), ("", 3), (".", 3), ("-.", 3),
    (".5", 3), ("1.", 3), ("1.50", 3), ("1..0", 3), ("1-.0", 3), ("abcdefg", 3), ("abcdefgh", 0), ("9" * 400 + ".0", 0), ("100000000000000000000000.0", 0),
])  # fmt: skip
def test_the_tag_of_an_element(ours, value, tag):
    """Redis holds decimals as doubles without their two lowest bits: those that this does not change are written as doubles."""
    ours("ARSET", "a", 0, value)
    payload = ours("DUMP", "a")
    assert payload[:4] == b"\x1c\x01\x00\x00" and payload[4] == tag
    ours("RESTORE", "b", 0, payload)
    assert ours("ARGET", "b", 0) == str(value).encode()


def test_elements_of_all_tags_are_read(ours):
    """Tags 2 and 3: doubles and short strings, as Redis writes them."""
    doubles = [1.0, -1.0, 0.5, 3.14, 100.0, 1e100, -0.0, 1234.5]
    elements = [text(0, b"a"), text(1, b"b", 3), b"\x02\x01" + struct.pack("<q", -(2**63)), *[bytes([10 + i, 2]) + struct.pack("<d", d) for i, d in enumerate(doubles)]]
    assert ours.restore(body(*elements, last=b"\x01\x09"), version=14) == b"OK"
    assert ours("ARMGET", "z", 0, 1, 2) == [b"a", b"b", b"-9223372036854775808"] and ours("ARNEXT", "z") == 10
    assert ours("ARMGET", "z", *range(10, 18)) == [b"1.0", b"-1.0", b"0.5", b"3.14", b"100.0", b"1e+100", b"-0.0", b"1234.5"]


def test_the_cursor_at_its_end(ours):
    assert ours.restore(body(text(0, b"a"), last=b"\x01" + TOP), version=14) == b"OK" and ours("ARNEXT", "z") is None


@pytest.mark.parametrize("wrong", [
    body(), body(text(0, b"a"), count=2), body(text(0, b"a"), text(0, b"b")), body(text(0, b"a", 4)), body(text(0, b"a"), last=b"\x02"), body(text(0, b"a"), last=b"\x01"),
    body(text(0, b"a"), last=b"\x01\x81" + b"\xff" * 8), body(b"\x81" + b"\xff" * 8 + b"\x00\x01a"), body(b"\x00\x01abc"), body(b"\x00\x02abc"), b"\x1c", b"\x1c\x81" + b"\xff" * 8 + b"\x00",
])  # fmt: skip
def test_wrong_ones_are_refused(ours, wrong):
    """Empty, incomplete, doubled, of a tag or at an index that there is not."""
    assert refused(ours.restore(wrong, version=14)) and ours("EXISTS", "z") == 0


@pytest.mark.parametrize(("version", "why"), [(12, "an array, which needs version 14"), (80, "an array, which Valkey does not have")])
def test_older_versions_cannot_hold_them(tmp_path, version, why):
    store = kvd.Store()
    store.execute("ARSET", "a", 0, "x")
    with pytest.raises(kvd.FileError, match=why):
        store.snapshot(tmp_path / "x.rdb", version=version)
    assert store.snapshot(tmp_path / "x.rdb", version=14) == 1 and (tmp_path / "x.rdb").read_bytes()[:9] == b"REDIS0014"


def test_a_file_with_arrays_has_version_14(tmp_path):
    store = kvd.Store(dir=str(tmp_path), dbfilename="x.rdb")
    store.execute("ARSET", "a", 0, "x")
    store.execute("SAVE")
    assert (tmp_path / "x.rdb").read_bytes()[:9] == b"REDIS0014"
    store.execute("DEL", "a")
    store.execute("SAVE")
    assert (tmp_path / "x.rdb").read_bytes()[:9] == b"REDIS0010"
