"""LCS, the longest common subsequence of two strings."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from kvd.core.entry cimport entry
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_header_at
from kvd.run.args cimport arg_int, find_read, reply_array, reply_bulk, reply_error, reply_int, reply_map, reply_text
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport OPT_PROTO_MAX_BULK_LEN, cfg
from kvd.types.kind cimport STRING, type_of
from kvd.types.string cimport string_view


cdef enum:
    MAX_LCS = 2147483647

cdef struct lcs_args:
    bint length_only
    bint ranges
    bint with_lengths
    int64_t least


cdef bint read_lcs(call *c, lcs_args *a) noexcept nogil:
    cdef int i = 3
    a.length_only = a.ranges = a.with_lengths = False
    a.least = 0
    while i < c.argc:
        if view_is(c.argv[i], b"len"):
            a.length_only = True
        elif view_is(c.argv[i], b"idx"):
            a.ranges = True
        elif view_is(c.argv[i], b"withmatchlen"):
            a.with_lengths = True
        elif view_is(c.argv[i], b"minmatchlen") and i + 1 < c.argc:
            i += 1
            if not arg_int(c, i, &a.least):
                return False
            a.least = max(a.least, 0)
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    if a.length_only and a.ranges:
        reply_error(c, b"ERR If you want both the length and indexes, please just use IDX.")
        return False
    return True


cdef int lcs_reply_range(call *c, int64_t a0, int64_t a1, int64_t b0, int64_t b1, lcs_args *args) noexcept nogil:
    """A range, if ranges are requested and it is long enough; returns the number replied."""
    if not args.ranges or a1 - a0 + 1 < args.least:
        return 0
    reply_array(c, 3 if args.with_lengths else 2)
    reply_array(c, 2)
    reply_int(c, a0)
    reply_int(c, a1)
    reply_array(c, 2)
    reply_int(c, b0)
    reply_int(c, b1)
    if args.with_lengths:
        reply_int(c, a1 - a0 + 1)
    return 1


cdef void lcs_walk(call *c, lcs_args *args, view a, view b, uint32_t *t) noexcept nogil:
    """Walks back through the table of lengths from its corner, and collects the string or its ranges."""
    cdef size_t width = b.len + 1
    cdef size_t i = a.len
    cdef size_t j = b.len
    cdef int64_t left = t[i * width + j]
    cdef int64_t total = left
    cdef int64_t ranges = 0
    cdef size_t at
    cdef int64_t a1 = -1, b1 = -1, a0 = 0, b0 = 0
    cdef bint open_range = False
    cdef char *out = NULL
    if not args.ranges:
        out = <char *>calloc(total + 1, 1)
        if out == NULL:
            reply_error(c, NO_MEMORY)
            return
    else:
        reply_map(c, 2)
        reply_text(c, b"matches")
    at = c.out.len
    while i > 0 and j > 0:
        if a.ptr[i - 1] == b.ptr[j - 1]:
            if out != NULL:
                left -= 1
                out[left] = a.ptr[i - 1]
            if open_range and (a0 != <int64_t>i or b0 != <int64_t>j):
                ranges += lcs_reply_range(c, a0, a1, b0, b1, args)
                open_range = False
            if not open_range:
                a1 = i - 1
                b1 = j - 1
                open_range = True
            a0 = i - 1
            b0 = j - 1
            i -= 1
            j -= 1
        elif t[(i - 1) * width + j] > t[i * width + j - 1]:
            i -= 1
        else:
            j -= 1
        if open_range and (i == 0 or j == 0):
            ranges += lcs_reply_range(c, a0, a1, b0, b1, args)
            open_range = False
    if out != NULL:
        reply_bulk(c, view_of(out, total))
        free(out)
        return
    write_header_before(c, at, ranges)
    reply_text(c, b"len")
    reply_int(c, total)


cdef inline void write_header_before(call *c, size_t at, int64_t n) noexcept nogil:
    write_header_at(c.out, at, c'*', n)


define(lcs_command, """
    LCS key key [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]
    readonly | string | 7.0.0 | O(N*M) where N and M are the lengths of the two values
    Find the longest common subsequence of two string values.
""")
cdef void lcs_command(call *c) noexcept nogil:
    cdef lcs_args args
    cdef uint64_t hash
    cdef char scratch_a[INT_TEXT]
    cdef char scratch_b[INT_TEXT]
    cdef view a = view_of(NULL, 0)
    cdef view b = view_of(NULL, 0)
    cdef uint32_t *t
    cdef size_t i, j, width
    cdef entry *ea = find_read(c, c.argv[1], &hash)
    cdef entry *eb = find_read(c, c.argv[2], &hash)
    if (ea != NULL and type_of(ea) != STRING) or (eb != NULL and type_of(eb) != STRING):
        reply_error(c, b"ERR The specified keys must contain string values")
        return
    if not read_lcs(c, &args):
        return
    if ea != NULL:
        a = string_view(ea, scratch_a)
    if eb != NULL:
        b = string_view(eb, scratch_b)
    width = b.len + 1
    if a.len > MAX_LCS or b.len > MAX_LCS:
        reply_error(c, b"ERR String too long for LCS")
        return
    if (a.len + 1) * width > <size_t>cfg(&c.store.config, OPT_PROTO_MAX_BULK_LEN) // sizeof(uint32_t):
        reply_error(c, b"ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
        return
    t = <uint32_t *>calloc((a.len + 1) * width, sizeof(uint32_t))
    if t == NULL:
        reply_error(c, b"ERR Insufficient memory, failed allocating transient memory for LCS")
        return
    for i in range(1, a.len + 1):
        for j in range(1, b.len + 1):
            if a.ptr[i - 1] == b.ptr[j - 1]:
                t[i * width + j] = t[(i - 1) * width + j - 1] + 1
            else:
                t[i * width + j] = max(t[(i - 1) * width + j], t[i * width + j - 1])
    if args.length_only:
        reply_int(c, t[a.len * width + b.len])
    else:
        lcs_walk(c, &args, a, b, t)
    free(t)
