"""Whole replies to Python values. See decode.pyx."""

cdef object text_of(const char *p, Py_ssize_t n, bint decode)
cdef object decode_value(const char **at, bint decode, object make_error)    # the value that begins there; at is set behind it
