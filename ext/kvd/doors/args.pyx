"""Encodes the arguments of commands, by redis-py's rules.

Bytes and str are not copied: `plain_view` points into them (a str keeps its UTF-8 form). Other types are encoded, and
the caller keeps the encoding until the command has run; `int_view` writes it into the caller's memory.
"""


cdef object encode(object value):
    """Encodes types other than bytes and str, by redis-py's rules."""
    if isinstance(value, bool):
        raise refused("a bool is neither bytes, str, int nor float; convert it first")
    if isinstance(value, int):
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
