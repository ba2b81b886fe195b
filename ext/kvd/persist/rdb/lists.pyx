"""Lists in RDB files: the nodes of a quicklist, as in memory.

Before version 10 nodes were ziplists, and a list is written as its elements one by one, as it was before version 7.
"""

from libc.stdint cimport uint8_t, uint64_t

from kvd.commands.lists cimport list_limits
from kvd.core.buf cimport buf_add
from kvd.core.entry cimport entry, entry_payload
from kvd.core.listpack cimport lp_bytes, lp_free
from kvd.core.quicklist cimport quicklist, quicklist_push, quicknode
from kvd.core.view cimport view
from kvd.persist.rdb.forms cimport RDB_LIST, RDB_LIST_QUICKLIST, RDB_LIST_QUICKLIST_2, RDB_LIST_ZIPLIST
from kvd.persist.rdb.lengths cimport (
    FORM_LZF, get_count, get_length, get_listpack, get_string, put_blob, put_byte, put_length, put_string, reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form
from kvd.persist.rdb.ziplist cimport get_ziplist
from kvd.types.kind cimport LIST, encoding_of
from kvd.types.list cimport (
    LIST_PACKED, list_access, list_adopt, list_close, list_end, list_grow, list_len, list_new, list_next, list_open,
    list_start,
)
from kvd.types.value cimport value_files

cdef enum:
    NODE_PLAIN = 1             # one element, not packed
    NODE_PACKED = 2


cdef void put_node(saving *w, quicknode *n) noexcept nogil:
    put_length(w.to.out, NODE_PACKED)
    if n.squeezed:
        put_byte(w.to.out, 0xC0 | FORM_LZF)
        put_length(w.to.out, n.squeezed)
        put_length(w.to.out, n.bytes)
        buf_add(w.to.out, n.data, n.squeezed)
    else:
        put_blob(&w.to, n.data, n.bytes)


cdef bint save_elements(saving *w) noexcept nogil:
    cdef view element
    if not w.begun:
        put_form(w, RDB_LIST)
        put_length(w.to.out, list_len(w.e))
        list_start(w.e, &w.at.elements)
    while w.to.out.len < w.upto:
        if not list_next(&w.at.elements, &element):
            w.to.out.failed = w.to.out.failed or w.at.elements.failed
            list_end(&w.at.elements)
            return True
        put_string(&w.to, element)
    return False


cdef bint save(void *context) noexcept nogil:
    cdef saving *w = <saving *>context
    cdef quicklist *q = <quicklist *>entry_payload(w.e)[0]
    cdef uint8_t *lp = <uint8_t *>q                       # of a packed one
    if w.version < 10:
        return save_elements(w)
    if not w.begun:
        put_form(w, RDB_LIST_QUICKLIST_2)
        if encoding_of(w.e) == LIST_PACKED:
            put_length(w.to.out, 1)
            put_length(w.to.out, NODE_PACKED)
            put_blob(&w.to, lp, lp_bytes(lp))
            return True
        put_length(w.to.out, q.nodes)
        w.at.node = q.head
    while w.at.node != NULL:
        if w.to.out.len >= w.upto:
            return False
        put_node(w, w.at.node)
        w.at.node = w.at.node.next
    return True


cdef void push(reader *r, entry *e, view v) noexcept nogil:
    cdef list_access a
    list_open(&a, r.mem, e, list_limits(r.s))
    if r.bad or not list_grow(&a, v.len, 1) or not quicklist_push(a.q, v, False):
        r.bad = True
    list_close(&a)


cdef void adopt(reader *r, entry *e, uint8_t *lp) noexcept nogil:
    """Appends a node; an empty one, as old servers wrote some, is skipped."""
    if lp == NULL and r.empty:
        r.bad = r.empty = False
    elif lp != NULL and not list_adopt(r.mem, e, lp, list_limits(r.s)):
        lp_free(r.mem, lp)
        r.bad = True


cdef void fill(reader *r, entry *e, int form) noexcept nogil:
    cdef uint64_t n
    cdef uint64_t node = NODE_PACKED
    if form == RDB_LIST_ZIPLIST:
        adopt(r, e, get_ziplist(r))
        return
    n = get_count(r, 1)
    while n and not r.bad:
        if form == RDB_LIST_QUICKLIST_2:
            node = get_length(r)
        if form == RDB_LIST or node == NODE_PLAIN:
            push(r, e, get_string(r, 0))
        elif form == RDB_LIST_QUICKLIST:
            adopt(r, e, get_ziplist(r))
        elif node == NODE_PACKED:
            adopt(r, e, get_listpack(r))
        else:
            r.bad = True
        n -= 1


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef entry *e = list_new(r.mem, key)
    if e == NULL:
        return NULL
    fill(r, e, form)
    if not r.bad and list_len(e) == 0:
        r.bad = r.empty = True
    return e


value_files(LIST, save, load)
for _form in (RDB_LIST, RDB_LIST_ZIPLIST, RDB_LIST_QUICKLIST, RDB_LIST_QUICKLIST_2):
    value_form(_form, LIST)
