"""Converts complete replies to Python values, for callers in this process.

hiredis parses replies that arrive from a socket in pieces; a reply in this process is complete, so it is walked once,
without a reader object and without a copy. Types are those of hiredis: map dict, set set, double float, big
number int, verbatim string its text. An error is passed to `make_error`; the caller raises the result. Values that cannot
be a key or a member become tuples. Replies nested deeper than DEEPEST raise RecursionError.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t
from libc.string cimport memchr

from kvd.core.text cimport parse_double, parse_int
from kvd.core.view cimport view, view_of

cdef enum:
    DEEPEST = 2000


cdef object text_of(const char *p, Py_ssize_t n, bint decode):
    if decode:
        return PyUnicode_DecodeUTF8(p, n, NULL)
    return PyBytes_FromStringAndSize(p, n)


cdef object decode_value(const char **at, int how, object make_error):
    return value(at, how, make_error, 0)


cdef object hashable(object one):
    """Converts it for use as a key or a member."""
    if isinstance(one, (list, tuple)):
        return tuple([hashable(x) for x in one])
    if isinstance(one, dict):
        return tuple([(k, hashable(v)) for k, v in one.items()])
    if isinstance(one, set):
        return frozenset(one)
    return one


cdef list values(const char **at, int64_t n, int how, object make_error, int depth):
    cdef list found = PyList_New(n)
    cdef int64_t i
    cdef object one
    for i in range(n):
        one = value(at, how, make_error, depth)
        Py_INCREF(one)
        PyList_SET_ITEM(found, i, one)
    return found


cdef object value(const char **at, int how, object make_error, int depth):
    cdef const char *p = at[0]
    cdef const char *eol = <const char *>memchr(p, c'\r', <size_t>-1 >> 1)
    cdef const char *begin = eol + 2
    cdef Py_ssize_t length = eol - p - 1
    cdef int64_t n = 0
    cdef double d = 0
    cdef char kind = p[0]
    cdef dict pairs
    cdef set members
    at[0] = begin
    if depth > DEEPEST:
        raise RecursionError("the reply is nested too deeply")
    if kind == c'$' or kind == c'*' or kind == c':' or kind == c'%' or kind == c'~' or kind == c'>' or kind == c'=':
        parse_int(view_of(p + 1, length), &n)
    if kind == c'$' or kind == c'=':
        if n < 0:
            return None
        at[0] = begin + n + 2
        if kind == c'=':
            begin += 4
            n -= 4
        return text_of(begin, n, how & AS_TEXT)
    if kind == c':':
        return n
    if kind == c'*' or kind == c'>':
        return None if n < 0 else values(at, n, how, make_error, depth + 1)
    if kind == c'+':
        return text_of(p + 1, length, how & AS_TEXT)
    if kind == c'_':
        return None
    if kind == c'-':
        return make_error(p[1:length + 1].decode("utf-8", "replace"))
    if kind == c'%':
        pairs = {}
        while n > 0:
            key = hashable(value(at, how, make_error, depth + 1))
            pairs[key] = value(at, how, make_error, depth + 1)
            n -= 1
        return pairs
    if kind == c'~':
        if how & SETS_AS_LISTS:
            return values(at, n, how, make_error, depth + 1)
        members = set()
        while n > 0:
            members.add(hashable(value(at, how, make_error, depth + 1)))
            n -= 1
        return members
    if kind == c'#':
        return p[1] == c't'
    if kind == c',':
        if parse_double(view_of(p + 1, length), &d):
            return d
        return float(p[1:length + 1])
    if kind == c'(':
        try:
            return int(p[1:length + 1])
        except ValueError:             # scripts may return any text as a big number
            return text_of(p + 1, length, how & AS_TEXT)
    raise ValueError(f"not a reply: {p[:length + 1]!r}")


cdef object failure(view text):
    from kvd import errors
    return errors.from_reply(text.ptr[:text.len].decode("utf-8", "replace"))


def nested_failure(text):
    """An error inside a list: the reply of a failed command in EXEC."""
    from kvd import errors
    return errors.from_reply(text)


cdef object decode_reply(const char *p, size_t n, bint decode):
    cdef const char *eol
    cdef int64_t number
    if n == 0:
        return None                # CLIENT REPLY OFF
    eol = <const char *>memchr(p, c'\r', n)
    if p[0] == c'$':
        parse_int(view_of(p + 1, eol - p - 1), &number)
        return text_of(eol + 2, number, decode) if number >= 0 else None
    if p[0] == c':':
        parse_int(view_of(p + 1, eol - p - 1), &number)
        return number
    if p[0] == c'+':
        return text_of(p + 1, eol - p - 1, decode)
    if p[0] == c'-':
        raise failure(view_of(p + 1, eol - p - 1))
    if p[0] == c'_':
        return None
    return decode_value(&p, decode, nested_failure)
