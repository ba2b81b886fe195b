"""Index of the object cache: open addressing with linear probing over 8-byte cells.

A cell holds 32 bits of the mixed hash and the number of a node, so a lookup touches a node only when the hash is
equal. At most half of the cells are in use: at three quarters an entry would take 9 bytes less, and a cache that evicts
would be 12 % slower, because runs get longer and their ends unpredictable. A removal moves the following cells of
its run back, so there are no tombstones.

Walking a run is left to the owner (doors/entries.pyx), because comparing keys may run Python code that changes the cells.

Invariants: a power of two of cells; a node's cell is reachable from `hash & mask` without crossing a free cell.
"""

from libc.string cimport memset

from kvd.core.mem cimport mem_alloc, mem_free

cdef enum:
    FIRST = 8                  # cells of a new index
    KEPT = 512                 # cells that an empty index keeps


cdef cell *fresh(heap *h, uint32_t n) noexcept nogil:
    cdef cell *at = <cell *>mem_alloc(h, n * sizeof(cell))
    if at != NULL:
        memset(at, 0, n * sizeof(cell))
    return at


cdef void replace(cells *c, cell *at, uint32_t n) noexcept nogil:
    mem_free(c.mem, c.at, (c.mask + <size_t>1) * sizeof(cell))
    c.at = at
    c.mask = n - 1


cdef bint cells_init(cells *c, heap *h) noexcept nogil:
    c.mem = h
    c.at = fresh(h, FIRST)
    c.mask = FIRST - 1
    return c.at != NULL


cdef bint cells_double(cells *c) noexcept nogil:
    cdef uint32_t n = (c.mask + 1) * 2
    cdef cell *at = fresh(c.mem, n) if n else NULL
    cdef uint32_t k, to
    if at == NULL:
        return False
    for k in range(c.mask + 1):
        if c.at[k].id:
            to = c.at[k].hash & (n - 1)
            while at[to].id:
                to = (to + 1) & (n - 1)
            at[to] = c.at[k]
    replace(c, at, n)
    return True


cdef void cells_remove(cells *c, uint32_t hash, uint32_t id) noexcept nogil:
    cdef uint32_t hole = hash & c.mask
    cdef uint32_t at
    while c.at[hole].id != id:
        hole = (hole + 1) & c.mask
    at = hole
    while True:                # a following cell whose home position is not after the hole moves into it
        at = (at + 1) & c.mask
        if c.at[at].id == 0:
            break
        if ((at - c.at[at].hash) & c.mask) >= ((at - hole) & c.mask):
            c.at[hole] = c.at[at]
            hole = at
    c.at[hole].id = 0


cdef bint cells_shrink(cells *c) noexcept nogil:
    cdef cell *at
    if c.mask + <uint64_t>1 <= KEPT:
        return False
    at = fresh(c.mem, FIRST)
    if at == NULL:
        return False           # no memory: the present cells, all empty, stay in use
    replace(c, at, FIRST)
    return True


cdef bint cells_have(cells *c, uint32_t hash, uint32_t id) noexcept nogil:
    cdef uint32_t at = hash & c.mask
    while c.at[at].id:
        if c.at[at].id == id:
            return True
        at = (at + 1) & c.mask
    return False


cdef uint64_t cells_count(cells *c) noexcept nogil:
    cdef uint64_t n = 0
    cdef uint32_t k
    for k in range(c.mask + 1):
        n += c.at[k].id != 0
    return n
