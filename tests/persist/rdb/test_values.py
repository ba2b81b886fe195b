"""Payloads of DUMP: the same bytes as a real server writes, and no harm from those that are cut, longer, or of another type."""

import struct

import pytest

import kvd
from kvd.core import _probe_packed as packed

SAMPLES = {
    "short text": ["SET k hello"], "an integer of 8 bits": ["SET k 7"], "of 16": ["SET k -300"], "of 32": ["SET k 70000"], "of 64": ["SET k 9223372036854775807"], "compressible": ["SET k " + "a" * 500], "packed list": ["RPUSH k a b 1 300 -70000"],
    "list of nodes": ["RPUSH k " + " ".join("x" * 100 for _ in range(200))], "intset": ["SADD k 1 2 70000"], "packed hash": ["HSET k f v g w"], "packed zset": ["ZADD k 1 a 2.5 b"], "stream": ["XADD k 1-1 f v", "XADD k 2-1 g w", "XGROUP CREATE k g 0"],
    "hash table": ["HSET k f " + "v" * 100], "skip list": ["ZADD k 1.5 " + "m" * 100],
}  # fmt: skip


def payload(lines):
    store = kvd.Store()
    for line in lines:
        store.execute(*line.split())
    return store.execute("DUMP", "k")


def sealed(body):
    """A body with version and checksum as they have to be."""
    data = body + struct.pack("<H", 11)
    return data + struct.pack("<Q", packed.crc(data))


@pytest.mark.parametrize("name", SAMPLES)
def test_payloads_are_read_by_every_server(peer, name):
    if peer.version < (7, 2) and name not in ("short text",):
        data = payload(SAMPLES[name])[:-10] + b"\x0a\x00"
        data += struct.pack("<Q", packed.crc(data))
    else:
        data = payload(SAMPLES[name])
    if name == "stream" and peer.version < (7, 2):
        pytest.skip("streams have another type there")
    assert peer("RESTORE", "k", 0, data) == b"OK"
    theirs = peer("DUMP", "k")
    store = kvd.Store(enable_debug_command="yes")
    store.execute("RESTORE", "k", 0, theirs)
    store.execute("RESTORE", "same", 0, payload(SAMPLES[name]))
    assert store.execute("DEBUG", "DIGEST-VALUE", "k") == store.execute("DEBUG", "DIGEST-VALUE", "same")


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_and_longer_bodies_are_refused(name):
    """Their checksums are right: only the reader itself can notice."""
    body = payload(SAMPLES[name])[:-10]
    store = kvd.Store(enable_debug_command="yes")
    for wrong in [body[:n] for n in range(0, len(body), max(len(body) // 40, 1))] + [body + b"\0", body + body]:
        with pytest.raises(kvd.ResponseError, match="Bad data format"):
            store.execute("RESTORE", "k", 0, sealed(wrong))
    assert store.dbsize() == 0 and store.execute("RESTORE", "k", 0, sealed(body)) == b"OK"


@pytest.mark.parametrize("name", SAMPLES)
def test_bodies_of_another_type(name):
    """Every type byte in front of every body: refused, or a sound value."""
    body = payload(SAMPLES[name])[:-10]
    for kind in range(0, 30):
        store = kvd.Store(enable_debug_command="yes")
        try:
            store.execute("RESTORE", "k", 0, sealed(bytes([kind]) + body[1:]))
        except kvd.ResponseError as error:
            assert "Bad data format" in str(error)
        assert store.execute("DEBUG", "CHECK") == b"OK", kind


@pytest.mark.parametrize("body", [b"\x01\x81" + b"\xff" * 8, b"\x02\xbf\xff", b"\x04\x80\xff\xff\xff\xff", b"\x00\xc3\x01\x80\xff\xff\xff\xffx", b"\x00\x81" + b"\x7f" + b"\xff" * 7, b"\x12\x81" + b"\xff" * 8, b"\x05\x80\x7f\xff\xff\xff", b"\x16\x80\xff\xff\xff\xff"])
def test_huge_lengths_reserve_nothing(body):
    store = kvd.Store()
    with pytest.raises(kvd.ResponseError, match="Bad data format"):
        store.execute("RESTORE", "k", 0, sealed(body))
    assert store.info("memory")["used_memory_peak"] < 20_000_000
