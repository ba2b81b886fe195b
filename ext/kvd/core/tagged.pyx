"""A number and a name as one key, so that one table serves names of several kinds: waits, watches and
subscriptions are found by database (or kind) and name. Most fit into a buffer on the caller's stack."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy

from kvd.core.mem cimport mem_alloc, mem_free


cdef view tagged_key(heap *h, int tag, view name, char *small) noexcept nogil:
    cdef char *p = small
    cdef int32_t number = tag
    if name.len + TAG_BYTES > TAG_ROOM:
        p = <char *>mem_alloc(h, name.len + TAG_BYTES)
        if p == NULL:
            return view_of(NULL, 0)
    memcpy(p, &number, TAG_BYTES)
    memcpy(p + TAG_BYTES, name.ptr, name.len)
    return view_of(p, name.len + TAG_BYTES)


cdef void tagged_done(heap *h, view k, char *small) noexcept nogil:
    if k.ptr != small and k.ptr != NULL:
        mem_free(h, <void *>k.ptr, k.len)
