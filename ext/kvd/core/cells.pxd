"""Index of the object cache: finds a node's number by the hash of its key. See cells.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from kvd.core.mem cimport heap

cdef struct cell:
    uint32_t hash
    uint32_t id                # node number; 0: the cell is free

cdef struct cells:
    heap *mem
    cell *at                   # mask + 1 of them
    uint32_t mask

cdef bint cells_init(cells *c, heap *h) noexcept nogil                        # False: no memory
cdef bint cells_double(cells *c) noexcept nogil                               # False: no memory, or 2^31 cells; nothing changed
cdef void cells_remove(cells *c, uint32_t hash, uint32_t id) noexcept nogil   # the node must be in it
cdef bint cells_shrink(cells *c) noexcept nogil                               # when it is empty: frees memory; True: there was much to free
cdef bint cells_have(cells *c, uint32_t hash, uint32_t id) noexcept nogil
cdef uint64_t cells_count(cells *c) noexcept nogil                            # cells in use, by examining all of them


cdef inline bint cells_full(cells *c, uint64_t used) noexcept nogil:
    """Whether one more than `used` would fill more than half."""
    return (used + 1) * 2 > c.mask + <uint64_t>1


cdef inline void cells_insert(cells *c, uint32_t hash, uint32_t id) noexcept nogil:
    """There must be a free cell."""
    cdef uint32_t at = hash & c.mask
    while c.at[at].id:
        at = (at + 1) & c.mask
    c.at[at].hash = hash
    c.at[at].id = id
