"""The first broken command of an append-only file.

    * number of words \r\n  $ length \r\n word \r\n ...         a command
    #TS: seconds \r\n                                           an annotation: when the commands after it were executed

Commands between MULTI and EXEC take effect together, so that the file can only be cut before a MULTI or after an EXEC. Every
length is compared with the bytes that are left. What the commands mean is not examined.
"""

from libc.string cimport memchr, memset

from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is, view_of

cdef enum:
    LONGEST_NUMBER = 20

cdef struct cursor:
    const uint8_t *begin
    const uint8_t *p
    const uint8_t *end
    scanning *s


cdef bint fail(cursor *c, const char *why, bint torn) noexcept nogil:
    c.s.error = why
    c.s.torn = torn
    c.s.offset = c.p - c.begin
    return False


cdef bint line_end(cursor *c) noexcept nogil:
    cdef size_t left = c.end - c.p
    if (left > 0 and c.p[0] != c'\r') or (left > 1 and c.p[1] != c'\n'):
        return fail(c, b"the end of a line is missing", False)
    if left < 2:
        return fail(c, b"the file ends in the middle of a command", True)
    c.p += 2
    return True


cdef bint number(cursor *c, uint8_t prefix, const char *without, int64_t *n) noexcept nogil:
    """`*3\r\n`; without: the error if it does not begin with the prefix."""
    cdef const uint8_t *start
    if c.p == c.end:
        return fail(c, b"the file ends in the middle of a command", True)
    if c.p[0] != prefix:
        return fail(c, without, False)
    start = c.p + 1
    c.p = start
    while c.p < c.end and c'0' <= c.p[0] <= c'9' and c.p - start < LONGEST_NUMBER:
        c.p += 1
    if c.p < c.end and not parse_int(view_of(<const char *>start, c.p - start), n):
        c.p = start
        return fail(c, b"a number is expected", False)
    return line_end(c)


cdef bint word(cursor *c, view *v) noexcept nogil:
    cdef int64_t n = 0
    if not number(c, c'$', b"a word has to begin with $ and its length", &n):
        return False
    if n > c.end - c.p:
        return fail(c, b"the file ends in the middle of a command", True)
    v[0] = view_of(<const char *>c.p, n)
    c.p += n
    return line_end(c)


cdef bint words(cursor *c, view *name) noexcept nogil:
    """A whole command; name: its first word."""
    cdef int64_t n = 0
    cdef int64_t i
    cdef view v
    cdef const uint8_t *start = c.p
    if not number(c, c'*', b"a command has to begin with * and the number of its words", &n):
        return False
    if n == 0:
        c.p = start
        return fail(c, b"a command without words", False)
    for i in range(n):
        if not word(c, name if i == 0 else &v):
            return False
    return True


cdef bint annotation(cursor *c) noexcept nogil:
    """False: the scan ends before it."""
    cdef const uint8_t *start = c.p
    cdef const uint8_t *newline = <const uint8_t *>memchr(c.p, c'\n', c.end - c.p)
    cdef int64_t when = 0
    if newline == NULL:
        return fail(c, b"the file ends in the middle of an annotation", True)
    c.p = newline + 1
    if c.p - start < 7 or not view_is(view_of(<const char *>start, 4), b"#ts:"):
        return True
    if not parse_int(view_of(<const char *>start + 4, newline - start - 5), &when):
        return True
    if c.s.until and when > c.s.until:
        c.s.stopped = True
        return False
    c.s.time = when
    return True


cdef bint step(cursor *c, bint *inside, uint64_t *commands) noexcept nogil:
    """A command or an annotation. inside: between MULTI and EXEC."""
    cdef view name
    cdef const uint8_t *start = c.p
    if c.p[0] == c'#':
        return annotation(c)
    if not words(c, &name):
        return False
    commands[0] += 1
    if view_is(name, b"multi" if not inside[0] else b"exec"):
        inside[0] = not inside[0]
    elif view_is(name, b"multi") or view_is(name, b"exec"):
        c.p = start
        return fail(c, b"MULTI within a transaction" if inside[0] else b"EXEC without MULTI", False)
    return True


cdef void scan_commands(const uint8_t *data, size_t n, scanning *s) noexcept nogil:
    cdef cursor c
    cdef bint inside = False
    cdef uint64_t commands = 0
    cdef int64_t until = s.until
    memset(s, 0, sizeof(scanning))
    s.until = until
    c.begin = c.p = data
    c.end = data + n
    c.s = s
    while c.p < c.end:
        if not step(&c, &inside, &commands):
            return
        if not inside:
            s.good = c.p - data
            s.commands = commands
    if inside:
        fail(&c, b"the file ends before the EXEC of a transaction", True)
