"""Times and limits in arguments. See spans.pyx."""

from libc.stdint cimport int64_t

cdef enum:
    DEFAULT = -2               # no time to live given: the cache's own

cdef int64_t UNLIMITED         # a limit of None

# `what` names the argument in errors: TypeError for types other than numbers, ValueError for values out of range
cdef int64_t micros(str what, object seconds) except? -3           # in microseconds, never negative; None is NEVER
cdef int64_t span_of(str what, object seconds) except -1           # as micros, and must be positive
cdef int64_t limit_of(str what, object n) except -1                # None is UNLIMITED
cdef object limit_or_none(int64_t limit)
