"""The first line of a script: `#!lua flags=no-writes,allow-oom`, `#!lua name=library`."""


from kvd.core.view cimport view_is, view_of
from kvd.resp.writer cimport write_set, write_status
from kvd.run.call cimport F_DENYOOM, F_MAY_REPLICATE, F_STALE, F_WRITE

cdef const char **FLAG_NAMES = [b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys", NULL]


cdef bint flag_named(view word, int *flags) noexcept nogil:
    cdef int i = 0
    while FLAG_NAMES[i] != NULL:
        if view_is(word, FLAG_NAMES[i]):
            flags[0] |= 1 << i
            return True
        i += 1
    return False


cdef uint32_t call_flags(uint32_t flags, int declared) noexcept nogil:
    """The gate refuses the command if it would refuse the declared flags."""
    if not declared & ALLOW_STALE or declared & COMPAT:
        flags &= ~<uint32_t>F_STALE
    if declared & COMPAT:
        return flags
    flags &= ~<uint32_t>(F_WRITE | F_DENYOOM | F_MAY_REPLICATE)
    if not declared & NO_WRITES:
        flags |= F_WRITE
    if not declared & (NO_WRITES | ALLOW_OOM):
        flags |= F_DENYOOM
    return flags


cdef void write_flags(call *c, int flags) noexcept nogil:
    cdef int i = 0
    cdef int n = 0
    while FLAG_NAMES[i] != NULL:
        n += flags >> i & 1
        i += 1
    write_set(c.out, n, c.proto)
    for i in range(5):
        if flags >> i & 1:
            write_status(c.out, FLAG_NAMES[i])


cdef bint first_line(view code, view *line, view *body) noexcept nogil:
    cdef size_t end = 0
    line[0] = view_of(NULL, 0)
    body[0] = code
    if code.len < 2 or code.ptr[0] != c'#' or code.ptr[1] != c'!':
        return True
    while end < code.len and code.ptr[end] != c'\n':
        end += 1
    line[0] = view_of(code.ptr + 2, end - 2)
    body[0] = view_of(code.ptr + end, code.len - end)      # with the line break: lines keep their numbers
    return end < code.len


cdef bint next_word(view *line, view *word) noexcept nogil:
    """The engine may be empty (`#! name=x`): the first word is the text before a blank."""
    cdef size_t end = 0
    while end < line.len and line.ptr[end] != c' ' and line.ptr[end] != c'\r':
        end += 1
    word[0] = view_of(line.ptr, end)
    while end < line.len and (line.ptr[end] == c' ' or line.ptr[end] == c'\r'):
        end += 1
    line[0] = view_of(line.ptr + end, line.len - end)
    return word.len > 0 or line.len > 0
