"""A number and a name as one key: a database's key, a kind of channel and its name. See tagged.pyx."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy

from kvd.core.mem cimport heap
from kvd.core.view cimport view, view_of

cdef enum:
    TAG_BYTES = 4
    TAG_ROOM = 256             # of the buffer on the caller's stack

cdef view tagged_key(heap *h, int tag, view name, char *small) noexcept nogil   # in `small` (TAG_ROOM) if it fits; ptr NULL: no memory
cdef void tagged_done(heap *h, view k, char *small) noexcept nogil              # releases the result of tagged_key


cdef inline int tag_of(view k) noexcept nogil:
    cdef int32_t n
    memcpy(&n, k.ptr, TAG_BYTES)
    return n


cdef inline view tagged_name(view k) noexcept nogil:
    return view_of(k.ptr + TAG_BYTES, k.len - TAG_BYTES)
