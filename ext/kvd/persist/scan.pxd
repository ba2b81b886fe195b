"""The first broken command of an append-only file. See scan.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef struct scanning:
    size_t good                # bytes after whose last command the file could end
    uint64_t commands          # up to there
    size_t offset              # where the error is
    const char *error          # NULL: there is none
    bint torn                  # the error is that the file ends too early
    int64_t time               # of the last annotation: seconds since 1970; 0: none
    int64_t until              # given: the scan ends before the first annotation that is later than this; 0: never
    bint stopped               # it did

cdef void scan_commands(const uint8_t *data, size_t n, scanning *s) noexcept nogil   # `until` is given, the rest is overwritten. O(n)
