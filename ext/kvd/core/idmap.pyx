"""Items in order of a 128-bit id that each of them begins with.

    directory of blocks -> block of up to 128 pointers -> item, whose first 16 bytes are its id

Redis uses a radix tree here: for a stream's nodes and its groups' pending entries. Ids come almost in
ascending order and leave mostly from the front, so two sorted levels suffice: a lookup is two binary searches,
an insertion at the end touches one block, and a block that fills up in the middle is halved. A million
items make 8,000 blocks, whose directory is 64 KiB; moving half of it is the worst an insertion costs.

A pointer costs 8 bytes, with blocks filled in order; a block starts small, for groups with few pending.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memmove, memset

from kvd.core.mem cimport mem_alloc, mem_cost, mem_free, mem_realloc

cdef enum:
    FULL = 128                 # items of a block
    FIRST = 4                  # room of a new block


cdef inline size_t block_size(uint32_t room) noexcept nogil:
    return sizeof(idblock) + (room - 1) * sizeof(void *)


cdef void idmap_init(idmap *m, heap *h) noexcept nogil:
    memset(m, 0, sizeof(idmap))
    m.mem = h


cdef void idmap_release(idmap *m) noexcept nogil:
    cdef uint32_t i
    for i in range(m.used):
        mem_free(m.mem, m.blocks[i], block_size(m.blocks[i].room))
    mem_free(m.mem, m.blocks, m.room * sizeof(void *))
    idmap_init(m, m.mem)


cdef uint32_t block_for(idmap *m, stream_id id) noexcept nogil:
    """The last block that begins at or below id, or the first. There is one."""
    cdef uint32_t lo = 0
    cdef uint32_t hi = m.used
    cdef uint32_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if id_compare(m.blocks[middle].item[0][0], id) <= 0:
            lo = middle + 1
        else:
            hi = middle
    return lo - 1 if lo else 0


cdef uint32_t place_in(idblock *b, stream_id id) noexcept nogil:
    """The position of the first item not below id."""
    cdef uint32_t lo = 0
    cdef uint32_t hi = b.count
    cdef uint32_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if id_compare(b.item[middle][0], id) < 0:
            lo = middle + 1
        else:
            hi = middle
    return lo


cdef void *idmap_seek(idmap *m, stream_id id, idpos *at) noexcept nogil:
    if m.count == 0:
        return NULL
    at.block = block_for(m, id)
    at.i = place_in(m.blocks[at.block], id)
    if at.i == m.blocks[at.block].count:
        at.i -= 1
        return idmap_next(m, at)
    return m.blocks[at.block].item[at.i]


cdef void *idmap_seek_last(idmap *m, stream_id id, idpos *at) noexcept nogil:
    cdef idblock *b
    if m.count == 0:
        return NULL
    at.block = block_for(m, id)
    b = m.blocks[at.block]
    at.i = place_in(b, id)
    if at.i < b.count and id_compare(b.item[at.i][0], id) == 0:
        return b.item[at.i]
    return idmap_prev(m, at)


cdef void *idmap_find(idmap *m, stream_id id) noexcept nogil:
    cdef idblock *b
    cdef uint32_t i
    if m.count == 0:
        return NULL
    b = m.blocks[block_for(m, id)]
    i = place_in(b, id)
    return <void *>b.item[i] if i < b.count and id_compare(b.item[i][0], id) == 0 else NULL


cdef void *idmap_next(idmap *m, idpos *at) noexcept nogil:
    at.i += 1
    if at.i >= m.blocks[at.block].count:
        at.i = 0
        at.block += 1
        if at.block >= m.used:
            return NULL
    return m.blocks[at.block].item[at.i]


cdef void *idmap_prev(idmap *m, idpos *at) noexcept nogil:
    if at.i == 0:
        if at.block == 0:
            return NULL
        at.block -= 1
        at.i = m.blocks[at.block].count
    at.i -= 1
    return m.blocks[at.block].item[at.i]


cdef bint add_block(idmap *m, uint32_t at, uint32_t room) noexcept nogil:
    """Inserts an empty block at that position of the directory; False: no memory."""
    cdef idblock *b
    cdef void *p
    if m.used == m.room:
        p = mem_realloc(m.mem, m.blocks, m.room * sizeof(void *), (m.room * 2 + 1) * sizeof(void *))
        if p == NULL:
            return False
        m.blocks = <idblock **>p
        m.room = m.room * 2 + 1
    b = <idblock *>mem_alloc(m.mem, block_size(room))
    if b == NULL:
        return False
    b.count = 0
    b.room = room
    memmove(&m.blocks[at + 1], &m.blocks[at], (m.used - at) * sizeof(void *))
    m.blocks[at] = b
    m.used += 1
    return True


cdef bint idmap_insert(idmap *m, void *item) noexcept nogil:
    cdef stream_id id = (<stream_id *>item)[0]
    cdef uint32_t at, i, keep
    cdef idblock *b
    cdef idblock *right
    cdef void *p
    if m.used == 0 and not add_block(m, 0, FIRST):
        return False
    at = block_for(m, id) if m.count else 0
    b = m.blocks[at]
    i = place_in(b, id)
    if b.count == b.room and b.room < FULL:
        p = mem_realloc(m.mem, b, block_size(b.room), block_size(b.room * 2))
        if p == NULL:
            return False
        b = <idblock *>p
        b.room *= 2
        m.blocks[at] = b
    elif b.count == FULL:
        if not add_block(m, at + 1, FULL):
            return False
        right = m.blocks[at + 1]
        keep = FULL if i == FULL and at + 2 == m.used else FULL // 2      # ascending ids leave full blocks behind
        right.count = FULL - keep
        memcpy(&right.item[0], &b.item[keep], right.count * sizeof(void *))
        b.count = keep
        if i > keep or right.count == 0:
            i -= keep
            b = right
    memmove(&b.item[i + 1], &b.item[i], (b.count - i) * sizeof(void *))
    b.item[i] = <stream_id *>item
    b.count += 1
    m.count += 1
    return True


cdef void *idmap_remove(idmap *m, stream_id id) noexcept nogil:
    cdef uint32_t at, i
    cdef idblock *b
    cdef stream_id *item
    if m.count == 0:
        return NULL
    at = block_for(m, id)
    b = m.blocks[at]
    i = place_in(b, id)
    if i == b.count or id_compare(b.item[i][0], id) != 0:
        return NULL
    item = b.item[i]
    b.count -= 1
    memmove(&b.item[i], &b.item[i + 1], (b.count - i) * sizeof(void *))
    m.count -= 1
    if b.count == 0:
        mem_free(m.mem, b, block_size(b.room))
        m.used -= 1
        memmove(&m.blocks[at], &m.blocks[at + 1], (m.used - at) * sizeof(void *))
        if m.used == 0:
            idmap_release(m)
    return item


cdef bint idmap_move(idmap *m, void *item, stream_id id) noexcept nogil:
    """The new place is made first, for a key of its own: so nothing has to be undone if there is no memory."""
    cdef stream_id key = id
    cdef idblock *b
    if not idmap_insert(m, &key):
        return False
    idmap_remove(m, (<stream_id *>item)[0])
    (<stream_id *>item)[0] = id
    b = m.blocks[block_for(m, id)]
    b.item[place_in(b, id)] = <stream_id *>item
    return True


cdef size_t idmap_bytes(idmap *m) noexcept nogil:
    cdef size_t n = mem_cost(m.room * sizeof(void *)) if m.room else 0
    cdef uint32_t i
    for i in range(m.used):
        n += mem_cost(block_size(m.blocks[i].room))
    return n


cdef const char *idmap_check(idmap *m) noexcept nogil:
    cdef uint32_t b, i
    cdef size_t n = 0
    cdef stream_id *last = NULL
    for b in range(m.used):
        if m.blocks[b].count == 0 or m.blocks[b].count > m.blocks[b].room:
            return b"a block of ids has too few or too many"
        for i in range(m.blocks[b].count):
            if last != NULL and id_compare(last[0], m.blocks[b].item[i][0]) >= 0:
                return b"ids are out of order"
            last = m.blocks[b].item[i]
            n += 1
    if n != m.count:
        return b"ids are counted wrongly"
    return NULL
