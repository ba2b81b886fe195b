"""Lists in RDB files: nodes as in memory, ziplists, and elements one by one."""

import pytest

from .payloads import counted, refused
from .test_ziplist import ziplist


def test_elements_one_by_one(ours):
    assert ours.restore(b"\x01\x03\x01a\xc0\x05\x00") == b"OK" and ours("LRANGE", "z", 0, -1) == [b"a", b"5", b""]


def test_nodes_of_ziplists(ours):
    nodes = [ziplist(b"\x01a", b"\xf2"), ziplist(b"\x01b")]
    assert ours.restore(b"\x0e\x02" + b"".join(counted(node) for node in nodes)) == b"OK" and ours("LRANGE", "z", 0, -1) == [b"a", b"1", b"b"]


def test_nodes_of_listpacks_and_of_single_large_elements(ours):
    ours("RPUSH", "l", "a", "b" * 20_000, "c", 5)
    body = ours("DUMP", "l")[:-10]
    assert body[0] == 18 and ours.restore(body) == b"OK" and ours("LRANGE", "z", 0, -1) == [b"a", b"b" * 20_000, b"c", b"5"]


def test_there_and_back_in_every_size(ours):
    for n in (1, 2, 128, 129, 1000, 5000):
        ours("DEL", "l")
        ours("RPUSH", "l", *[f"element {i}" * (i % 5) for i in range(n)])
        assert ours.restore(ours("DUMP", "l")[:-10]) == b"OK" and ours("LRANGE", "z", 0, -1) == ours("LRANGE", "l", 0, -1)


@pytest.mark.parametrize("body", [b"\x01\x00", b"\x01\x02\x01a", b"\x0e\x00", b"\x0e\x01" + counted(ziplist()), b"\x12\x00", b"\x12\x01\x03\x01a", b"\x12\x01\x00\x01a", b"\x12\x01\x02\x00", b"\x12\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff", b"\x12\x02\x01\x01a"])
def test_wrong_ones_are_refused(ours, body):
    assert refused(ours.restore(body)) and ours("EXISTS", "z") == 0
