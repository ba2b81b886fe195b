"""Pointers found by name: clients by id, scripts by SHA-1, functions by their names.

The table owns its entries and their copies of the names, never what they point to.
"""

from kvd.core.entry cimport BOXED, entry, entry_free, entry_new, entry_payload
from kvd.core.table cimport table_find, table_hash, table_insert, table_remove


cdef bint pointer_put(table *t, view name, void *p) noexcept nogil:
    cdef entry *e = entry_new(t.mem, name, 0, BOXED)
    if e == NULL:
        return False
    entry_payload(e)[0] = p
    if table_insert(t, e, table_hash(name)):
        return True
    entry_free(t.mem, e)
    return False


cdef void *pointer_find(table *t, view name) noexcept nogil:
    cdef entry *e = table_find(t, name, table_hash(name))
    return entry_payload(e)[0] if e != NULL else NULL


cdef void *pointer_take(table *t, view name) noexcept nogil:
    cdef entry *e = table_find(t, name, table_hash(name))
    cdef void *p
    if e == NULL:
        return NULL
    p = entry_payload(e)[0]
    table_remove(t, e, table_hash(name))
    entry_free(t.mem, e)
    return p
