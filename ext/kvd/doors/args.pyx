"""The bytes of values that a command's words are made of, by redis-py's rules.

Bytes and str are not copied: `plain_view` looks into them (a str keeps its UTF-8 form). Everything else is encoded, and
the caller keeps the encoding alive until the command has run.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from kvd.core.text cimport INT_TEXT, format_int


cdef object encode(object value):
    """Bytes of what is neither bytes nor str, by redis-py's rules."""
    cdef char digits[INT_TEXT]
    if isinstance(value, bool):
        raise TypeError("a bool is neither bytes, str, int nor float; convert it first")
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
    raise TypeError(f"cannot store {type(value).__name__}: convert it to bytes, str, int or float first")
