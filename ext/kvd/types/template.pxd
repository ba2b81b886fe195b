"""Templates: names of fields that hashes share. See template.pyx."""

from libc.stdint cimport UINT32_MAX, uint8_t

from kvd.core.entry cimport entry, entry_key
from kvd.core.mem cimport heap
from kvd.core.view cimport view, view_of

cdef enum:
    MOST_FIELDS = 64           # of a template
    NAMES_ROOM = 1024

cdef struct names:             # of fields, in order
    size_t len
    uint8_t bytes[NAMES_ROOM]  # how many 1 | length 1, name | length 1, name ...

cdef bint names_add(names *n, view field) noexcept nogil                  # False: a template cannot have so many, or so long ones
cdef entry *template_find(heap *h, names *n, bint at_once) noexcept nogil  # NULL: there is none, not at_once, and these names were not met before; or no memory, or a name is in it twice
cdef entry *template_extended(heap *h, entry *t, view field) noexcept nogil   # the one that has this field at its end, or NULL
cdef entry *template_reduced(heap *h, entry *t, int i) noexcept nogil       # the one without field i, or NULL
# all three count the caller as a hash of it
cdef int template_index(entry *t, view field) noexcept nogil              # -1: it has no such field
cdef void template_release(heap *h, entry *t) noexcept nogil              # a hash less; the last one frees it
cdef const char *template_check(entry *t) noexcept nogil
cdef size_t templates_used(heap *h) noexcept nogil                        # hashes of all templates together


cdef inline void names_start(names *n) noexcept nogil:
    n.bytes[0] = 0
    n.len = 1


cdef inline entry *template_held(entry *t) noexcept nogil:
    """A hash more. NULL: t is NULL, or has as many as can be counted."""
    if t == NULL or t.access == UINT32_MAX:
        return NULL
    t.access += 1
    return t


cdef inline int template_count(entry *t) noexcept nogil:
    return <uint8_t>entry_key(t).ptr[0]


cdef inline const uint8_t *template_first(entry *t) noexcept nogil:
    """Where its first name begins."""
    return <const uint8_t *>entry_key(t).ptr + 1


cdef inline const uint8_t *template_next(const uint8_t *p, view *field) noexcept nogil:
    """The name at p; returns where the next one begins."""
    field[0] = view_of(<const char *>p + 1, p[0])
    return p + 1 + p[0]
