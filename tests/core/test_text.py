"""Numbers to text and back."""

import re
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvd.core import _probe


@given(st.integers(-(2**63), 2**63 - 1))
def test_int_round_trip(n):
    assert _probe.print_int(n) == b"%d" % n
    assert _probe.read_int(b"%d" % n) == n


@pytest.mark.parametrize(
    "text", [b"", b"-", b"+1", b" 1", b"1 ", b"01", b"-0", b"1.0", b"9223372036854775808", b"-9223372036854775809",
             b"18446744073709551616", b"99999999999999999999", b"1a", b"0x10", b"--1", b"1\x00"]
)
def test_not_canonical_integers_are_refused(text):
    assert _probe.read_int(text) is None


@given(st.floats(allow_nan=False))
def test_double_is_printed_with_digits_that_read_back(d):
    text = _probe.print_double(d)
    assert float(text) == d
    assert text == b"%.0f" % d or len(re.sub(rb"e.*|[-.]", b"", text).strip(b"0")) <= 17


def test_double_is_nearly_always_printed_with_the_fewest_digits():
    random = Random(1)
    numbers = [struct.unpack("<d", random.randbytes(8))[0] for _ in range(2000)]
    longer = [d for d in numbers if d == d and len(_probe.print_double(d).strip(b"0")) > len(repr(d).strip("0"))]
    assert len(longer) < 40


@pytest.mark.parametrize(
    ("number", "text"),
    [(93.48095, b"93.48095000000001"), (838254607708662.2, b"838254607708662.3"), (6.195626866399892e-221, b"6.1956268663998915e-221"),
     (84812447447158.88, b"84812447447158.87"), (0.1, b"0.1"), (-2.665395735562245e186, b"-2.6653957355622448e+186"), (5e-324, b"5e-324"),
     (2.2250738585072014e-308, b"2.2250738585072014e-308"), (1.7976931348623157e308, b"1.7976931348623157e+308"), (0.0001, b"0.0001"),
     (1e-7, b"1e-7"), (1.5e-7, b"1.5e-7")],
)
def test_double_is_printed_as_redis_prints_it(number, text):
    """Also where its algorithm (Grisu2) finds other digits than the fewest: a digest of a sorted set depends on each of them."""
    assert _probe.print_double(number) == text


@pytest.mark.parametrize("text", [b"", b" 1", b"1 ", b"nan", b"1e400", b"abc", b"1x"])
def test_bad_doubles_are_refused(text):
    assert _probe.read_double(text) is None


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [(b"10.5", b"0.1", b"10.6"), (b"5.0e3", b"2.0e2", b"5200"), (b"0", b"-0", b"0"),
     (b"3", b"1.0000000000000001", b"4.0000000000000001"),
     (b"1e18", b"1", b"1000000000000000001"), (b"-0.1", b"0.1", b"0")],
)
def test_long_doubles(a, b, total):
    assert _probe.add_long_doubles(a, b) == total


def test_long_doubles_as_long_as_they_are_printed():
    printed = _probe.add_long_doubles(b"1e4000", b"0")
    assert len(printed) == 4000              # the nearest long double lies a little below
    assert _probe.add_long_doubles(printed, b"0") == printed


@pytest.mark.parametrize(
    ("text", "n"),
    [(b"100", 100), (b"1k", 1000), (b"1kb", 1024), (b"2MB", 2 << 20), (b"1Gb", 1 << 30), (b"3g", 3 * 10**9), (b"7b", 7),
     (b"x", None), (b"1xb", None), (b"-1", None), (b"", None), (b"9999999999gb", None)],
)
def test_memory_sizes(text, n):
    assert _probe.read_memory(text) == n


def test_doubles_are_the_nearest_ones():
    """The quick way and strtod agree with Python, whose conversion is exact."""
    r = Random(5)
    texts = ["0", "-0", "0.0", "1.", ".5", "-.5", "1e5", "1E+05", "1e-7", "9007199254740993", "0.1", "123456789012345678", "1234567890123456789", "12345678901234567890", "1e23", "8.5e22"]
    texts += [repr(r.uniform(-1, 1) * 10 ** r.randrange(-30, 30)) for _ in range(20_000)]
    texts += [f"{r.getrandbits(r.randrange(1, 64))}e{r.randrange(-30, 30)}" for _ in range(20_000)]
    texts += [f"{r.getrandbits(60)}.{r.getrandbits(r.randrange(1, 20))}"[: r.randrange(3, 22)] + "1" for _ in range(20_000)]
    texts += [str(2**53 + 2 * n + 1) for n in range(2000)] + [str((2**53 + n) * 2 + 1) + "0" for n in range(2000)]
    for text in texts:
        found = _probe.read_double(text.encode())
        assert found is not None and struct.pack("d", found) == struct.pack("d", float(text)), text
    for text in ("", "-", ".", "-.", "e5", "1e", "1e+", "1e5x", "1x", "1 ", " 1", "1..2", "--1", "1e5e5", "nan", "1,5"):
        assert _probe.read_double(text.encode()) is None, text
