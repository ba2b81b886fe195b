"""The shortest decimals of doubles, printed by `print_double`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe as probe


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(1, 2046).map(lambda e: 2.0 ** (e - 1023)))
def test_what_is_printed_reads_back(x):
    assert float(probe.print_double(x)) == x


@pytest.mark.parametrize("x", [5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1, 0.3, 9007199254740993.0, 5e-5, 123456789.125])
def test_as_short_as_pythons(x):
    digits = lambda text: text.split("e")[0].replace(".", "").replace("-", "").strip("0")  # noqa: E731
    assert len(digits(probe.print_double(x).decode())) <= len(digits(repr(x)))
