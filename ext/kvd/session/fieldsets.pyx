"""Fieldsets: names of fields under one name, for HIMPORT SET, which then takes values only.

They belong to a session and end with it or with RESET. The fields are sorted when the set is prepared, by length and then by
bytes, as Redis keeps those of a template, so hashes of one fieldset have their fields in one order; a field named twice is found
on the way. Their memory is the session's.
"""

from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

from kvd.core.view cimport view_equal, view_of
from kvd.session.session cimport session_account


cdef int compare(const void *a, const void *b) noexcept nogil:
    cdef const slot *x = <const slot *>a
    cdef const slot *y = <const slot *>b
    if x.field.len != y.field.len:
        return -1 if x.field.len < y.field.len else 1
    return memcmp(x.field.ptr, y.field.ptr, x.field.len) if x.field.len else 0


cdef view copied(char **room, view v) noexcept nogil:
    cdef view copy = view_of(room[0], v.len)
    if v.len:
        memcpy(room[0], v.ptr, v.len)
    room[0] += v.len
    return copy


cdef bint names_twice(const fieldset *f) noexcept nogil:
    cdef int i
    for i in range(1, f.count):
        if view_equal(f.slots[i].field, f.slots[i - 1].field):
            return True
    return False


cdef fieldset *fieldset_new(view name, view *fields, int count) noexcept nogil:
    cdef size_t bytes = sizeof(fieldset) + count * sizeof(slot) + name.len
    cdef fieldset *f
    cdef char *room
    cdef int i
    for i in range(count):
        bytes += fields[i].len
    f = <fieldset *>malloc(bytes)
    if f == NULL:
        return NULL
    f.bytes = bytes
    f.count = count
    f.slots = <slot *>(f + 1)
    room = <char *>(f.slots + count)
    f.name = copied(&room, name)
    for i in range(count):
        f.slots[i].field = copied(&room, fields[i])
        f.slots[i].value = i
    qsort(f.slots, count, sizeof(slot), compare)
    return f


cdef fieldset *fieldset_find(session *c, view name) noexcept nogil:
    cdef fieldset *f = <fieldset *>c.fieldsets
    while f != NULL and not view_equal(f.name, name):
        f = f.next
    return f


cdef void add_bytes(session *c, int64_t n) noexcept nogil:
    c.fieldset_bytes += n
    session_account(c)


cdef int fieldset_put(session *c, view name, view *fields, int count) noexcept nogil:
    cdef fieldset *f = fieldset_new(name, fields, count)
    if f == NULL:
        return -1
    if names_twice(f):
        free(f)
        return 0
    fieldset_drop(c, name)
    f.next = <fieldset *>c.fieldsets
    c.fieldsets = f
    add_bytes(c, f.bytes)
    return 1


cdef bint fieldset_drop(session *c, view name) noexcept nogil:
    cdef fieldset **link = <fieldset **>&c.fieldsets
    cdef fieldset *f
    while link[0] != NULL and not view_equal(link[0].name, name):
        link = &link[0].next
    f = link[0]
    if f == NULL:
        return False
    link[0] = f.next
    add_bytes(c, -<int64_t>f.bytes)
    free(f)
    return True


cdef int64_t fieldsets_clear(session *c) noexcept nogil:
    cdef int64_t n = 0
    cdef fieldset *f
    while c.fieldsets != NULL:
        f = <fieldset *>c.fieldsets
        c.fieldsets = f.next
        free(f)
        n += 1
    c.fieldset_bytes = 0
    return n
