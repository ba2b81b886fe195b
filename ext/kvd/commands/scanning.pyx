"""Functions shared by SCAN, HSCAN, SSCAN and ZSCAN.

A cursor is a position in a table that stays valid when the table grows (core/table.pyx). A call returns about COUNT
elements; a packed value is returned whole, with the cursor 0.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf

from kvd.core.buf cimport buf_rotate
from kvd.core.glob cimport glob_match
from kvd.core.view cimport view_is, view_of
from kvd.resp.writer cimport write_bulk, write_header_at
from kvd.run.args cimport arg_int, find_read, reply_array, reply_error, wrong_type
from kvd.run.errors cimport SYNTAX
from kvd.types.kind cimport HASH, ZSET

cdef enum:
    MOST = 0x7FFFFFFF          # elements of one call


cdef bint read_cursor(call *c, view v, uint64_t *cursor) noexcept nogil:
    cdef uint64_t ALL = <uint64_t>-1
    cdef uint64_t n = 0
    cdef uint64_t digit
    cdef size_t i
    cdef bint ok = 0 < v.len <= 20
    for i in range(v.len if ok else 0):
        digit = <uint64_t>(v.ptr[i] - 48)
        if digit > 9 or n > (ALL - digit) // 10:
            ok = False
        n = n * 10 + digit
    if not ok:
        reply_error(c, b"ERR invalid cursor")
    cursor[0] = n
    return ok


cdef void write_cursor(call *c, size_t at, uint64_t cursor) noexcept nogil:
    cdef char text[24]
    cdef size_t mark = c.out.len
    write_bulk(c.out, view_of(text, snprintf(text, sizeof(text), b"%llu", <unsigned long long>cursor)))
    buf_rotate(c.out, at, mark)


cdef bint scan_wants(gathering *g, view name) noexcept nogil:
    return g.any or glob_match(g.pattern, name, False)


cdef bint scan_refuses(call *c, view word) noexcept nogil:
    if view_is(word, b"novalues"):
        reply_error(c, b"ERR NOVALUES option can only be used in HSCAN")
    elif view_is(word, b"noscores"):
        reply_error(c, b"ERR NOSCORES option can only be used in ZSCAN")
    else:
        return False
    return True


cdef bint read_options(call *c, int type, gathering *g) noexcept nogil:
    cdef int i = 3
    while i < c.argc:
        if (type == HASH and view_is(c.argv[i], b"novalues")) or (type == ZSET and view_is(c.argv[i], b"noscores")):
            g.only_names = True
            i += 1
            continue
        if scan_refuses(c, c.argv[i]):
            return False
        if i + 1 < c.argc and view_is(c.argv[i], b"count"):
            if not arg_int(c, i + 1, &g.count):
                return False
            if g.count < 1:
                reply_error(c, SYNTAX)
                return False
            g.count = min(g.count, <int64_t>MOST)
        elif i + 1 < c.argc and view_is(c.argv[i], b"match"):
            g.pattern = c.argv[i + 1]
            g.any = g.pattern.len == 1 and g.pattern.ptr[0] == c'*'
        else:
            reply_error(c, SYNTAX)
            return False
        i += 2
    return True


cdef void scan_value(call *c, int type, scan_step step) noexcept nogil:
    cdef gathering g
    cdef uint64_t cursor, hash
    cdef int64_t steps
    cdef size_t begin
    g.c = c
    g.any = True
    g.count = 10
    g.found = 0
    g.only_names = False
    if not read_cursor(c, c.argv[2], &cursor):
        return
    g.e = find_read(c, c.argv[1], &hash)
    if g.e != NULL and wrong_type(c, g.e, type):
        return
    if g.e != NULL and not read_options(c, type, &g):
        return                         # a missing key is answered whatever the options
    reply_array(c, 2)
    begin = c.out.len
    steps = 1 + g.count // 4       # a bucket holds six on average
    if g.e == NULL:
        cursor = 0
        steps = 0
    while steps > 0 and g.found < g.count * 2:
        cursor = step(&g, cursor)
        steps -= 1
        if cursor == 0:
            break
    write_header_at(c.out, begin, c'*', g.found)
    write_cursor(c, begin, cursor)
