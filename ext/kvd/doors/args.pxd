"""Python values to the words of a command: views into bytes and str, encodings of everything else. See args.pyx."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE

from kvd.core.view cimport view

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    bint PyUnicode_CheckExact(object o)

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


cdef inline int to_view(object value, view *v, list keep) except -1:
    """A view into value, or into its encoding, which `keep` then owns."""
    if plain_view(value, v):
        return 0
    value = encode(value)
    keep.append(value)
    v.ptr = PyBytes_AS_STRING(value)
    v.len = PyBytes_GET_SIZE(value)
    return 0
