"""Parses commands from a byte stream.

Arguments are views into the input: nothing is copied. The state of an incomplete command
(arguments read, length of the next) stays in the parser, so that no byte is read twice, however
small the pieces. Positions are kept as offsets, because the input buffer moves when it grows.

Every length is checked before use; limits and messages are Redis's. After PARSE_ERROR the caller
replies with the message and closes the connection.
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memset

from kvd.core.buf cimport buf_add_char, buf_release
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_of

cdef enum:
    MAX_LINE = 65536           # an inline command, or the header of an argument
    MAX_ARGS = 2147483647
    MAX_ARGS_UNTRUSTED = 10
    MAX_BULK_UNTRUSTED = 16384


cdef void parser_init(parser *p) noexcept nogil:
    memset(p, 0, sizeof(parser))
    p.missing = -1
    p.bulk = -1
    p.max_bulk = 536870912


cdef void parser_release(parser *p) noexcept nogil:
    free(p.argv)
    free(p.offsets)
    buf_release(&p.line)
    p.argv = NULL
    p.offsets = NULL


cdef inline int fail(parser *p, const char *why) noexcept nogil:
    p.error = why
    return PARSE_ERROR


cdef bint make_room(parser *p, int n) noexcept nogil:
    cdef int room = p.room if p.room else 16
    cdef void *argv
    cdef void *offsets
    while room < n:
        room *= 2
    argv = realloc(p.argv, room * sizeof(view))
    if argv == NULL:
        return False
    p.argv = <view *>argv
    offsets = realloc(p.offsets, room * sizeof(size_t))
    if offsets == NULL:
        return False
    p.offsets = <size_t *>offsets
    p.room = room
    return True


cdef void parser_dropped(parser *p, size_t n) noexcept nogil:
    cdef int i
    p.used -= n
    p.start -= n
    for i in range(p.argc):
        p.offsets[i] -= n


cdef void parser_moved(parser *p, size_t to) noexcept nogil:
    parser_dropped(p, p.start)
    p.used = to


cdef size_t parser_wants(parser *p, size_t n) noexcept nogil:
    if p.bulk < 0 or p.used + p.bulk + 2 <= n:
        return 0
    return p.used + p.bulk + 2 - n


cdef inline bint read_length(const char *text, const char *eol, int64_t *n) noexcept nogil:
    """Reads the usual short lengths without a call."""
    cdef size_t size = eol - text
    cdef int a, b
    if size == 1:
        a = <int>text[0] - 48
        n[0] = a
        return 0 <= a <= 9
    if size == 2 and c'1' <= text[0] <= c'9':
        a = <int>text[0] - 48
        b = <int>text[1] - 48
        n[0] = a * 10 + b
        return 0 <= b <= 9
    return parse_int(view_of(text, size), n)


cdef int read_header(parser *p, const char *data, size_t n, int64_t *value, const char *too_big) noexcept nogil:
    """Reads the number of the line at `used`; PARSE_COMMAND when it is complete."""
    cdef const char *begin = data + p.used
    cdef const char *eol = <const char *>memchr(begin, c'\r', n - p.used)
    if eol == NULL or eol + 1 >= data + n:
        return fail(p, too_big) if eol == NULL and n - p.used > MAX_LINE else PARSE_MORE
    if not read_length(begin + 1, eol, value):
        value[0] = -2
    p.used = eol + 2 - data
    return PARSE_COMMAND


cdef int parse_array(parser *p, const char *data, size_t n) noexcept nogil:
    cdef int64_t value
    cdef int i, state
    cdef char kind
    if p.missing < 0:
        state = read_header(p, data, n, &value, b"too big mbulk count string")
        if state != PARSE_COMMAND:
            return state
        if value > MAX_ARGS or value == -2:
            return fail(p, b"invalid multibulk length")
        if value > MAX_ARGS_UNTRUSTED and not p.trusted:
            return fail(p, b"unauthenticated multibulk length")
        if value <= 0:
            return PARSE_EMPTY
        p.missing = value
        p.argc = 0
        p.bulk = -1
    while p.missing:
        if p.bulk < 0:
            if p.used >= n:
                return PARSE_MORE
            kind = data[p.used]
            state = read_header(p, data, n, &value, b"too big bulk count string")
            if state != PARSE_COMMAND:
                return state
            if kind != c'$':
                snprintf(p.message, sizeof(p.message), b"expected '$', got '%c'", kind)
                return fail(p, p.message)
            if value < 0 or value > p.max_bulk:
                return fail(p, b"invalid bulk length")
            if value > MAX_BULK_UNTRUSTED and not p.trusted:
                return fail(p, b"unauthenticated bulk length")
            p.bulk = value
        if n - p.used < <size_t>p.bulk + 2:
            return PARSE_MORE
        if p.argc == p.room and not make_room(p, p.argc + 1):
            return fail(p, b"out of memory")
        p.offsets[p.argc] = p.used
        p.argv[p.argc].len = p.bulk
        p.argc += 1
        p.used += p.bulk + 2
        p.bulk = -1
        p.missing -= 1
    for i in range(p.argc):
        p.argv[i].ptr = data + p.offsets[i]
    p.missing = -1
    return PARSE_COMMAND


cdef inline bint is_space(char c) noexcept nogil:
    return c == c' ' or 9 <= c <= 13


cdef inline int hex_digit(char c) noexcept nogil:
    if c'0' <= c <= c'9':
        return c - 48
    c |= 32
    return c - 87 if c'a' <= c <= c'f' else -1


cdef bint read_quoted(parser *p, const char *text, const char *end, const char **at) noexcept nogil:
    """Unquotes one word into `line`; False when a quote is not closed, or not followed by a blank."""
    cdef const char *t = text
    cdef char quote = 0
    cdef char c
    while t < end:
        c = t[0]
        if quote == 0:
            if is_space(c) or c == 0:
                break
            if c == c'"' or c == c"'":
                quote = c
            else:
                buf_add_char(&p.line, c)
        elif quote == c'"' and c == c'\\' and t + 3 < end and t[1] == c'x' and hex_digit(t[2]) >= 0 and hex_digit(t[3]) >= 0:
            buf_add_char(&p.line, <char>(hex_digit(t[2]) * 16 + hex_digit(t[3])))
            t += 3
        elif quote == c'"' and c == c'\\' and t + 1 < end:
            t += 1
            c = t[0]
            buf_add_char(&p.line, c'\n' if c == c'n' else c'\r' if c == c'r' else c'\t' if c == c't'
                         else c'\b' if c == c'b' else c'\a' if c == c'a' else c)
        elif quote == c"'" and c == c'\\' and t + 1 < end and t[1] == c"'":
            t += 1
            buf_add_char(&p.line, c"'")
        elif c == quote:
            quote = 0
            t += 1
            at[0] = t
            return t == end or is_space(t[0])
        else:
            buf_add_char(&p.line, c)
        t += 1
    at[0] = t
    return quote == 0


cdef int parse_inline(parser *p, const char *data, size_t n) noexcept nogil:
    cdef const char *begin = data + p.used
    cdef const char *eol = <const char *>memchr(begin, c'\n', n - p.used)
    cdef const char *t = begin
    cdef const char *end
    cdef int i
    if eol == NULL:
        return fail(p, b"too big inline request") if n - p.used > MAX_LINE else PARSE_MORE
    if eol - begin > MAX_LINE:
        return fail(p, b"too big inline request")
    end = eol - 1 if eol > begin and eol[-1] == c'\r' else eol
    p.line.len = 0
    p.argc = 0
    while True:
        while t < end and is_space(t[0]):
            t += 1
        if t >= end or t[0] == 0:
            break
        if p.argc == p.room and not make_room(p, p.argc + 1):
            return fail(p, b"out of memory")
        p.offsets[p.argc] = p.line.len
        if not read_quoted(p, t, end, &t):
            return fail(p, b"unbalanced quotes in request")
        p.argv[p.argc].len = p.line.len - p.offsets[p.argc]
        p.argc += 1
    p.used = eol + 1 - data
    for i in range(p.argc):
        p.argv[i].ptr = p.line.ptr + p.offsets[i]
        p.offsets[i] = p.used
    return PARSE_COMMAND if p.argc else PARSE_EMPTY


cdef int parse(parser *p, const char *data, size_t n) noexcept nogil:
    """Parses the next command of data[used:n]."""
    if p.missing < 0:
        p.start = p.used
        p.argc = 0
        if p.used >= n:
            return PARSE_MORE
        if data[p.used] != c'*':
            return parse_inline(p, data, n)
    return parse_array(p, data, n)
