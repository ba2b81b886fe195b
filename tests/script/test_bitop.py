"""`bit` of scripts against Python's integers: 32 bits, signed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

STORE = kvd.Store()
NUMBERS = st.integers(-(2**31), 2**32 - 1) | st.sampled_from([0, 1, -1, 2**31, 2**32 - 1, -(2**31)])


def signed(n):
    n &= 0xFFFFFFFF
    return n - (1 << 32) if n >> 31 else n


MODEL = {
    "band": lambda a, n: a & n, "bor": lambda a, n: a | n, "bxor": lambda a, n: a ^ n, "lshift": lambda a, n: a << (n & 31), "rshift": lambda a, n: (a & 0xFFFFFFFF) >> (n & 31), "arshift": lambda a, n: signed(a) >> (n & 31),
    "rol": lambda a, n: (a & 0xFFFFFFFF) << (n & 31) | (a & 0xFFFFFFFF) >> (-n & 31 or 32), "ror": lambda a, n: (a & 0xFFFFFFFF) >> (n & 31) | (a & 0xFFFFFFFF) << (-n & 31 or 32),
}  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(MODEL)), NUMBERS, NUMBERS)
def test_operations(name, a, n):
    expected = MODEL[name](a, n) if n & 31 or name not in ("rol", "ror") else a
    assert STORE.eval(f"return bit.{name}(ARGV[1], ARGV[2])", 0, a, n) == signed(expected)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(NUMBERS)
def test_of_one_number(a):
    assert STORE.eval("return {bit.bnot(ARGV[1]), bit.tobit(ARGV[1]), bit.bswap(ARGV[1])}", 0, a) == [
        signed(~a), signed(a), signed(int.from_bytes((a & 0xFFFFFFFF).to_bytes(4, "little"), "big")),
    ]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), [("bit.tohex(255)", b"000000ff"), ("bit.tohex(255, 4)", b"00ff"), ("bit.tohex(-1, -2)", b"FF"), ("bit.tohex(1, 0)", b""), ("bit.band(7)", 7), ("bit.bor(1, 2, 4)", 7), ("bit.tohex(-1, -2147483648)", b"FFFFFFFF")])
def test_other_forms(peer, expression, value):
    assert peer("EVAL", f"return {expression}", 0) == value


def test_what_is_no_number(peer):
    for expression in ("bit.band()", "bit.band('x')", "bit.bnot({})", "bit.lshift(1)", "bit.tohex()"):
        assert isinstance(peer("EVAL", f"return {expression}", 0), Exception), expression
