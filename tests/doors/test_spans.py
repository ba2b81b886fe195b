"""Times and limits in arguments: numbers and timedeltas, microseconds at least, errors that name argument and value."""

import copy
import pickle
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

import kvd
from kvd.doors.spans import UNSET, number_of, seconds_of


@pytest.mark.parametrize(("span", "seconds"), [(5, 5), (0.25, 0.25), (timedelta(minutes=1), 60), (None, None), (Decimal("1.5"), 1.5), (Fraction(1, 4), 0.25), (True, 1), (1e-9, 1e-6), (1e300, None), (10**400, None), (float("inf"), None), (timedelta.max, None)])
def test_times_to_live(clock, span, seconds):
    cache = kvd.Cache(clock=clock)
    cache.set("k", "v", ttl=span)
    found = cache.ttl("k")
    assert found == (None if seconds is None else pytest.approx(seconds)) or (seconds is None and found > 1e9)


@pytest.mark.parametrize(("span", "error", "said"), [
    (0, ValueError, "ttl must be positive, got 0"), (-1, ValueError, "ttl must be positive, got -1"), (timedelta(0), ValueError, "ttl must be positive"), (float("nan"), ValueError, "ttl must be a number, got nan"), (-(10**400), ValueError, "ttl must be positive"),
    ("5", TypeError, "ttl must be a number of seconds, a timedelta or None, not str"), ([], TypeError, "not list"), (5j, TypeError, "not complex"),
])  # fmt: skip
def test_what_is_no_time(span, error, said):
    cache = kvd.Cache()
    for use in (lambda: cache.set("k", "v", ttl=span), lambda: kvd.Cache(ttl=span), lambda: seconds_of("ttl", span)):
        with pytest.raises(error, match=said):
            use()
    assert len(cache) == 0


@pytest.mark.parametrize(("limit", "shown"), [(5, 5), (0, 0), (None, None), (True, 1), (10**30, None), (2**63 - 2, 2**63 - 2)])
def test_limits(limit, shown):
    assert kvd.Cache(limit).maxsize == shown


@pytest.mark.parametrize(("limit", "error", "said"), [(-1, ValueError, "maxsize must not be negative, got -1"), (-(10**30), ValueError, "must not be negative"), (1.5, TypeError, "maxsize must be an int or None, not float"), ("5", TypeError, "not str")])
def test_what_is_no_limit(limit, error, said):
    with pytest.raises(error, match=said):
        kvd.Cache(limit)


def test_seconds_of_any_sign():
    assert number_of("x", -5) == -5.0 and number_of("x", None) is None and number_of("x", timedelta(seconds=-1)) == -1.0 and seconds_of("x", 0, positive=False) == 0.0
    for wrong in (float("nan"), "x"):
        with pytest.raises((TypeError, ValueError), match="x must be a number"):
            number_of("x", wrong)
    with pytest.raises(ValueError, match="x must not be negative, got -1"):
        seconds_of("x", -1, positive=False)


def test_the_mark_of_arguments_that_are_not_given_is_one_object():
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET and copy.deepcopy(UNSET) is UNSET and not UNSET and repr(UNSET) == "<not given>"
