"""Times and limits in arguments.

A time is a number of seconds, a timedelta, or None for no limit. It becomes whole microseconds, at least one: a time that
is positive never rounds to none at all. Errors name the argument and the value.
"""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from libc.math cimport isnan
from libc.stdint cimport int64_t

from kvd.core.lives cimport FOREVER, NEVER

import operator
from datetime import timedelta


class _Unset:
    def __repr__(self):
        return "<not given>"

    def __bool__(self):
        return False

    def __reduce__(self):
        return "UNSET"


UNSET = _Unset()               # default of arguments for which None has a meaning

UNLIMITED = 0x7FFFFFFFFFFFFFFF


cdef double number(str what, object seconds) except? -1:
    cdef double s
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    try:
        s = seconds
    except TypeError:
        raise TypeError(f"{what} must be a number of seconds, a timedelta or None, not {type(seconds).__name__}") from None
    except OverflowError:      # an int beyond every float
        s = float("inf") if seconds > 0 else float("-inf")
    return s


cdef int64_t micros(str what, object seconds) except? -3:
    cdef double s
    if seconds is None:
        return NEVER
    s = PyFloat_AS_DOUBLE(seconds) if PyFloat_CheckExact(seconds) else number(what, seconds)
    if isnan(s):
        raise ValueError(f"{what} must be a number, got nan")
    if s <= 0:
        return 0
    if s >= <double>FOREVER / 2e6:
        return NEVER
    return <int64_t>(s * 1e6 + 0.5) or 1


cdef int64_t span_of(str what, object seconds) except -1:
    cdef int64_t span = micros(what, seconds)
    if span == 0:
        raise ValueError(f"{what} must be positive, got {seconds}")
    return span


cdef int64_t limit_of(str what, object n) except -1:
    cdef int64_t limit
    if n is None:
        return UNLIMITED
    try:
        limit = operator.index(n)
    except TypeError:
        raise TypeError(f"{what} must be an int or None, not {type(n).__name__}") from None
    except OverflowError:      # beyond 64 bits
        return UNLIMITED if n > 0 else limit_of(what, -1)
    if limit < 0:
        raise ValueError(f"{what} must not be negative, got {n}")
    return limit


cdef object limit_or_none(int64_t limit):
    return None if limit == UNLIMITED else limit


def number_of(str what, seconds):
    """A time as float seconds of any sign, or None for None. Raises TypeError or ValueError that names `what`."""
    cdef double s
    if seconds is None:
        return None
    s = number(what, seconds)
    if isnan(s):
        raise ValueError(f"{what} must be a number, got nan")
    return s


def seconds_of(str what, seconds, *, bint positive=True):
    """A time as float seconds, or None for None; checked as every time is.

    what: the argument's name in errors. positive: whether 0 is an error; a negative time always is.
    """
    cdef double s
    if seconds is None:
        return None
    s = number(what, seconds)
    if isnan(s):
        raise ValueError(f"{what} must be a number, got nan")
    if s < 0 or positive and s == 0:
        raise ValueError(f"{what} must {'be positive' if positive else 'not be negative'}, got {seconds}")
    return s
