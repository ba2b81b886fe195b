"""Items in order of a 128-bit id that each of them begins with. See idmap.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from kvd.core.mem cimport heap

cdef struct stream_id:         # milliseconds, then a number within the millisecond
    uint64_t ms
    uint64_t seq

cdef struct idblock:
    uint32_t count
    uint32_t room
    stream_id *item[1]         # `room` of them

cdef struct idmap:
    heap *mem
    idblock **blocks
    uint32_t used
    uint32_t room
    size_t count

cdef struct idpos:             # valid until the next change
    uint32_t block
    uint32_t i

cdef void idmap_init(idmap *m, heap *h) noexcept nogil
cdef void idmap_release(idmap *m) noexcept nogil                              # not the items
cdef void *idmap_find(idmap *m, stream_id id) noexcept nogil                  # or NULL; borrowed
cdef bint idmap_insert(idmap *m, void *item) noexcept nogil                   # its id must not be in; False: no memory
cdef void *idmap_remove(idmap *m, stream_id id) noexcept nogil                # the item; NULL: there is none
cdef bint idmap_move(idmap *m, void *item, stream_id id) noexcept nogil       # gives it an id that is not in; False: no memory, it keeps its own
cdef void *idmap_seek(idmap *m, stream_id id, idpos *at) noexcept nogil       # the first not below id, or NULL
cdef void *idmap_seek_last(idmap *m, stream_id id, idpos *at) noexcept nogil  # the last not above id, or NULL
cdef void *idmap_next(idmap *m, idpos *at) noexcept nogil
cdef void *idmap_prev(idmap *m, idpos *at) noexcept nogil
cdef size_t idmap_bytes(idmap *m) noexcept nogil
cdef const char *idmap_check(idmap *m) noexcept nogil


cdef inline stream_id id_of(uint64_t ms, uint64_t seq) noexcept nogil:
    cdef stream_id id
    id.ms = ms
    id.seq = seq
    return id


cdef inline int id_compare(stream_id a, stream_id b) noexcept nogil:
    if a.ms != b.ms:
        return -1 if a.ms < b.ms else 1
    return -1 if a.seq < b.seq else a.seq > b.seq


cdef inline stream_id id_lowest() noexcept nogil:
    return id_of(0, 0)


cdef inline stream_id id_highest() noexcept nogil:
    return id_of(<uint64_t>-1, <uint64_t>-1)


cdef inline bint id_next(stream_id *id) noexcept nogil:
    """The id that follows; False: there is none."""
    id.seq += 1
    if id.seq == 0:
        id.ms += 1
        return id.ms != 0
    return True


cdef inline bint id_prev(stream_id *id) noexcept nogil:
    if id.seq == 0:
        if id.ms == 0:
            return False
        id.ms -= 1
    id.seq -= 1
    return True
