"""cmsgpack: the format's bytes, what is decoded of others, and broken input."""

import pytest

CASES = {  # Lua -> bytes of the MessagePack format
    "nil": b"\xc0", "true": b"\xc3", "false": b"\xc2", "0": b"\x00", "127": b"\x7f", "128": b"\xcc\x80", "255": b"\xcc\xff", "256": b"\xcd\x01\x00", "65536": b"\xce\x00\x01\x00\x00", "-1": b"\xff", "-32": b"\xe0", "-33": b"\xd0\xdf", "-129": b"\xd1\xff\x7f",
    "-32769": b"\xd2\xff\xff\x7f\xff", "4294967296": b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", "1.5": b"\xca\x3f\xc0\x00\x00", "0.1": b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", "'a'": b"\xa1a", "string.rep('x', 32)": b"\xd9\x20" + b"x" * 32,
    "string.rep('x', 300)": b"\xda\x01\x2c" + b"x" * 300, "{}": b"\x90", "{1, 2}": b"\x92\x01\x02", "{a = 1}": b"\x81\xa1a\x01", "1, 2": b"\x01\x02",
}  # fmt: skip
DECODED = {  # bytes -> what a script returns of them
    b"\xd9\x01a": b"a", b"\xdc\x00\x01\x05": [5], b"\xdd\x00\x00\x00\x01\x05": [5], b"\xce\xff\xff\xff\xff": 4294967295, b"\xd3\xff\xff\xff\xff\xff\xff\xff\xfe": -2, b"\xde\x00\x01\x01\x07": [7], b"\xcb\x40\x00\x00\x00\x00\x00\x00\x00": 2,
}  # fmt: skip
BROKEN = [b"\xd9", b"\xd9\x05a", b"\x92\x01", b"\x81\xa1a", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff\x01", b"\xdb\xff\xff\xff\xff", b"\xcb\x00", b"\xc1", b"\xc4\x01a", b"\xda\xff", b"\x91" * 70_000]


@pytest.mark.parametrize("value", CASES)
def test_bytes(peer, value):
    if value == "string.rep('x', 32)" and peer("EVAL", "return cmsgpack.pack(string.rep('x', 32))", 0).startswith(b"\xda"):
        pytest.skip("the old format of strings")
    assert peer("EVAL", f"return cmsgpack.pack({value})", 0) == CASES[value]


@pytest.mark.parametrize("data", DECODED)
def test_what_others_encode(peer, data):
    assert peer("EVAL", "return cmsgpack.unpack(ARGV[1])", 0, data) == DECODED[data]


@pytest.mark.parametrize("data", BROKEN, ids=lambda d: d[:6].hex())
def test_broken_input_is_an_error(peer, data):
    reply = peer("EVAL", "return cmsgpack.unpack(ARGV[1])", 0, data)
    assert isinstance(reply, Exception) or data.startswith(b"\x91") and isinstance(reply, list)
    assert peer("EVAL", "return 1", 0) == 1


def test_there_and_back(peer):
    script = "local v = {1, 'two', {three = {3, 4.5, true}}, -70000} local r = cmsgpack.unpack(cmsgpack.pack(v)) return {r[1], r[2], tostring(r[3].three[2]), tostring(r[3].three[3]), r[4]}"
    assert peer("EVAL", script, 0) == [1, b"two", b"4.5", b"true", -70000]


def test_several_values_and_limits(peer):
    assert peer("EVAL", "return {cmsgpack.unpack(cmsgpack.pack(1, 'a', 2))}", 0) == [1, b"a", 2]
    assert peer("EVAL", "return {cmsgpack.unpack_one(cmsgpack.pack(1, 'a', 2), 1)}", 0) == [3, b"a"]
    assert peer("EVAL", "return {cmsgpack.unpack_limit(cmsgpack.pack(1, 'a', 2), 2)}", 0) == [3, 1, b"a"]
    assert isinstance(peer("EVAL", "return cmsgpack.unpack_limit('', -1)", 0), Exception) and isinstance(peer("EVAL", "return cmsgpack.unpack_one('a', 99)", 0), Exception)
