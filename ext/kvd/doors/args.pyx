"""Encodes the arguments of commands, by redis-py's rules.

Bytes and str are not copied: `plain_view` points into them (a str keeps its UTF-8 form). Other types are encoded, and
the caller keeps the encoding alive until the command has run.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from kvd.core.text cimport INT_TEXT, format_int


cdef object encode(object value):
    """Encodes types other than bytes and str, by redis-py's rules."""
    cdef char digits[INT_TEXT]
    if isinstance(value, bool):
        raise refused("a bool is neither bytes, str, int nor float; convert it first")
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 63:
            return PyBytes_FromStringAndSize(digits, format_int(digits, value))
        return b"%d" % value
    if isinstance(value, float):
        return repr(value).encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return bytes(value)
    raise refused(f"cannot store {type(value).__name__}: convert it to bytes, str, int or float first")


cdef object refused(str why):
    from kvd.errors import DataError
    return DataError(why)
