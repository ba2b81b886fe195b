"""Lists.

    packed   BOXED, one listpack          while a node of list-max-listpack-size can hold it
    chain    BOXED, a quicklist

One implementation serves both: a packed list is opened as a quicklist of one node, which is on the
caller's stack and has no size limit; list_close puts the listpack back. list_grow, before anything is
added, turns a packed list that would get too large into a chain; list_repack, after something was
removed, turns one of a single half-empty node back.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kvd.core.entry cimport entry_payload
from kvd.core.listpack cimport lp_bytes, lp_check, lp_copy, lp_count, lp_first, lp_free, lp_get, lp_new, lp_next
from kvd.core.lzf cimport lzf_decompress
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.core.quicklist cimport (
    quicklist_adopt, quicklist_bytes, quicklist_check, quicklist_exceeds, quicklist_free, quicklist_free_some,
    quicklist_new, quicklist_settle,
)
from kvd.types.kind cimport LIST, boxed_new, encoding_of, kind_of


cdef inline uint8_t **packed(entry *e) noexcept nogil:
    return <uint8_t **>entry_payload(e)


cdef inline quicklist *chain(entry *e) noexcept nogil:
    return <quicklist *>entry_payload(e)[0]


cdef inline bint is_packed(entry *e) noexcept nogil:
    return encoding_of(e) == LIST_PACKED


cdef const char *list_encoding_name(entry *e) noexcept nogil:
    return b"listpack" if is_packed(e) else b"quicklist"


cdef entry *list_new(heap *h, view key) noexcept nogil:
    cdef uint8_t *lp = lp_new(h)
    cdef entry *e = boxed_new(h, key, LIST, LIST_PACKED, lp)
    if e == NULL and lp != NULL:
        lp_free(h, lp)
    return e


cdef size_t list_len(entry *e) noexcept nogil:
    return lp_count(packed(e)[0]) if is_packed(e) else chain(e).count


cdef void list_open(list_access *a, heap *h, entry *e, list_shape shape) noexcept nogil:
    a.e = e
    a.mem = h
    a.shape = shape
    if not is_packed(e):
        a.q = chain(e)
        return
    memset(&a.single, 0, sizeof(quicklist))
    memset(&a.node, 0, sizeof(quicknode))
    a.node.data = packed(e)[0]
    a.node.count = <uint32_t>lp_count(a.node.data)
    a.node.bytes = <uint32_t>lp_bytes(a.node.data)
    a.single.mem = h
    a.single.head = a.single.tail = &a.node
    a.single.count = a.node.count
    a.single.nodes = 1
    a.single.single = True
    a.q = &a.single


cdef bint list_grow(list_access *a, size_t bytes, size_t count) noexcept nogil:
    cdef quicklist *q
    if a.q != &a.single or not quicklist_exceeds(a.shape.fill, a.node.bytes + bytes, a.node.count + count):
        return True
    q = quicklist_new(a.mem, a.shape.fill, a.shape.depth)
    if q == NULL:
        return False
    if a.node.count == 0:
        lp_free(a.mem, a.node.data)
    elif not quicklist_adopt(q, a.node.data):
        quicklist_free(q)
        return False
    a.q = q
    entry_payload(a.e)[0] = q
    a.e.kind = kind_of(LIST, LIST_CHAIN)
    return True


cdef void list_close(list_access *a) noexcept nogil:
    if a.q == &a.single:
        packed(a.e)[0] = a.node.data
    else:
        quicklist_settle(a.q)


cdef void list_repack(heap *h, entry *e, list_shape shape) noexcept nogil:
    cdef quicklist *q = chain(e)
    cdef uint8_t *lp
    if is_packed(e) or q.nodes != 1 or q.head.squeezed:
        return
    if quicklist_exceeds(shape.fill, q.head.bytes * 2, q.head.count * 2 if shape.fill >= 0 else q.head.count):
        return
    lp = q.head.data
    mem_free(h, q.head, sizeof(quicknode))
    mem_free(h, q, sizeof(quicklist))
    packed(e)[0] = lp
    e.kind = kind_of(LIST, LIST_PACKED)


cdef void enter(list_cursor *c, quicknode *n) noexcept nogil:
    """Moves to the first element of node n, decompressed if necessary. n NULL: there is none."""
    free(c.unpacked)
    c.unpacked = NULL
    c.node = n
    c.p = NULL
    if n == NULL:
        return
    if n.squeezed == 0:
        c.p = lp_first(n.data)
        return
    c.unpacked = <uint8_t *>malloc(n.bytes)
    if c.unpacked == NULL or not lzf_decompress(n.data, n.squeezed, c.unpacked, n.bytes):
        c.failed = True
        return
    c.p = lp_first(c.unpacked)


cdef void list_start(entry *e, list_cursor *c) noexcept nogil:
    c.unpacked = NULL
    c.failed = False
    if is_packed(e):
        c.node = NULL
        c.p = lp_first(packed(e)[0])
    else:
        enter(c, chain(e).head)


cdef bint list_next(list_cursor *c, view *element) noexcept nogil:
    if c.p == NULL and c.node != NULL and not c.failed:
        enter(c, c.node.next)
    if c.p == NULL:
        return False
    element[0] = lp_get(c.p, c.text)
    c.p = lp_next(c.p)
    return True


cdef void list_end(list_cursor *c) noexcept nogil:
    free(c.unpacked)
    c.unpacked = NULL


cdef bint list_adopt(heap *h, entry *e, uint8_t *lp, list_shape shape) noexcept nogil:
    cdef list_access a
    if list_len(e) == 0 and is_packed(e) and not quicklist_exceeds(shape.fill, lp_bytes(lp), lp_count(lp)):
        lp_free(h, packed(e)[0])
        packed(e)[0] = lp
        return True
    list_open(&a, h, e, shape)
    a.shape.fill = 1               # it becomes a chain, whatever its size
    if not list_grow(&a, 0, 2):
        list_close(&a)
        return False
    if a.q != &a.single:
        a.q.fill = shape.fill
    if not quicklist_adopt(a.q, lp):
        list_close(&a)
        return False
    list_close(&a)
    return True


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint list_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    if is_packed(e):
        lp_free(h, packed(e)[0])
        return True
    while budget[0] > 0:
        if not quicklist_free_some(chain(e)):
            mem_free(h, chain(e), sizeof(quicklist))
            return True
        budget[0] -= 1
    return False


cdef size_t list_parts(entry *e) noexcept nogil:
    return 1 if is_packed(e) else chain(e).nodes


cdef size_t list_bytes(entry *e, size_t samples) noexcept nogil:
    if is_packed(e):
        return mem_cost(lp_bytes(packed(e)[0]))
    return quicklist_bytes(chain(e))


cdef bint list_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef quicklist *q
    cdef quicknode *n
    cdef uint8_t *lp
    if is_packed(source):
        packed(copy)[0] = lp_copy(h, packed(source)[0])
        return packed(copy)[0] != NULL
    q = quicklist_new(h, chain(source).fill, chain(source).depth)
    if q == NULL:
        return False
    n = chain(source).head
    while n != NULL:
        if n.squeezed:
            lp = <uint8_t *>mem_alloc(h, n.bytes)
            if lp != NULL:
                lzf_decompress(n.data, n.squeezed, lp, n.bytes)
        else:
            lp = lp_copy(h, n.data)
        if not quicklist_adopt(q, lp):
            if lp != NULL:
                lp_free(h, lp)
            quicklist_free(q)
            return False
        n = n.next
    quicklist_settle(q)
    entry_payload(copy)[0] = q
    return True


cdef const char *list_check(entry *e) noexcept nogil:
    if encoding_of(e) > LIST_CHAIN:
        return b"a list of unknown encoding"
    if is_packed(e):
        return lp_check(packed(e)[0], lp_bytes(packed(e)[0]))
    return quicklist_check(chain(e))
