"""Bytes to views and back, for the test probes."""

from kvd.core.view cimport view


cdef inline view as_view(bytes b):
    cdef view v
    v.ptr = b
    v.len = len(b)
    return v


cdef inline bytes as_bytes(view v):
    return v.ptr[:v.len]
