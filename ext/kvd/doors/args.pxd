"""Python values to the words of a command: views into bytes and str, encodings of everything else. See args.pyx."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE

from kvd.core.text cimport format_int
from kvd.core.view cimport view

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    bint PyUnicode_CheckExact(object o)
    bint PyLong_CheckExact(object o)
    long long PyLong_AsLongLongAndOverflow(object o, int *overflow) except? -1

cdef enum:
    STACK_ARGS = 16            # words of a command that need no allocation

cdef object encode(object value)    # bytes of other types than bytes and str; DataError for types that cannot be stored


cdef inline bint plain_view(object value, view *v) except -1:
    """A view into bytes or str; False for anything else."""
    cdef Py_ssize_t n
    if PyBytes_CheckExact(value):
        v.ptr = PyBytes_AS_STRING(value)
        v.len = PyBytes_GET_SIZE(value)
        return True
    if PyUnicode_CheckExact(value):
        v.ptr = PyUnicode_AsUTF8AndSize(value, &n)
        v.len = n
        return True
    return False


cdef inline bint int_view(object value, view *v, char *digits) except -1:
    """A view into `digits` (INT_TEXT bytes), where an int of 64 bits is written; False for anything else."""
    cdef int overflow = 0
    cdef long long n
    if not PyLong_CheckExact(value):
        return False
    n = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        return False
    v.ptr = digits
    v.len = format_int(digits, n)
    return True


cdef inline object encoded_view(object value, view *v):
    """A view into the encoding of value, which is returned and has to stay."""
    value = encode(value)
    v.ptr = PyBytes_AS_STRING(value)
    v.len = PyBytes_GET_SIZE(value)
    return value
