"""Tags of the object cache's entries: which entries carry a tag, and which tags an entry has.

    all       dictionary: name -> Tag, the set of node numbers that carry it
    notes     column: node number -> tuple of its Tags, an owned reference

Changing numbers in a set runs no Python code, so tags_take and tags_put may run while the cache is being changed.
Looking up a name compares names, which may run Python code: an empty Tag is therefore dropped later and marked `gone`, and code
that holds it looks up the name again.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF

from kvd.core.slab cimport column_at, column_reserve
from kvd.doors.glue cimport owned

cimport cython


@cython.final
cdef class Tag:
    def __cinit__(self, name):
        self.name = name
        self.numbers = set()


cdef tuple tag_names(object tags):
    cdef tuple names = (tags,) if isinstance(tags, str) else tuple(tags)
    hash(names)
    return names


cdef tuple tags_named(dict all, tuple names):
    return tuple([all.setdefault(name, Tag(name)) for name in names])


cdef bint tags_gone(tuple tags) noexcept:
    cdef Tag tag
    for tag in tags:
        if tag.gone:
            return True
    return False


cdef tuple tags_take(column *notes, uint32_t i):
    cdef PyObject **p = <PyObject **>column_at(notes, i)
    cdef tuple tags
    cdef Tag tag
    if p == NULL or p[0] == NULL:
        return None
    tags = <tuple>owned(p[0])
    p[0] = NULL
    for tag in tags:
        tag.numbers.discard(i)
    return tags


cdef int tags_put(column *notes, uint32_t i, tuple tags) except -1:
    cdef Tag tag
    if not column_reserve(notes, i):
        raise MemoryError()
    for tag in tags:
        tag.numbers.add(i)
    Py_INCREF(tags)
    (<void **>column_at(notes, i))[0] = <void *>tags
    return 0


cdef tuple tags_of(column *notes, uint32_t i):
    cdef PyObject **p = <PyObject **>column_at(notes, i)
    return <tuple>p[0] if p != NULL and p[0] != NULL else None


cdef void tags_drop_empty(dict all, tuple tags) noexcept:
    cdef Tag tag
    for tag in tags:
        if not tag.numbers and all.get(tag.name) is tag:
            tag.gone = True
            del all[tag.name]
