"""Hashes in RDB files: every form that was ever written, and deadlines of fields."""

import pytest

import kvd

from ..test_dumping import ZIPMAP, fill
from .payloads import refused, seal


def test_hash_fields_keep_their_deadlines(ours):
    fill(ours, [("HSET", "k", "a", 1, "b", 2, "c", 3), ("HPEXPIREAT", "k", 4102444800000, "FIELDS", 1, "a"),
                ("HPEXPIREAT", "k", 4102444800500, "FIELDS", 1, "b")])  # fmt: skip
    assert ours("RESTORE", "copy", 0, ours("DUMP", "k")) == b"OK"
    assert ours("HPEXPIRETIME", "copy", "FIELDS", 3, "a", "b", "c") == [4102444800000, 4102444800500, -1]
    assert ours("DEBUG", "CHECK") == b"OK"


def test_listpack_of_fields_with_deadlines(ours):
    """The packed form that Redis 7.4 writes for a small hash: field, value, deadline, in order of the deadlines."""
    store = kvd.Store()
    store.execute("RPUSH", "l", "a", "1", "4102444800000", "b", "2", "0")
    packed = store.execute("DUMP", "l")
    blob = packed[3:-10]  # type, number of nodes, container | string with its length | footer
    body = bytes([25]) + (4102444800000).to_bytes(8, "little") + blob
    assert ours("RESTORE", "h", 0, seal(body, 12), "REPLACE") == b"OK"
    assert ours("HGETALL", "h") == [b"a", b"1", b"b", b"2"]
    assert ours("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b") == [4102444800000, -1]


def test_zipmaps_of_redis_2(ours):
    """With an empty value that has three unused bytes behind it, and a field of 256 bytes."""
    blob = bytes([0x40 | len(ZIPMAP) >> 8, len(ZIPMAP) & 255]) + ZIPMAP
    assert ours("RESTORE", "z", 0, seal(b"\x09" + blob), "REPLACE") == b"OK"
    assert dict(zip(*[iter(ours("HGETALL", "z"))] * 2, strict=True)) == {b"a": b"v1", b"f2": b"", b"f" * 256: b"w"}


@pytest.mark.parametrize("zipmap", [ZIPMAP[:n] for n in range(len(ZIPMAP)) if n not in range(16, 260)] + [b"\x00\xff", b"\x01\xff", ZIPMAP + b"\xff",
                                    b"\x01\x01a\x01\x05v\xff", b"\x01\xfe\xff\xff\xff\xffa\xff", b"\x02\x01a\x01\x00v\x01a\x01\x00v\xff"])  # fmt: skip
def test_broken_zipmaps_are_refused(ours, zipmap):
    blob = bytes([0x40 | len(zipmap) >> 8, len(zipmap) & 255]) + zipmap
    assert "Bad data format" in str(ours("RESTORE", "z", 0, seal(b"\x09" + blob), "REPLACE"))


def test_hash_of_valkey_9_with_deadlines_of_fields(ours):
    payload = b"\x16\x02\x01a\xc0\x01\x00\xd8\xc3,\xbb\x03\x00\x00\x01b\xc0\x02\xff\xff\xff\xff\xff\xff\xff\xffP\x00__+\xc0\xa7\xe3\xb8\xd3"
    assert ours("RESTORE", "z", 0, payload, "REPLACE") == b"OK"
    assert ours("HGETALL", "z") == [b"a", b"1", b"b", b"2"]
    assert ours("HPEXPIRETIME", "z", "FIELDS", 2, "a", "b") == [4102444800000, -1]
    assert ours("DEBUG", "CHECK") == b"OK"


def test_fields_one_by_one(ours):
    assert ours.restore(b"\x04\x02\x01f\x01v\x01g\xc0\x07") == b"OK" and ours("HGETALL", "z") == [b"f", b"v", b"g", b"7"]


@pytest.mark.parametrize("body", [b"\x04\x00", b"\x04\x02\x01f\x01v", b"\x04\x02\x01f\x01v\x01f\x01w", b"\x04\x01\x01f", b"\x0d\x00", b"\x10\x00"])
def test_wrong_ones_are_refused(ours, body):
    """Empty, too short, the same field twice, without a value."""
    assert refused(ours.restore(body)) and ours("EXISTS", "z") == 0


def test_a_deadline_that_has_passed_is_no_field(ours):
    """Fields whose time is over while the payload was on its way."""
    ours("HSET", "h", "a", 1, "b", 2)
    ours.store.clock.freeze(1_700_000_000)
    ours("HEXPIRE", "h", 10, "FIELDS", 1, "a")
    payload = ours("DUMP", "h")
    ours.store.clock.advance(11)
    assert ours("RESTORE", "late", 0, payload) == b"OK" and ours("HGETALL", "late") == [b"b", b"2"] and ours("DEBUG", "CHECK") == b"OK"
