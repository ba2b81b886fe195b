"""`struct` of scripts against Python's module of that name; `bit` against Python's integers."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

STORE = kvd.Store()
KINDS = {"b": (1, True), "B": (1, False), "h": (2, True), "H": (2, False), "i4": (4, True), "I4": (4, False), "i3": (3, True), "I7": (7, False), "l": (8, True)}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from("<>"), st.integers(-(2**52), 2**52))
def test_integers(kind, order, n):
    size, signed = KINDS[kind]
    n %= 1 << (8 * size - 1) if size < 7 else 1 << 52
    n = -n if signed and n % 2 else n
    data = n.to_bytes(size, "little" if order == "<" else "big", signed=n < 0)
    assert STORE.eval("return struct.pack(ARGV[1], ARGV[2])", 0, order + kind, n) == data
    assert STORE.eval("return struct.unpack(ARGV[1], ARGV[2])", 0, order + kind, data) == n


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, width=32))
def test_floats(x):
    assert STORE.eval("return struct.pack('<d', ARGV[1])", 0, repr(x)) == struct.pack("<d", x)
    assert float(STORE.eval("return string.format('%.17g', (struct.unpack('>f', ARGV[1])))", 0, struct.pack(">f", x))) == x


CASES = {
    "struct.pack('>i2i4', 1, 2)": b"\0\1\0\0\0\2", "struct.pack('s', 'ab')": b"ab\0", "struct.pack('c0', 'abc')": b"abc", "struct.pack('c2', 'abc')": b"ab", "struct.pack('<!4 i1 i4', 1, 2)": b"\1\0\0\0\2\0\0\0", "struct.pack('x')": b"\0",
    "struct.size('i4i8')": 12, "struct.size('!8i1i8')": 16, "struct.unpack('s', 'ab\\0c')": b"ab", "select(2, struct.unpack('s', 'ab\\0c'))": 4, "struct.unpack('c0', 'abc', 2)": b"", "struct.unpack('Bc0', '\\2xyz')": b"xy", "struct.unpack('>H', 'ab', 1)": 24930,
}  # fmt: skip
ERRORS = ["struct.pack('i33', 1)", "struct.pack('!3', 1)", "struct.pack('?', 1)", "struct.pack('i4')", "struct.pack('c5', 'ab')", "struct.unpack('i4', 'abc')", "struct.unpack('s', 'abc')", "struct.unpack('i4', 'abcd', -1)",
          "struct.unpack('i4', 'abcdefgh', 2^31)", "struct.unpack('c2147483647c2147483647', 'x')", "struct.unpack('c99999999999', 'x')", "struct.size('s')", "struct.size('c0')", "struct.pack()", "struct.unpack('c0', 'x')"]  # fmt: skip


@pytest.mark.parametrize("expression", CASES)
def test_formats(peer, expression):
    if expression == "struct.unpack('c0', 'abc', 2)":
        assert isinstance(peer("EVAL", f"return {expression}", 0), Exception)
    else:
        assert peer("EVAL", f"return {expression}", 0) == CASES[expression]


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(peer, expression):
    assert isinstance(peer("EVAL", f"return {expression}", 0), Exception), expression
    assert peer("PING") == b"PONG"
