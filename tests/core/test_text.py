"""Numbers to text and back."""

import re

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
def test_double_is_printed_with_few_digits_that_read_back(d):
    """The fewest, but for powers of two, where the shortest number is not the nearest of its length."""
    text = _probe.print_double(d)
    assert float(text) == d
    figures = re.sub(rb"e.*|[-.]", b"", text).strip(b"0")
    assert len(figures) <= len(re.sub(r"e.*|[-.]", "", repr(d)).strip("0")) + 1


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
