"""Writes replies. Callers state the RESP3 type; with `proto` 2 it is converted to RESP2. See writer.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf, buf_add
from kvd.core.view cimport view

cdef void write_header(buf *out, char type, int64_t n) noexcept nogil        # "*3\r\n" and its like
cdef void write_int(buf *out, int64_t n) noexcept nogil
cdef void write_unsigned(buf *out, uint64_t n, int proto) noexcept nogil      # above 2^63 - 1 a big number, before RESP3 a bulk string
cdef void write_bulk(buf *out, view v) noexcept nogil
cdef void write_text(buf *out, const char *text) noexcept nogil              # a bulk string
cdef void write_bulk_int(buf *out, int64_t n) noexcept nogil                 # an integer as a bulk string
cdef void write_status(buf *out, const char *text) noexcept nogil            # +text
cdef void write_clean(buf *out, view v) noexcept nogil                      # and a line break; line breaks inside become blanks
cdef void write_line(buf *out, char kind, view v) noexcept nogil             # the same, prefixed with its kind
cdef void write_null(buf *out, int proto) noexcept nogil                     # $-1 before RESP3
cdef void write_null_array(buf *out, int proto) noexcept nogil               # *-1 before RESP3
cdef void write_array(buf *out, int64_t n) noexcept nogil
cdef void write_map(buf *out, int64_t pairs, int proto) noexcept nogil
cdef void write_set(buf *out, int64_t n, int proto) noexcept nogil
cdef void write_push(buf *out, int64_t n, int proto) noexcept nogil
cdef void write_double(buf *out, double d, int proto) noexcept nogil
cdef void write_bool(buf *out, bint b, int proto) noexcept nogil
cdef void write_verbatim(buf *out, view v, const char *kind, int proto) noexcept nogil   # kind: three letters
cdef void write_lowered(buf *out, view resp3, int proto) noexcept nogil      # complete RESP3 replies prepared beforehand
cdef void write_command(buf *out, int argc, const view *argv) noexcept nogil      # an array of bulk strings
cdef void write_header_at(buf *out, size_t at, char type, int64_t n) noexcept nogil   # inserts a header for a count that is known afterwards


cdef inline void write_ok(buf *out) noexcept nogil:
    buf_add(out, b"+OK\r\n", 5)
