"""Times and limits as users write them: seconds to microseconds, None to no limit, errors that name the argument."""

from libc.math cimport isnan
from libc.stdint cimport int64_t

from kvd.core.lives cimport FOREVER, NEVER

import operator


class _Unset:
    def __repr__(self):
        return "<not given>"

    def __bool__(self):
        return False


UNSET = _Unset()               # of arguments for which None means something

DEFAULT = -2
UNLIMITED = 0x7FFFFFFFFFFFFFFF


cdef int64_t micros(object seconds) except? -3:
    cdef double s
    if seconds is None:
        return NEVER
    s = seconds
    if isnan(s):
        raise ValueError("a time must be a number, not nan")
    if s >= <double>FOREVER / 2e6:
        return NEVER
    return <int64_t>(s * 1e6 + 0.5) if s > 0 else 0


cdef int64_t span_of(str what, object seconds) except -1:
    cdef int64_t span = micros(seconds)
    if seconds is not None and span == 0:
        raise ValueError(f"{what} must be positive, and it is {seconds}")
    return span


cdef int64_t given(object seconds) except? -3:
    return DEFAULT if seconds is UNSET else micros(seconds)


cdef int64_t limit_of(str what, object n) except -1:
    cdef int64_t limit
    if n is None:
        return UNLIMITED
    limit = operator.index(n)
    if limit < 0:
        raise ValueError(f"{what} must not be negative, and it is {n}")
    return limit


cdef object limit_or_none(int64_t limit):
    return None if limit == UNLIMITED else limit
