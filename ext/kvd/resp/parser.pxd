"""Parses commands from a byte stream, one at a time, in pieces of any size. See parser.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef enum parse_result:
    PARSE_MORE                 # the command is incomplete
    PARSE_COMMAND              # argv and argc hold one; it ends at `used`
    PARSE_EMPTY                # an empty line or array: continue
    PARSE_ERROR                # `error` holds the message; the connection must be closed

cdef struct parser:
    view *argv                 # into the input, or into `line` for inline commands
    int argc
    int room
    size_t used                # bytes of input up to the next command
    size_t start               # where the command being parsed begins
    int64_t missing            # arguments still to come; -1: no header read yet
    int64_t bulk               # length of the argument being read; -1: its header is still to come
    size_t *offsets            # of the arguments read so far (the input may move meanwhile)
    const char *error
    char message[64]
    buf line                   # unquoted words of an inline command
    int64_t max_bulk           # proto-max-bulk-len
    bint trusted               # authenticated: without that, lengths have low limits

cdef void parser_init(parser *p) noexcept nogil
cdef void parser_release(parser *p) noexcept nogil
cdef int parse(parser *p, const char *data, size_t n) noexcept nogil     # data is all input not yet dropped
cdef size_t parser_wants(parser *p, size_t n) noexcept nogil             # bytes still missing, as far as known
cdef void parser_moved(parser *p, size_t to) noexcept nogil              # the command being read now begins at 0, its unread argument at `to`
cdef void parser_dropped(parser *p, size_t n) noexcept nogil             # the caller dropped the first n bytes, all used
