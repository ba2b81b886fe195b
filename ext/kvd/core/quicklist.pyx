"""A long sequence as a chain of listpacks.

    head <-> node <-> node <-> tail        each: a listpack of up to list-max-listpack-size

Pushing and popping touch one end's listpack. A lookup by index skips whole nodes by their counts, from
the nearer end. Inserting into a full node divides it. A node takes 48 bytes beside its listpack, which
with the usual 8 KiB is half a percent.

With list-compress-depth N, all nodes but N at each end are held compressed by LZF if that makes them
smaller. A command decompresses the nodes it walks over; quicklist_settle, at its end, compresses
opened and moved nodes again. An element of any size is held in a listpack, alone if it is
larger than a node may be.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from kvd.core.listpack cimport (
    LP_HEADER, lp_bytes, lp_check, lp_count, lp_delete, lp_first, lp_free, lp_insert, lp_join, lp_last, lp_need,
    lp_new, lp_next, lp_prev, lp_replace, lp_seek,
)
from kvd.core.lzf cimport lzf_compress, lzf_decompress
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free

cdef enum:
    SAFE_BYTES = 8192          # most bytes of a node that is limited by its count
    LEAST_SQUEEZE = 48         # smaller nodes are not compressed
    LEAST_GAIN = 8


cdef inline size_t byte_limit(int64_t fill) noexcept nogil:
    """Of a negative fill: 4, 8, 16, 32, 64 KiB."""
    return <size_t>4096 << (min(-fill, <int64_t>5) - 1)


cdef bint quicklist_exceeds(int64_t fill, size_t bytes, size_t count) noexcept nogil:
    if fill < 0:
        return bytes > byte_limit(fill)
    return bytes > SAFE_BYTES or count > <size_t>max(fill, <int64_t>1)


cdef quicklist *quicklist_new(heap *h, int64_t fill, int64_t depth) noexcept nogil:
    cdef quicklist *q = <quicklist *>mem_alloc(h, sizeof(quicklist))
    if q != NULL:
        memset(q, 0, sizeof(quicklist))
        q.mem = h
        q.fill = fill
        q.depth = depth
    return q


# ---- nodes ------------------------------------------------------------------------------------------

cdef quicknode *node_new(quicklist *q, uint8_t *lp) noexcept nogil:
    """A node that is not linked yet and takes lp over; NULL: no memory, or lp is NULL."""
    cdef quicknode *n = <quicknode *>mem_alloc(q.mem, sizeof(quicknode)) if lp != NULL else NULL
    if n == NULL:
        return NULL
    memset(n, 0, sizeof(quicknode))
    n.data = lp
    n.count = <uint32_t>lp_count(lp)
    n.bytes = <uint32_t>lp_bytes(lp)
    return n


cdef void link(quicklist *q, quicknode *n, quicknode *before) noexcept nogil:
    """Links n after `before`; NULL: at the head."""
    n.prev = before
    n.next = before.next if before != NULL else q.head
    if n.next != NULL:
        n.next.prev = n
    else:
        q.tail = n
    if before != NULL:
        before.next = n
    else:
        q.head = n
    q.nodes += 1


cdef void drop(quicklist *q, quicknode *n) noexcept nogil:
    """Unlinks and frees a node and its content. The one node of a `single` list stays, emptied."""
    if q.single:
        lp_delete(q.mem, &n.data, n.data + LP_HEADER, n.count)
        n.count = 0
        n.bytes = <uint32_t>lp_bytes(n.data)
        return
    if n.prev != NULL:
        n.prev.next = n.next
    else:
        q.head = n.next
    if n.next != NULL:
        n.next.prev = n.prev
    else:
        q.tail = n.prev
    q.nodes -= 1
    q.opened -= n.opened
    mem_free(q.mem, n.data, n.squeezed if n.squeezed else n.bytes)
    mem_free(q.mem, n, sizeof(quicknode))


cdef bint open_node(quicklist *q, quicknode *n) noexcept nogil:
    """Decompresses the node if necessary. False: no memory."""
    cdef uint8_t *lp
    if n.squeezed == 0:
        return True
    lp = <uint8_t *>mem_alloc(q.mem, n.bytes)
    if lp == NULL:
        return False
    lzf_decompress(n.data, n.squeezed, lp, n.bytes)
    mem_free(q.mem, n.data, n.squeezed)
    n.data = lp
    n.squeezed = 0
    n.opened = True
    q.opened += 1
    return True


cdef void squeeze(quicklist *q, quicknode *n) noexcept nogil:
    cdef uint8_t *room
    cdef uint8_t *kept
    cdef size_t size
    q.opened -= n.opened
    n.opened = False
    if n.squeezed or n.bytes < LEAST_SQUEEZE:
        return
    room = <uint8_t *>mem_alloc(q.mem, n.bytes)
    if room == NULL:
        return
    size = lzf_compress(n.data, n.bytes, room, n.bytes - LEAST_GAIN)
    kept = <uint8_t *>mem_alloc(q.mem, size) if size else NULL
    if kept != NULL:
        memcpy(kept, room, size)
        lp_free(q.mem, n.data)
        n.data = kept
        n.squeezed = <uint32_t>size
    mem_free(q.mem, room, n.bytes)


cdef void quicklist_settle(quicklist *q) noexcept nogil:
    cdef quicknode *a = q.head
    cdef quicknode *b = q.tail
    cdef int64_t _
    if q.depth == 0 or q.single:
        return
    for _ in range(q.depth):
        if a == NULL or b == NULL:
            return
        open_node(q, a)
        open_node(q, b)
        q.opened -= a.opened
        a.opened = False
        q.opened -= b.opened
        b.opened = False
        if a == b or a.next == b:
            return
        a = a.next
        b = b.prev
    squeeze(q, a)
    squeeze(q, b)
    while q.opened and a != b:     # nodes between them that the command has opened
        if a.opened:
            squeeze(q, a)
        a = a.next


cdef inline void changed(quicknode *n) noexcept nogil:
    n.bytes = <uint32_t>lp_bytes(n.data)


cdef inline bint has_room(quicklist *q, quicknode *n, view v) noexcept nogil:
    return q.single or (n != NULL and not quicklist_exceeds(q.fill, n.bytes + lp_need(v), n.count + 1))


cdef quicknode *node_of(quicklist *q, view v, quicknode *before) noexcept nogil:
    """A new node that holds v, after `before`; or NULL."""
    cdef uint8_t *lp = lp_new(q.mem)
    cdef quicknode *n
    if lp == NULL:
        return NULL
    if not lp_insert(q.mem, &lp, NULL, v):
        lp_free(q.mem, lp)
        return NULL
    n = node_new(q, lp)
    if n == NULL:
        lp_free(q.mem, lp)
        return NULL
    link(q, n, before)
    q.count += 1
    n.opened = True
    q.opened += 1
    return n


cdef bint insert_at(quicklist *q, quicknode *n, uint8_t *p, view v) noexcept nogil:
    if not lp_insert(q.mem, &n.data, p, v):
        return False
    n.count += 1
    q.count += 1
    changed(n)
    return True


cdef void join_next(quicklist *q, quicknode *n) noexcept nogil:
    """Merges the next node into n if both are small."""
    cdef quicknode *m = n.next
    if m == NULL or q.single or quicklist_exceeds(q.fill, (n.bytes + m.bytes) * 2, (n.count + m.count) * 2):
        return
    if not open_node(q, n) or not open_node(q, m) or not lp_join(q.mem, &n.data, m.data):
        return
    n.count += m.count
    changed(n)
    drop(q, m)


# ---- both ends --------------------------------------------------------------------------------------

cdef bint quicklist_adopt(quicklist *q, uint8_t *lp) noexcept nogil:
    cdef quicknode *n = node_new(q, lp)
    if n == NULL:
        return False
    link(q, n, q.tail)
    q.count += n.count
    return True


cdef bint quicklist_push(quicklist *q, view v, bint front) noexcept nogil:
    cdef quicknode *n = q.head if front else q.tail
    if not has_room(q, n, v):
        return node_of(q, v, NULL if front else q.tail) != NULL
    return open_node(q, n) and insert_at(q, n, lp_first(n.data) if front else NULL, v)


# ---- positions --------------------------------------------------------------------------------------

cdef bint quicklist_seek(quicklist *q, int64_t index, quickpos *at) noexcept nogil:
    cdef quicknode *n
    cdef int64_t count = q.count
    if index < 0:
        index += count
    if index < 0 or index >= count:
        return False
    if index < count // 2:
        n = q.head
        while index >= <int64_t>n.count:
            index -= n.count
            n = n.next
    else:
        n = q.tail
        index -= count - n.count
        while index < 0:
            n = n.prev
            index += n.count
    at.node = n
    if not open_node(q, n):
        return False
    at.p = lp_seek(n.data, index)
    return True


cdef bint quicklist_next(quicklist *q, quickpos *at) noexcept nogil:
    at.p = lp_next(at.p)
    if at.p == NULL:
        at.node = at.node.next
        if at.node == NULL or not open_node(q, at.node):
            return False
        at.p = lp_first(at.node.data)
    return True


cdef bint quicklist_prev(quicklist *q, quickpos *at) noexcept nogil:
    at.p = lp_prev(at.node.data, at.p)
    if at.p == NULL:
        at.node = at.node.prev
        if at.node == NULL or not open_node(q, at.node):
            return False
        at.p = lp_last(at.node.data)
    return True


cdef bint divide(quicklist *q, quicknode *n, uint8_t *p) noexcept nogil:
    """Moves the elements from p on to a new node after n. p is not the first."""
    cdef uint8_t *lp
    cdef quicknode *m
    cdef uint8_t *t
    cdef size_t at = p - n.data
    cdef size_t size = n.bytes - at - 1
    cdef uint32_t kept = 0
    t = lp_first(n.data)
    while t != p:
        kept += 1
        t = lp_next(t)
    lp = <uint8_t *>mem_alloc(q.mem, LP_HEADER + size + 1)
    if lp == NULL:
        return False
    (<uint32_t *>lp)[0] = <uint32_t>(LP_HEADER + size + 1)
    (<unsigned short *>(lp + 4))[0] = <unsigned short>min(n.count - kept, <uint32_t>65535)
    memcpy(lp + LP_HEADER, p, size + 1)
    m = node_new(q, lp)
    if m == NULL:
        lp_free(q.mem, lp)
        return False
    link(q, m, n)
    m.opened = True
    q.opened += 1
    lp_delete(q.mem, &n.data, p, n.count - kept)
    n.count = kept
    changed(n)
    join_next(q, m)
    return True


cdef bint quicklist_insert(quicklist *q, quickpos *at, view v, bint after) noexcept nogil:
    cdef quicknode *n = at.node
    cdef uint8_t *p = lp_next(at.p) if after else at.p
    if has_room(q, n, v):
        return insert_at(q, n, p, v)
    if p == NULL:
        if has_room(q, n.next, v):
            return open_node(q, n.next) and insert_at(q, n.next, lp_first(n.next.data), v)
        return node_of(q, v, n) != NULL
    if p == lp_first(n.data):
        if has_room(q, n.prev, v):
            return open_node(q, n.prev) and insert_at(q, n.prev, NULL, v)
        return node_of(q, v, n.prev) != NULL
    if not divide(q, n, p):
        return False
    if has_room(q, n, v):
        return insert_at(q, n, NULL, v)
    return node_of(q, v, n) != NULL


cdef bint quicklist_replace(quicklist *q, quickpos *at, view v) noexcept nogil:
    cdef quicknode *n = at.node
    if q.single or not quicklist_exceeds(q.fill, at.node.bytes + lp_need(v), at.node.count) or at.node.count == 1:
        if not lp_replace(q.mem, &at.node.data, at.p, v):
            return False
        changed(at.node)
        return True
    if at.p != lp_first(n.data):       # first split before and after it, so that it is alone in a node
        if not divide(q, n, at.p):
            return False
        n = n.next
    if lp_next(lp_first(n.data)) != NULL and not divide(q, n, lp_next(lp_first(n.data))):
        return False
    if not lp_replace(q.mem, &n.data, lp_first(n.data), v):
        return False
    changed(n)
    return True


cdef bint quicklist_remove(quicklist *q, quickpos *at) noexcept nogil:
    cdef quicknode *n = at.node
    q.count -= 1
    n.count -= 1
    if n.count == 0 and not q.single:
        at.node = n.next
        n.count = 1
        drop(q, n)
        if at.node == NULL or not open_node(q, at.node):
            return False
        at.p = lp_first(at.node.data)
        return True
    at.p = lp_delete(q.mem, &n.data, at.p, 1)
    changed(n)
    if at.p == NULL:
        at.node = n.next
        if at.node == NULL or not open_node(q, at.node):
            return False
        at.p = lp_first(at.node.data)
    return True


cdef void quicklist_cut(quicklist *q, int64_t start, size_t n) noexcept nogil:
    cdef quickpos at
    cdef quicknode *node
    cdef quicknode *before
    cdef uint8_t *p
    cdef size_t here, index
    if n == 0 or not quicklist_seek(q, start, &at):
        return
    node = at.node
    before = node.prev
    index = 0
    p = lp_first(node.data)
    while p != at.p:
        p = lp_next(p)
        index += 1
    while n and node != NULL:
        at.node = node.next
        here = min(n, node.count - index)
        q.count -= here
        n -= here
        if here == node.count and not q.single:
            drop(q, node)
        else:
            if not open_node(q, node):
                q.count += here
                return
            lp_delete(q.mem, &node.data, lp_seek(node.data, index), here)
            node.count -= <uint32_t>here
            changed(node)
            before = node
        node = at.node
        index = 0
    if before != NULL:
        join_next(q, before)


# ---- whole ------------------------------------------------------------------------------------------

cdef bint quicklist_free_some(quicklist *q) noexcept nogil:
    if q.head == NULL:
        return False
    drop(q, q.head)
    return True


cdef void quicklist_free(quicklist *q) noexcept nogil:
    while quicklist_free_some(q):
        pass
    mem_free(q.mem, q, sizeof(quicklist))


cdef size_t quicklist_bytes(quicklist *q) noexcept nogil:
    cdef quicknode *n = q.head
    cdef size_t total = mem_cost(sizeof(quicklist))
    while n != NULL:
        total += mem_cost(sizeof(quicknode)) + mem_cost(n.squeezed if n.squeezed else n.bytes)
        n = n.next
    return total


cdef const char *quicklist_check(quicklist *q) noexcept nogil:
    cdef quicknode *n = q.head
    cdef quicknode *last = NULL
    cdef size_t count = 0
    cdef size_t nodes = 0
    cdef const char *wrong
    while n != NULL:
        if n.prev != last:
            return b"list nodes are linked wrongly"
        if n.count == 0 and not q.single:
            return b"a list node is empty"
        if n.opened and q.depth:
            return b"a list node was left open"
        if n.squeezed == 0:
            wrong = lp_check(n.data, n.bytes)
            if wrong != NULL:
                return wrong
            if lp_count(n.data) != n.count:
                return b"a list node counts wrongly"
        count += n.count
        nodes += 1
        last = n
        n = n.next
    if last != q.tail or count != q.count or nodes != q.nodes:
        return b"a list counts wrongly"
    return NULL
