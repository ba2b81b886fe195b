"""Converts complete replies to Python values. See replies.pyx."""

cdef enum:
    AS_TEXT = 1                # str instead of bytes
    SETS_AS_LISTS = 2          # as in redis-py
    KEPT_BUFFER = 65536        # bytes of a reply buffer that is kept for the next reply

cdef object text_of(const char *p, Py_ssize_t n, bint decode)
cdef object decode_value(const char **at, int how, object make_error)    # the value that begins there; sets `at` after it
cdef object decode_reply(const char *p, size_t n, bint decode)           # one complete reply; raises error replies
