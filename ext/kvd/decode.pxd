"""Whole replies to Python values. See decode.pyx."""

cdef object text_of(const char *p, Py_ssize_t n, bint decode)
cdef enum:
    AS_TEXT = 1                # str instead of bytes
    SETS_AS_LISTS = 2          # as redis-py has them

cdef object decode_value(const char **at, int how, object make_error)    # the value that begins there; at is set behind it
