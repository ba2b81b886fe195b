"""Numbers and strings of RDB files: each form of a length, integers as strings, compression, and lengths that lie."""

import pytest

from .payloads import refused


@pytest.mark.parametrize("n", [0, 1, 63, 64, 255, 16383, 16384, 70_000])
@pytest.mark.parametrize("form", [1, 2, 4, 8])
def test_every_form_of_a_length(ours, n, form):
    """A length may be written longer than it need be."""
    length = {1: bytes([n & 63]), 2: bytes([0x40 | n >> 8 & 63, n & 255]), 4: b"\x80" + n.to_bytes(4, "big"), 8: b"\x81" + n.to_bytes(8, "big")}[form]
    if n >= {1: 64, 2: 16384}.get(form, 1 << 30):
        pytest.skip("it does not fit")
    assert ours.restore(b"\x00" + length + b"x" * n) == b"OK" and ours("STRLEN", "z") == n


@pytest.mark.parametrize(("string", "value"), [(b"\xc0\x80", b"-128"), (b"\xc0\x7f", b"127"), (b"\xc1\x00\x80", b"-32768"), (b"\xc2\x00\x00\x00\x80", b"-2147483648"), (b"\xc2\x05\x00\x00\x00", b"5")])
def test_integers(ours, string, value):
    assert ours.restore(b"\x00" + string) == b"OK" and ours("GET", "z") == value


@pytest.mark.parametrize("value", ["a" * 21, "a" * 100_000, "ab" * 5000, "x" * 20 + "y" * 20, "no repetition?"])
def test_long_strings_are_compressed_if_it_helps(ours, value):
    ours("SET", "k", value)
    payload = ours("DUMP", "k")
    assert ours("RESTORE", "z", 0, payload) == b"OK" and ours("GET", "z") == value.encode() and len(payload) <= len(value) + 16
    assert (payload[1] == 0xC3) == (len(payload) < len(value) + 11)


@pytest.mark.parametrize("string", [
    b"", b"\x05abc", b"\x40", b"\x80\x00\x00", b"\x81" + b"\xff" * 8, b"\x82\x00\x00\x00\x01a", b"\xc0", b"\xc1\x00", b"\xc2\x00\x00", b"\xc4\x00", b"\xff", b"\xc3", b"\xc3\x02\x05ab", b"\xc3\x04\x81" + b"\x7f" + b"\xff" * 7 + b"abcd",
    b"\xc3\x02\x02\x00a" + b"x", b"\xc3\x03\x05\xe0\xff\xff",
])  # fmt: skip
def test_lengths_that_lie_are_refused(ours, string):
    assert refused(ours.restore(b"\x00" + string)) and ours("EXISTS", "z") == 0
