"""Writes replies in RESP2 and RESP3.

Handlers never test the protocol version: they write map, set, double, null, and types that RESP2 lacks are
converted here (a map to a flat array, a set to an array, a double to a bulk string, null to $-1 or *-1).
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memchr, memcpy, strlen

from kvd.core.buf cimport buf_add_char, buf_reserve, buf_rotate
from kvd.core.text cimport DOUBLE_TEXT, INT_TEXT, format_double, format_int, parse_int
from kvd.core.view cimport view_of


cdef void write_header(buf *out, char type, int64_t n) noexcept nogil:
    cdef char *p
    if not buf_reserve(out, INT_TEXT + 4):
        return
    p = out.ptr + out.len
    p[0] = type
    if 0 <= n <= 9:
        p[1] = <char>(48 + n)
        p[2] = c'\r'
        p[3] = c'\n'
        out.len += 4
        return
    n = format_int(p + 1, n) + 1
    p[n] = c'\r'
    p[n + 1] = c'\n'
    out.len += n + 2


cdef void write_int(buf *out, int64_t n) noexcept nogil:
    write_header(out, c':', n)


cdef void write_unsigned(buf *out, uint64_t n, int proto) noexcept nogil:
    cdef char text[INT_TEXT]
    cdef view v
    if n <= <uint64_t>0x7FFFFFFFFFFFFFFFULL:
        write_int(out, <int64_t>n)
        return
    v = view_of(text, snprintf(text, sizeof(text), b"%llu", <unsigned long long>n))
    if proto >= 3:
        write_line(out, c'(', v)
    else:
        write_bulk(out, v)


cdef void write_bulk(buf *out, view v) noexcept nogil:
    cdef char *p
    if not buf_reserve(out, v.len + INT_TEXT + 8):
        return
    write_header(out, c'$', v.len)
    p = out.ptr + out.len
    memcpy(p, v.ptr, v.len)
    p[v.len] = c'\r'
    p[v.len + 1] = c'\n'
    out.len += v.len + 2


cdef void write_text(buf *out, const char *text) noexcept nogil:
    write_bulk(out, view_of(text, strlen(text)))


cdef void write_bulk_int(buf *out, int64_t n) noexcept nogil:
    cdef char text[INT_TEXT]
    write_bulk(out, view_of(text, format_int(text, n)))


cdef void write_clean(buf *out, view v) noexcept nogil:
    cdef size_t i
    for i in range(v.len):
        buf_add_char(out, c' ' if v.ptr[i] == c'\r' or v.ptr[i] == c'\n' else v.ptr[i])
    buf_add(out, b"\r\n", 2)


cdef void write_line(buf *out, char kind, view v) noexcept nogil:
    buf_add_char(out, kind)
    write_clean(out, v)


cdef void write_status(buf *out, const char *text) noexcept nogil:
    buf_add_char(out, c'+')
    buf_add(out, text, strlen(text))
    buf_add(out, b"\r\n", 2)


cdef void write_null(buf *out, int proto) noexcept nogil:
    if proto >= 3:
        buf_add(out, b"_\r\n", 3)
    else:
        buf_add(out, b"$-1\r\n", 5)


cdef void write_null_array(buf *out, int proto) noexcept nogil:
    if proto >= 3:
        buf_add(out, b"_\r\n", 3)
    else:
        buf_add(out, b"*-1\r\n", 5)


cdef void write_array(buf *out, int64_t n) noexcept nogil:
    write_header(out, c'*', n)


cdef void write_map(buf *out, int64_t pairs, int proto) noexcept nogil:
    if proto >= 3:
        write_header(out, c'%', pairs)
    else:
        write_header(out, c'*', pairs * 2)


cdef void write_set(buf *out, int64_t n, int proto) noexcept nogil:
    write_header(out, c'~' if proto >= 3 else c'*', n)


cdef void write_push(buf *out, int64_t n, int proto) noexcept nogil:
    write_header(out, c'>' if proto >= 3 else c'*', n)


cdef void write_double(buf *out, double d, int proto) noexcept nogil:
    cdef char text[DOUBLE_TEXT]
    cdef int n = format_double(text, d)
    if proto >= 3:
        buf_add_char(out, c',')
        buf_add(out, text, n)
        buf_add(out, b"\r\n", 2)
    else:
        write_bulk(out, view_of(text, n))


cdef void write_bool(buf *out, bint b, int proto) noexcept nogil:
    if proto >= 3:
        buf_add(out, <const char *>b"#t\r\n" if b else <const char *>b"#f\r\n", 4)
    else:
        write_int(out, b)


cdef void write_verbatim(buf *out, view v, const char *kind, int proto) noexcept nogil:
    if proto < 3:
        write_bulk(out, v)
        return
    write_header(out, c'=', v.len + 4)
    buf_add(out, kind, 3)
    buf_add_char(out, c':')
    buf_add(out, v.ptr, v.len)
    buf_add(out, b"\r\n", 2)


cdef void write_lowered(buf *out, view r, int proto) noexcept nogil:
    """Walks lines; only headers, nulls, booleans and doubles differ between the versions."""
    cdef const char *p = r.ptr
    cdef const char *end = r.ptr + r.len
    cdef const char *eol
    cdef int64_t n = 0
    if proto >= 3:
        buf_add(out, r.ptr, r.len)
        return
    while p < end:
        eol = <const char *>memchr(p, c'\r', end - p)
        if eol == NULL:
            return
        parse_int(view_of(p + 1, eol - p - 1), &n)
        if p[0] == c'%':
            write_array(out, n * 2)
        elif p[0] == c'~':
            write_array(out, n)
        elif p[0] == c'_':
            write_null(out, 2)
        elif p[0] == c'#':
            write_int(out, p[1] == c't')
        elif p[0] == c',':
            write_bulk(out, view_of(p + 1, eol - p - 1))
        elif p[0] == c'$':
            buf_add(out, p, eol - p + 4 + n)
            eol += n + 2
        else:
            buf_add(out, p, eol - p + 2)
        p = eol + 2


cdef void write_command(buf *out, int argc, const view *argv) noexcept nogil:
    cdef int i
    write_array(out, argc)
    for i in range(argc):
        write_bulk(out, argv[i])


cdef void write_header_at(buf *out, size_t at, char type, int64_t n) noexcept nogil:
    """Inserts a header before what was written since `at`."""
    cdef size_t mark = out.len
    write_header(out, type, n)
    buf_rotate(out, at, mark)
